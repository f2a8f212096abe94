// RtlRaiseStatus, and exceptions that the dispatcher itself raises.
//
// In the books: "exception dispatching: software exceptions". EXC-01
#include "rtlp.h"
#include "nt/assert.h"

namespace {

[[noreturn]] void RaiseForGood(NTSTATUS status, EXCEPTION_RECORD* cause) {
    EXCEPTION_RECORD record{};
    record.ExceptionCode = status;
    record.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
    record.ExceptionRecord = cause;
    RtlRaiseException(&record);
    RtlAssert("a noncontinuable exception was continued", __FILE__, __LINE__);
}

} // namespace

void RtlpRaiseBecauseOf(NTSTATUS status, EXCEPTION_RECORD* cause) { RaiseForGood(status, cause); }

extern "C" void NTAPI RtlRaiseStatus(NTSTATUS Status) { RaiseForGood(Status, nullptr); }
