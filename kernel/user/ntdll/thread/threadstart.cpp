// A thread's life in user mode, from RtlUserThreadStart to its end, and the end of the process.
//
// The frame here is the outermost one: an exception that reaches it is one that nobody handles.
// In the books: "thread creation", "unhandled exceptions". PRC-08, EXC-04
#include "ntdllp.h"

#include "ps/information.h"
#include "ps/services.h"

bool RtlpProcessEnds;
NTSTATUS RtlpEndingStatus;

namespace {

/// Whether the process has no other thread. Of two that end at the same moment both may hear no.
bool IsLastThread() {
    constexpr LONG_PTR currentThread = -2; // documented
    ULONG last = 0;
    return NT_SUCCESS(NtQueryInformationThread(reinterpret_cast<HANDLE>(currentThread),
                                               THREADINFOCLASS::ThreadAmILastThread, &last, sizeof(last), nullptr)) &&
           last != 0;
}

[[noreturn]] void End(NTSTATUS status) {
    for (;;)
        (void)NtTerminateProcess(NtCurrentProcess(), status);
}

} // namespace

extern "C" {

void NTAPI RtlpRunThread(PUSER_THREAD_START_ROUTINE StartRoutine, PVOID Parameter) {
    __try {
        RtlExitUserThread(StartRoutine(Parameter));
    } __except (RtlpUnhandledException(GetExceptionInformation())) {
        End(GetExceptionCode()); // no DllMain: nobody knows in what state the process is
    }
}

void NTAPI RtlExitUserThread(NTSTATUS ExitStatus) {
    if (IsLastThread()) RtlExitUserProcess(ExitStatus); // the DLLs are told that all of it ends
    LdrShutdownThread();
    NtCurrentTeb()->FreeStackOnTermination = TRUE; // the kernel does it, when nothing runs on it any more
    for (;;)
        (void)NtTerminateThread(nullptr, ExitStatus);
}

void NTAPI RtlExitUserProcess(NTSTATUS ExitStatus) {
    PEB* const peb = NtCurrentPeb();
    // No other thread ends inside of the loader or the heap: DllMains need both.
    if (peb->LoaderLock) (void)RtlEnterCriticalSection(peb->LoaderLock);
    if (peb->ProcessHeap) (void)RtlLockHeap(peb->ProcessHeap);
    RtlpEndingStatus = ExitStatus;
    RtlpProcessEnds = true;
    (void)NtTerminateProcess(nullptr, ExitStatus);
    if (peb->ProcessHeap) (void)RtlUnlockHeap(peb->ProcessHeap);
    LdrShutdownProcess();
    End(ExitStatus);
}
}
