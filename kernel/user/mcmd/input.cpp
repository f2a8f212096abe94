// Lines that are typed. The shell edits them itself, character by character, so that it can complete a word; history comes with the editor.
//
// At the prompt the console gives each character, Ctrl+C too. While a program runs, it edits lines and makes Ctrl+C an event, as programs
// expect. Input that is no console, a file, is read as it is.
// In the books: "console windows". SYS-05
#include "mcmd.h"

#include "rtl/lineedit.h"

namespace {

constexpr CHAR TAB = '\t', CTRL_D = 0x04, CTRL_Z = 0x1A, REPRINT = CONSOLE_REPRINT_KEY;
constexpr ULONG PROGRAMS_MODE = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT;

nt::LineEditor Editor;
CHAR Echo[nt::LineEditor::ECHO_SIZE];

HANDLE Input() { return NtCurrentPeb()->ProcessParameters->StandardInput; }

bool SetMode(ULONG mode) {
    IO_STATUS_BLOCK block;
    return NT_SUCCESS(NtDeviceIoControlFile(Input(), nullptr, nullptr, nullptr, &block, IOCTL_CONSOLE_SET_MODE, &mode,
                                            sizeof(mode), nullptr, 0));
}

NTSTATUS ReadByte(CHAR* byte) {
    IO_STATUS_BLOCK block;
    NT_TRY(NtReadFile(Input(), nullptr, nullptr, nullptr, &block, byte, 1, nullptr, nullptr));
    return block.Information == 1 ? STATUS_SUCCESS : STATUS_END_OF_FILE;
}

void Show(PCSTR text) {
    (void)nt::WriteText(NtCurrentPeb()->ProcessParameters->StandardOutput, text, ULONG(strlen(text)));
}

void ShowAgain() {
    McmdPrompt();
    Show(Editor.Line());
}

void Complete() {
    CHAR add[64];
    const bool listed = McmdComplete(Editor.Line(), add, sizeof(add));
    if (listed) ShowAgain();
    for (PCSTR at = add; *at; at++) {
        (void)Editor.Feed(*at, Echo);
        Show(Echo);
    }
}

/// One line of somebody who types.
NTSTATUS Edit() {
    Editor.Begin();
    for (;;) {
        CHAR byte;
        NT_TRY(ReadByte(&byte));
        if (byte == TAB) {
            Complete();
        } else if (byte == REPRINT) {
            Show("\n");
            ShowAgain();
        } else if (Editor.Length() == 0 && (byte == CTRL_D || byte == CTRL_Z)) {
            Show("^Z\n");
            return STATUS_END_OF_FILE;
        } else {
            const nt::LineEditor::Result result = Editor.Feed(byte, Echo);
            Show(Echo);
            if (result == nt::LineEditor::Result::Line) return STATUS_SUCCESS;
            if (result == nt::LineEditor::Result::Abandoned) return STATUS_CANCELLED;
        }
    }
}

/// One line of a file. The last one may lack its end.
NTSTATUS ReadPlain(CHAR* line, ULONG size, ULONG* length) {
    for (*length = 0; *length < size; ++*length) {
        const NTSTATUS status = ReadByte(&line[*length]);
        if (status == STATUS_END_OF_FILE && *length != 0) break;
        NT_TRY(status);
        if (line[*length] == '\n') break;
    }
    while (*length != 0 && line[*length - 1] == '\r')
        --*length;
    return STATUS_SUCCESS;
}

} // namespace

void McmdPrompt() { nt::Print("C:\\> "); }

void McmdLendConsole() {
    (void)NtClearEvent(Mcmd.ControlC); // of a program before
    (void)SetMode(PROGRAMS_MODE);
}

NTSTATUS McmdReadLine(MCMD_TEXT* line) {
    CHAR plain[nt::LineEditor::LINE_SIZE];
    PCSTR text = plain;
    ULONG length, wide;
    const bool console = SetMode(0);
    McmdPrompt();
    if (console) {
        NT_TRY(Edit());
        text = Editor.Line();
        length = Editor.Length();
    } else {
        NT_TRY(ReadPlain(plain, sizeof(plain), &length));
    }
    NT_TRY(RtlMultiByteToUnicodeN(line->Characters, sizeof(line->Characters), &wide, text, length));
    line->String = {USHORT(wide), sizeof(line->Characters), line->Characters};
    return STATUS_SUCCESS;
}
