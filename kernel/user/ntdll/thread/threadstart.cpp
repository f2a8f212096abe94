// A thread's life in user mode, from RtlUserThreadStart to its end, and the end of the process.
//
// The frame here is the outermost one: an exception that reaches it is one that nobody handles.
// In the books: "thread creation", "unhandled exceptions". PRC-08, EXC-04
#include "ntdllp.h"

#include "ps/services.h"

extern "C" {

void NTAPI RtlpRunThread(PUSER_THREAD_START_ROUTINE StartRoutine, PVOID Parameter) {
    __try {
        RtlExitUserThread(StartRoutine(Parameter));
    } __except (RtlpUnhandledException(GetExceptionInformation())) {
        RtlExitUserProcess(GetExceptionCode());
    }
}

void NTAPI RtlExitUserThread(NTSTATUS ExitStatus) {
    LdrShutdownThread();
    NtCurrentTeb()->FreeStackOnTermination = TRUE; // the kernel does it, when nothing runs on it any more
    for (;;)
        (void)NtTerminateThread(nullptr, ExitStatus);
}

void NTAPI RtlExitUserProcess(NTSTATUS ExitStatus) {
    (void)NtTerminateProcess(nullptr, ExitStatus); // the other threads
    LdrShutdownProcess();
    for (;;)
        (void)NtTerminateProcess(NtCurrentProcess(), ExitStatus);
}
}
