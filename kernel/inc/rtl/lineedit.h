// A line that somebody types, character by character: editing and the history of earlier lines.
//
// Knows nothing of the serial line: it takes characters and says what to show. The monitor and the console both use it.
// Backspace or DEL takes the last character back, Ctrl+U the whole line, Ctrl+C gives the line up, the arrow keys up and
// down (ESC [ A, ESC [ B) bring earlier lines. CR, LF or CR LF ends the line. Text is UTF-8: a character comes and goes whole.
// In the books: "kernel debugging". TOL-06, SYS-05
#pragma once

#include "nt/types.h"

namespace nt {

/// A line that is typed, with editing keys and a history.
class LineEditor {
public:
    /// What a byte has made of the line.
    enum class Result { More, Line, Abandoned };

    static constexpr ULONG LINE_SIZE = 256; ///< bytes, with the 0
    static constexpr ULONG HISTORY_LINES = 8;
    /// Enough to wipe a whole line (three characters each) and to write another.
    static constexpr ULONG ECHO_SIZE = 4 * LINE_SIZE;

    /// Begins an empty line.
    void Begin();
    /// Takes one byte. @param echo receives what to show, "" if nothing; ECHO_SIZE bytes.
    Result Feed(CHAR character, PSTR echo);
    /// The line, after Result::Line.
    [[nodiscard]] PSTR Line() { return m_line; }
    [[nodiscard]] ULONG Length() const { return m_length; }

private:
    /// How much of an arrow key's sequence has come.
    enum class Escape : UCHAR { None, Started, Bracket };

    void Remember();
    void Recall(LONG step, PSTR echo);
    PSTR Wipe(PSTR echo);
    bool TakeBack();
    void Add(CHAR character, PSTR echo);

    CHAR m_line[LINE_SIZE] = {};
    ULONG m_length = 0;
    ULONG m_expected = 0; ///< bytes that the last character still lacks
    Escape m_escape = Escape::None;
    bool m_lastWasReturn = false; ///< an LF that follows belongs to the CR
    CHAR m_history[HISTORY_LINES][LINE_SIZE] = {};
    ULONG m_remembered = 0; ///< lines ever remembered; the newest is at (m_remembered - 1) % HISTORY_LINES
    ULONG m_back = 0;       ///< how far back the shown line is: 0 is the one being typed
};

} // namespace nt
