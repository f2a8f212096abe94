// The registration chain: what makes a record believable, and the call of a frame's handler.
//
// In the books: "exception dispatching: frame-based handlers". EXC-03
#include "rtlp.h"

namespace {

/// Our own registration on the stack, while a frame's handler runs.
struct GUARD {
    EXCEPTION_REGISTRATION_RECORD Registration;
    EXCEPTION_REGISTRATION_RECORD* Frame; ///< whose handler it is
};

EXCEPTION_DISPOSITION Report(PVOID establisherFrame, PVOID dispatcherContext, EXCEPTION_DISPOSITION disposition) {
    const GUARD* const guard = static_cast<GUARD*>(establisherFrame);
    *static_cast<EXCEPTION_REGISTRATION_RECORD**>(dispatcherContext) = guard->Frame;
    return disposition;
}

} // namespace

RTLP_CHAIN_BOUNDS::RTLP_CHAIN_BOUNDS() {
    KeQueryStackBounds(reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0)), &Lowest, &High);
}

bool RTLP_CHAIN_BOUNDS::Accept(const EXCEPTION_REGISTRATION_RECORD* record) {
    const auto at = reinterpret_cast<ULONG_PTR>(record);
    if (at % sizeof(ULONG_PTR) != 0 || at < Lowest || at >= High || High - at < sizeof(*record)) return false;
    Lowest = at + sizeof(*record);
    return true;
}

EXCEPTION_DISPOSITION RtlpExecuteHandler(EXCEPTION_RECORD* record, EXCEPTION_REGISTRATION_RECORD* frame,
                                         CONTEXT* context, EXCEPTION_REGISTRATION_RECORD** dispatcherContext,
                                         EXCEPTION_ROUTINE* guard) {
    GUARD own{{RtlpRegistrationHead(), guard}, frame};
    RtlpSetRegistrationHead(&own.Registration);
    const EXCEPTION_DISPOSITION disposition = frame->Handler(record, frame, context, dispatcherContext);
    RtlpSetRegistrationHead(own.Registration.Next);
    return disposition;
}

EXCEPTION_DISPOSITION CDECL RtlpNestedExceptionHandler(EXCEPTION_RECORD* Record, PVOID EstablisherFrame, CONTEXT*,
                                                       PVOID DispatcherContext) {
    if (Record->ExceptionFlags & EXCEPTION_UNWIND) return EXCEPTION_DISPOSITION::ExceptionContinueSearch;
    return Report(EstablisherFrame, DispatcherContext, EXCEPTION_DISPOSITION::ExceptionNestedException);
}

EXCEPTION_DISPOSITION CDECL RtlpCollidedUnwindHandler(EXCEPTION_RECORD* Record, PVOID EstablisherFrame, CONTEXT*,
                                                      PVOID DispatcherContext) {
    if (!(Record->ExceptionFlags & EXCEPTION_UNWIND)) return EXCEPTION_DISPOSITION::ExceptionContinueSearch;
    return Report(EstablisherFrame, DispatcherContext, EXCEPTION_DISPOSITION::ExceptionCollidedUnwind);
}
