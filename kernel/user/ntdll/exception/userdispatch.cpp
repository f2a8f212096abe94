// Exceptions in user mode: vectored handlers first, then the frames of the thread, by the same code as in the kernel.
//
// What that code needs of its surroundings is here: the bounds of a stack, and what becomes of an exception that software raises.
// In the books: "exception dispatching". EXC-01, EXC-04
#include "ntdllp.h"

extern "C" {

BOOLEAN NTAPI RtlpDispatchUserException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context) {
    if (RtlpCallVectoredHandlers(ExceptionRecord, Context) || RtlDispatchException(ExceptionRecord, Context))
        return TRUE;
    RtlpReportException(*ExceptionRecord, *Context); // not even the thread's outermost frame is there any more
    return FALSE;
}

/// The rest of RtlRaiseException. Returns if a handler goes on; `Context` is then what to go on with.
void NTAPI KiRaiseException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context) {
    if (RtlpDispatchUserException(ExceptionRecord, Context)) return;
    const NTSTATUS status = NtRaiseException(ExceptionRecord, Context, FALSE);
    RtlRaiseStatus(status); // it returned: the record cannot be used
}

void NTAPI KeQueryStackBounds(ULONG_PTR, ULONG_PTR* StackLow, ULONG_PTR* StackHigh) {
    const TEB* const teb = NtCurrentTeb();
    *StackLow = reinterpret_cast<ULONG_PTR>(teb->DeallocationStack); // the stack may grow down to there
    *StackHigh = reinterpret_cast<ULONG_PTR>(teb->NtTib.StackBase);
}
}
