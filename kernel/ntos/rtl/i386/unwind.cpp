// RtlUnwind: termination handlers run, frames leave the chain, innermost first, until the target frame is the head.
//
// The stack itself is not cut here: we are called from below all of these frames and simply return; the routine that asked for
// the unwind then loads the target's stack pointer.
//
// An unwind that starts inside a termination handler of an unwind under way ("collided") meets the guard of the first
// one, which names the frame where that stood. The second takes over there and asks this frame again: the compiler's
// handlers note their progress before they call anything, so no termination handler runs twice and none is left out.
// In the books: "exception dispatching: unwinding". EXC-03
#include "rtlp.h"

extern "C" void NTAPI RtlUnwind(PVOID TargetFrame, PVOID TargetIp, EXCEPTION_RECORD* ExceptionRecord,
                                PVOID ReturnValue) {
    EXCEPTION_RECORD own{};
    if (!ExceptionRecord) {
        own.ExceptionCode = STATUS_UNWIND;
        own.ExceptionAddress = __builtin_return_address(0);
        ExceptionRecord = &own;
    }
    ExceptionRecord->ExceptionFlags |= EXCEPTION_UNWINDING;
    if (!TargetFrame) ExceptionRecord->ExceptionFlags |= EXCEPTION_EXIT_UNWIND;

    CONTEXT context;
    RtlCaptureContext(&context);
    context.Eax = reinterpret_cast<ULONG_PTR>(ReturnValue);

    RTLP_CHAIN_BOUNDS bounds;
    EXCEPTION_REGISTRATION_RECORD* dispatcherContext = nullptr;
    EXCEPTION_REGISTRATION_RECORD* frame;
    while ((frame = RtlpRegistrationHead()) != TargetFrame) {
        if (frame == RtlpChainEnd) {
            if (!TargetFrame) return;
            RtlpRaiseBecauseOf(STATUS_INVALID_UNWIND_TARGET, ExceptionRecord);
        }
        if (TargetFrame && frame > TargetFrame) RtlpRaiseBecauseOf(STATUS_INVALID_UNWIND_TARGET, ExceptionRecord);
        if (!bounds.Accept(frame)) RtlpRaiseBecauseOf(STATUS_BAD_STACK, ExceptionRecord);

        switch (RtlpExecuteHandler(ExceptionRecord, frame, &context, &dispatcherContext, RtlpCollidedUnwindHandler)) {
        case EXCEPTION_DISPOSITION::ExceptionContinueSearch: RtlpSetRegistrationHead(frame->Next); break;
        case EXCEPTION_DISPOSITION::ExceptionCollidedUnwind: RtlpSetRegistrationHead(dispatcherContext); break;
        default: RtlpRaiseBecauseOf(STATUS_INVALID_DISPOSITION, ExceptionRecord);
        }
    }
}
