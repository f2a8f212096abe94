// A thread's life in user mode, from RtlUserThreadStart to its end.
//
// The frame here is the outermost one: an exception that reaches it is one that nobody handles.
// In the books: "thread creation", "unhandled exceptions". PRC-08, EXC-04
#include "ntdllp.h"

extern "C" {

void NTAPI RtlpRunThread(PUSER_THREAD_START_ROUTINE StartRoutine, PVOID Parameter) {
    RtlExitUserThread(StartRoutine(Parameter));
}

void NTAPI RtlExitUserThread(NTSTATUS ExitStatus) {
    EXCEPTION_RECORD record{};
    record.ExceptionCode = ExitStatus;
    record.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
    CONTEXT context;
    RtlCaptureContext(&context);
    for (;;)
        (void)NtRaiseException(&record, &context, FALSE);
}
}
