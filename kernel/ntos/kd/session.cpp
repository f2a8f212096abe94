// A session's input and output.
#include "session.h"
#include "hal.h"
#include "kdp.h"
#include "ke.h"
#include "rtl/string.h"

namespace {

constexpr SIZE_T PRINT_SIZE = 256 + 1;
constexpr ULONG PAGE_ROWS = 23;    ///< of a 25-row screen: one for the question, one for the prompt
constexpr LONG POLL_INTERVAL = 30; ///< milliseconds between two looks at the serial line

bool IsBlank(CHAR character) { return character == ' ' || character == '\t'; }

} // namespace

void KD_SESSION::BeginCommand() {
    m_row = 0;
    m_enough = false;
}

void KD_SESSION::Emit(PSTR text) {
    if (m_buffer) {
        const SIZE_T length = strlen(text);
        const SIZE_T room = m_size ? m_size - 1 : 0;
        const SIZE_T taken = length < room ? length : room;
        memcpy(m_buffer, text, taken);
        m_buffer += taken;
        m_size -= taken;
        if (m_size) *m_buffer = 0;
        return;
    }
    KdpPutString(text);
    for (; *text; text++) {
        if (*text == '\n') m_row++;
    }
    if (m_paging && m_row >= PAGE_ROWS) EndPage();
}

void KD_SESSION::EndPage() {
    KdpPutString("-- more (q: enough) --");
    const CHAR answer = ReadChar();
    KdpPutString("\r                      \r");
    m_row = 0;
    m_enough = answer == 'q';
}

void KD_SESSION::Print(PCSTR format, ...) {
    if (m_enough) return;
    CHAR text[PRINT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)RtlStringCbVPrintf(text, sizeof(text), format, arguments); // cut text is better than none
    va_end(arguments);
    Emit(text);
}

bool KD_SESSION::HasWord() {
    while (IsBlank(*m_arguments))
        m_arguments++;
    return *m_arguments != 0;
}

bool KD_SESSION::NextWord(PSTR word, SIZE_T size) {
    if (!HasWord()) return false;
    for (; *m_arguments && !IsBlank(*m_arguments); m_arguments++) {
        if (size > 1) {
            *word++ = *m_arguments;
            size--;
        }
    }
    *word = 0;
    return true;
}

bool KD_SESSION::NextNumber(ULONG* number) {
    CHAR word[16];
    if (!NextWord(word, sizeof(word))) return false;
    if (NT_SUCCESS(nt::ReadNumber(word, 0, number))) return true;
    Print("%s is not a number\n", word);
    return false;
}

CHAR KD_SESSION::ReadChar() {
    for (;;) {
        const LONG character = HalDebugGetChar();
        if (character >= 0) return static_cast<CHAR>(character);
        if (m_stopped) YieldProcessor();
        LetOthersRun();
    }
}

void KD_SESSION::ReadLine(nt::LineEditor& editor) {
    CHAR echo[nt::LineEditor::ECHO_SIZE];
    for (;;) {
        KdpPutString("kd> ");
        editor.Begin();
        LetOthersRun();
        nt::LineEditor::Result result;
        do {
            result = editor.Feed(ReadChar(), echo);
            KdpPutString(echo);
        } while (result == nt::LineEditor::Result::More);
        if (result == nt::LineEditor::Result::Line) return;
    }
}

void KD_SESSION::LetOthersRun() {
    if (m_stopped) return;
    LARGE_INTEGER interval = KeRelativeMilliseconds(POLL_INTERVAL);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval); // only time can end it
}
