// The first program: it asks the system for the time, and ends with the number of processors as its status.
//
// It imports from ntdll.dll only. Such a program has the entry point NtProcessStartup, which gets the PEB.
// In the books: "user-mode processes", "system library". SYS-01
#include "ntdll.h"

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    if (Peb != NtCurrentPeb()) return STATUS_INVALID_PARAMETER;
    LARGE_INTEGER time;
    NT_TRY(NtQuerySystemTime(&time));
    return static_cast<NTSTATUS>(Peb->NumberOfProcessors);
}
