// Editing of a line and its history.
#include "lineedit.h"
#include "rtl/string.h"

namespace {

constexpr CHAR CTRL_C = 0x03;
constexpr CHAR CTRL_U = 0x15;
constexpr CHAR ESCAPE = 0x1B;
constexpr CHAR DEL = 0x7F;

PSTR Append(PSTR to, PCSTR text) {
    while (*text)
        *to++ = *text++;
    *to = 0;
    return to;
}

} // namespace

void KdpLineEditor::Begin() {
    m_length = 0;
    m_line[0] = 0;
    m_back = 0;
    m_escape = Escape::None;
}

PSTR KdpLineEditor::Wipe(PSTR echo) {
    for (; m_length; m_length--)
        echo = Append(echo, "\b \b");
    m_line[0] = 0;
    return echo;
}

void KdpLineEditor::Remember() {
    if (m_length == 0) return;
    const CHAR* const newest = m_history[(m_remembered + KD_HISTORY_LINES - 1) % KD_HISTORY_LINES];
    if (m_remembered && strcmp(newest, m_line) == 0) return;
    memcpy(m_history[m_remembered % KD_HISTORY_LINES], m_line, m_length + 1);
    m_remembered++;
}

void KdpLineEditor::Recall(LONG step, PSTR echo) {
    const ULONG kept = m_remembered < KD_HISTORY_LINES ? m_remembered : KD_HISTORY_LINES;
    const LONG back = static_cast<LONG>(m_back) + step;
    if (back < 0 || back > static_cast<LONG>(kept)) return;
    m_back = static_cast<ULONG>(back);
    echo = Wipe(echo);
    if (m_back == 0) return;
    const CHAR* const line = m_history[(m_remembered - m_back) % KD_HISTORY_LINES];
    m_length = static_cast<ULONG>(strlen(line));
    memcpy(m_line, line, m_length + 1);
    (void)Append(echo, m_line);
}

KdpLineEditor::Result KdpLineEditor::Feed(CHAR character, PSTR echo) {
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
        if (m_length == 0) return Result::More;
        m_line[--m_length] = 0;
        (void)Append(echo, "\b \b");
        return Result::More;
    default: break;
    }
    const bool printable = character >= ' ' && character < DEL;
    if (!printable || m_length == KD_LINE_SIZE - 1) return Result::More;
    m_line[m_length++] = character;
    m_line[m_length] = 0;
    echo[0] = character;
    echo[1] = 0;
    return Result::More;
}
