// A program whose handler leaves Ctrl+C to others: there are none, so it ends.
// imports: kernel32
#include "kernel32.h"

namespace {
BOOL NTAPI NotMine(DWORD) { return FALSE; }
} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    if (SetConsoleCtrlHandler(NotMine, TRUE) && GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) Sleep(INFINITE);
    return STATUS_UNSUCCESSFUL;
}
