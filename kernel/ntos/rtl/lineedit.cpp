// Editing of a line and its history.
#include "rtl/lineedit.h"
#include "rtl/string.h"

namespace {

constexpr CHAR CTRL_C = 0x03;
constexpr CHAR CTRL_U = 0x15;
constexpr CHAR ESCAPE = 0x1B;
constexpr CHAR DEL = 0x7F;

bool IsContinuation(CHAR character) { return (UCHAR(character) & 0xC0) == 0x80; }

/// How many bytes a UTF-8 character has that begins so.
ULONG BytesOf(CHAR first) {
    const auto byte = UCHAR(first);
    if (byte < 0xC0) return 1;
    return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

PSTR Append(PSTR to, PCSTR text) {
    while (*text)
        *to++ = *text++;
    *to = 0;
    return to;
}

} // namespace

namespace nt {

void LineEditor::Begin() {
    m_length = 0;
    m_expected = 0;
    m_line[0] = 0;
    m_back = 0;
    m_escape = Escape::None;
}

PSTR LineEditor::Wipe(PSTR echo) {
    while (TakeBack())
        echo = Append(echo, "\b \b");
    return echo;
}

/// Takes the last character off the line. @returns whether there was one
bool LineEditor::TakeBack() {
    m_expected = 0;
    if (m_length == 0) return false;
    while (m_length != 0 && IsContinuation(m_line[m_length - 1]))
        m_length--;
    if (m_length != 0) m_length--;
    m_line[m_length] = 0;
    return true;
}

/// Adds a byte of a character for which there is room, and shows it.
void LineEditor::Add(CHAR character, PSTR echo) {
    if (IsContinuation(character)) {
        if (m_expected == 0) return; // of no character, or of one that found no room
        m_expected--;
    } else {
        const ULONG bytes = BytesOf(character);
        if (m_length + bytes > LINE_SIZE - 1) return;
        m_expected = bytes - 1;
    }
    m_line[m_length++] = character;
    m_line[m_length] = 0;
    echo[0] = character;
    echo[1] = 0;
}

void LineEditor::Remember() {
    if (m_length == 0) return;
    const CHAR* const newest = m_history[(m_remembered + HISTORY_LINES - 1) % HISTORY_LINES];
    if (m_remembered && strcmp(newest, m_line) == 0) return;
    memcpy(m_history[m_remembered % HISTORY_LINES], m_line, m_length + 1);
    m_remembered++;
}

void LineEditor::Recall(LONG step, PSTR echo) {
    const ULONG kept = m_remembered < HISTORY_LINES ? m_remembered : HISTORY_LINES;
    const LONG back = static_cast<LONG>(m_back) + step;
    if (back < 0 || back > static_cast<LONG>(kept)) return;
    m_back = static_cast<ULONG>(back);
    echo = Wipe(echo);
    if (m_back == 0) return;
    const CHAR* const line = m_history[(m_remembered - m_back) % HISTORY_LINES];
    m_length = static_cast<ULONG>(strlen(line));
    memcpy(m_line, line, m_length + 1);
    (void)Append(echo, m_line);
}

LineEditor::Result LineEditor::Feed(CHAR character, PSTR echo) {
    echo[0] = 0;
    const bool afterReturn = m_lastWasReturn;
    m_lastWasReturn = character == '\r';

    if (m_escape == Escape::Started) {
        m_escape = character == '[' ? Escape::Bracket : Escape::None;
        return Result::More;
    }
    if (m_escape == Escape::Bracket) {
        m_escape = Escape::None;
        if (character == 'A') Recall(+1, echo);
        if (character == 'B') Recall(-1, echo);
        return Result::More;
    }
    switch (character) {
    case ESCAPE: m_escape = Escape::Started; return Result::More;
    case '\n':
        if (afterReturn) return Result::More;
        [[fallthrough]];
    case '\r':
        (void)Append(echo, "\n");
        Remember();
        return Result::Line;
    case CTRL_C: (void)Append(echo, "^C\n"); return Result::Abandoned;
    case CTRL_U: (void)Wipe(echo); return Result::More;
    case '\b':
    case DEL:
        if (TakeBack()) (void)Append(echo, "\b \b");
        return Result::More;
    default: break;
    }
    const auto byte = UCHAR(character);
    if (byte >= ' ' && byte != UCHAR(DEL) && byte < 0xF8) Add(character, echo);
    return Result::More;
}

} // namespace nt
