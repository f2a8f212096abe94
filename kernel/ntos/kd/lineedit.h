// A line typed at the prompt, character by character: editing and the history of earlier lines.
//
// Knows nothing of the serial line: it takes characters and says what to show, so it is tested on the host.
// Backspace or DEL takes the last character back, Ctrl+U the whole line, Ctrl+C gives the line up, the arrow keys up and
// down (ESC [ A, ESC [ B) bring earlier lines. CR, LF or CR LF ends the line.
// In the books: "kernel debugging". TOL-06
#pragma once

#include "nt/types.h"

constexpr ULONG KD_LINE_SIZE = 128;
constexpr ULONG KD_HISTORY_LINES = 8;

/// The line that is typed at the prompt, with editing keys and a history.
class KdpLineEditor {
public:
    enum class Result { More, Line, Abandoned };

    /// Begins an empty line.
    void Begin();
    /// Takes one character. @param echo receives what to show, "" if nothing; KD_ECHO_SIZE bytes.
    Result Feed(CHAR character, PSTR echo);
    /// The line, after Result::Line.
    [[nodiscard]] PSTR Line() { return m_line; }

    /// Enough to wipe a whole line (three characters each) and to write another.
    static constexpr ULONG KD_ECHO_SIZE = 4 * KD_LINE_SIZE;

private:
    enum class Escape : UCHAR { None, Started, Bracket };

    void Remember();
    void Recall(LONG step, PSTR echo);
    PSTR Wipe(PSTR echo);

    CHAR m_line[KD_LINE_SIZE] = {};
    ULONG m_length = 0;
    Escape m_escape = Escape::None;
    bool m_lastWasReturn = false; ///< an LF that follows belongs to the CR
    CHAR m_history[KD_HISTORY_LINES][KD_LINE_SIZE] = {};
    ULONG m_remembered = 0; ///< lines ever remembered; the newest is at (m_remembered - 1) % KD_HISTORY_LINES
    ULONG m_back = 0;       ///< how far back the shown line is: 0 is the one being typed
};
