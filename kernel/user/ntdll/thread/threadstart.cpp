// A thread's life in user mode, from RtlUserThreadStart to its end, and the end of the process.
//
// The frame here is the outermost one: an exception that reaches it is one that nobody handles.
// In the books: "thread creation", "unhandled exceptions". PRC-08, EXC-04
#include "ntdllp.h"

namespace {

/// Ends the thread, as an exception that nobody handles does. While there is no service that ends a process, this ends one, too: its
/// threads are one.
[[noreturn]] void End(NTSTATUS status) {
    EXCEPTION_RECORD record{};
    record.ExceptionCode = status;
    record.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
    CONTEXT context;
    RtlCaptureContext(&context);
    for (;;)
        (void)NtRaiseException(&record, &context, FALSE);
}

} // namespace

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
    End(ExitStatus);
}

void NTAPI RtlExitUserProcess(NTSTATUS ExitStatus) {
    LdrShutdownProcess();
    End(ExitStatus);
}
}
