// RtlDispatchException: the search for a frame that takes the exception.
//
// The chain is walked from the innermost frame outwards. A frame's handler either continues execution (we return TRUE),
// passes (the search goes on), or takes the exception: then it unwinds to its frame and never comes back here.
//
//     raise -> [guard] -> f3 -> f2 -> f1 -> end of the chain
//                asked in this order ---->
//
// An exception inside a handler or filter starts a second search below the first. It meets the guard, which names the
// frame that was being asked; up to that frame the record is marked as a nested call.
// Nothing on the stack is trusted: a record outside it, misaligned or not above the one before ends the search.
// In the books: "exception dispatching: frame-based handlers". EXC-03
#include "rtlp.h"

extern "C" BOOLEAN NTAPI RtlDispatchException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context) {
    RTLP_CHAIN_BOUNDS bounds;
    const EXCEPTION_REGISTRATION_RECORD* nestedUpTo = nullptr;
    EXCEPTION_REGISTRATION_RECORD* dispatcherContext = nullptr;

    for (EXCEPTION_REGISTRATION_RECORD* frame = RtlpRegistrationHead(); frame != RtlpChainEnd; frame = frame->Next) {
        if (!bounds.Accept(frame)) {
            ExceptionRecord->ExceptionFlags |= EXCEPTION_STACK_INVALID;
            return FALSE;
        }
        const EXCEPTION_DISPOSITION disposition =
            RtlpExecuteHandler(ExceptionRecord, frame, Context, &dispatcherContext, RtlpNestedExceptionHandler);
        if (frame == nestedUpTo) {
            ExceptionRecord->ExceptionFlags &= ~EXCEPTION_NESTED_CALL;
            nestedUpTo = nullptr;
        }
        switch (disposition) {
        case EXCEPTION_DISPOSITION::ExceptionContinueExecution:
            if (ExceptionRecord->ExceptionFlags & EXCEPTION_NONCONTINUABLE)
                RtlpRaiseBecauseOf(STATUS_NONCONTINUABLE_EXCEPTION, ExceptionRecord);
            return TRUE;
        case EXCEPTION_DISPOSITION::ExceptionContinueSearch: break;
        case EXCEPTION_DISPOSITION::ExceptionNestedException:
            ExceptionRecord->ExceptionFlags |= EXCEPTION_NESTED_CALL;
            if (dispatcherContext > nestedUpTo) nestedUpTo = dispatcherContext;
            break;
        default: RtlpRaiseBecauseOf(STATUS_INVALID_DISPOSITION, ExceptionRecord);
        }
    }
    return FALSE;
}
