// The line editor as somebody types: what is in the line, and what the terminal shows.
// TOL-06
#include "rtl/lineedit.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

/// An editor with a terminal that understands backspace.
class Terminal {
public:
    /// Types text; @returns the lines that were finished meanwhile. An abandoned line counts as "^C".
    std::vector<std::string> Type(const std::string& text) {
        std::vector<std::string> lines;
        for (const char character : text) {
            char echo[nt::LineEditor::ECHO_SIZE];
            const nt::LineEditor::Result result = m_editor.Feed(character, echo);
            Show(echo);
            if (result == nt::LineEditor::Result::More) continue;
            lines.push_back(result == nt::LineEditor::Result::Line ? m_editor.Line() : "^C");
            m_editor.Begin();
            m_shown.clear();
        }
        return lines;
    }
    [[nodiscard]] const std::string& Shown() const { return m_shown; }

private:
    void Show(const std::string& echo) {
        for (const char character : echo) {
            if (character != '\b') {
                m_shown.insert(m_cursor++, 1, character);
                m_shown.resize(m_cursor);
            } else {
                ASSERT_GT(m_cursor, 0u) << "the cursor left the line";
                m_cursor--;
            }
        }
        m_shown.resize(m_cursor);
        if (!echo.empty() && echo.back() == '\n') m_cursor = 0;
    }

    nt::LineEditor m_editor;
    std::string m_shown;
    size_t m_cursor = 0;
};

using Lines = std::vector<std::string>;
const std::string Up = "\x1b[A";
const std::string Down = "\x1b[B";

} // namespace

TEST(LineEditorTest, EveryEndOfLineEndsOneLine) {
    Terminal terminal;
    EXPECT_EQ(terminal.Type("a\rb\nc\r\nd\r"), (Lines{"a", "b", "c", "d"}));
    EXPECT_EQ(terminal.Type("\r\r"), (Lines{"", ""}));
}

TEST(LineEditorTest, BackspaceTakesBack) {
    Terminal terminal;
    terminal.Type("abc\b\x7f");
    EXPECT_EQ(terminal.Shown(), "a");
    EXPECT_EQ(terminal.Type("\b\b\bx\r"), (Lines{"x"}));
}

TEST(LineEditorTest, ControlUEmptiesAndControlCGivesUp) {
    Terminal terminal;
    terminal.Type("wrong\x15");
    EXPECT_EQ(terminal.Shown(), "");
    EXPECT_EQ(terminal.Type("ok\r"), (Lines{"ok"}));
    EXPECT_EQ(terminal.Type("half\x03rest\r"), (Lines{"^C", "rest"}));
}

TEST(LineEditorTest, ArrowsWalkThroughEarlierLines) {
    Terminal terminal;
    terminal.Type("one\rtwo\rthree\r");
    terminal.Type(Up);
    EXPECT_EQ(terminal.Shown(), "three");
    terminal.Type(Up + Up);
    EXPECT_EQ(terminal.Shown(), "one");
    terminal.Type(Up); // there is nothing older
    EXPECT_EQ(terminal.Shown(), "one");
    terminal.Type(Down);
    EXPECT_EQ(terminal.Shown(), "two");
    EXPECT_EQ(terminal.Type("!\r"), (Lines{"two!"}));
    terminal.Type(Up + Down);
    EXPECT_EQ(terminal.Shown(), "");
}

TEST(LineEditorTest, HistoryKeepsTheNewestAndNoRepeats) {
    Terminal terminal;
    for (ULONG i = 0; i < nt::LineEditor::HISTORY_LINES + 3; i++)
        terminal.Type("line" + std::to_string(i) + "\r");
    terminal.Type("line10\r\r"); // again the last one, and an empty line: neither is kept
    std::string ups;
    for (ULONG i = 0; i < nt::LineEditor::HISTORY_LINES + 3; i++)
        ups += Up;
    terminal.Type(ups);
    EXPECT_EQ(terminal.Shown(), "line3");
}

TEST(LineEditorTest, LongLinesStopGrowing) {
    Terminal terminal;
    const std::string longest(nt::LineEditor::LINE_SIZE - 1, 'x');
    EXPECT_EQ(terminal.Type(longest + "yyy\r"), (Lines{longest}));
    terminal.Type(Up + "\x15");
    EXPECT_EQ(terminal.Shown(), "");
}

TEST(LineEditorTest, OtherControlCharactersAreIgnored) {
    Terminal terminal;
    EXPECT_EQ(terminal.Type(std::string("a\0b", 3) + "\x01\x1b[C\x1bxc\xFF\x80\r"), (Lines{"abc"}));
}

// SYS-05
TEST(LineEditorTest, Utf8CharactersComeAndGoWhole) {
    Terminal terminal;
    EXPECT_EQ(terminal.Type("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\r"),
              (Lines{"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"}));
    EXPECT_EQ(terminal.Type("a\xC3\xA9\b\xE2\x82\xAC\b\b\bx\r"), (Lines{"x"}));
    const std::string filled(nt::LineEditor::LINE_SIZE - 2, 'x'); // room for one byte more
    EXPECT_EQ(terminal.Type(filled + "\xC3\xA9y\r"), (Lines{filled + "y"}));
}
