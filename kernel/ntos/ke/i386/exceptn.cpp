// The exception dispatcher: which debugger and handlers are asked about an exception, and in which order.
//
// Kernel mode: the debugger's first chance, the handlers of the stack's frames, the debugger's second chance, bugcheck.
// User mode: userexceptn.cpp.
// In the books: "exception dispatching". EXC-02, EXC-03
#include "ki386.h"
#include "kd.h"
#include "ldr.h"

namespace {

/// @returns whether execution goes on, with `context`.
bool AskInOrder(EXCEPTION_RECORD& record, CONTEXT& context, KTRAP_FRAME* frame, bool firstChance) {
    if (firstChance) {
        if (KiDebugRoutine(frame, &record, &context, FALSE)) return true;
        if (RtlDispatchException(&record, &context)) return true;
    }
    return KiDebugRoutine(frame, &record, &context, TRUE);
}

[[noreturn]] void Unhandled(const EXCEPTION_RECORD& record, const CONTEXT& context, KTRAP_FRAME* frame) {
    const auto code = static_cast<ULONG_PTR>(record.ExceptionCode);
    const ULONG_PTR address = reinterpret_cast<ULONG_PTR>(record.ExceptionAddress);
    const ULONG_PTR* const information = record.ExceptionInformation;
    if (!frame) KeBugCheckContext(KMODE_EXCEPTION_NOT_HANDLED, code, address, information[0], information[1], context);
    if (record.ExceptionCode == STATUS_ACCESS_VIOLATION && information[1] >= LDR_SYSTEM_SPACE &&
        information[1] != ~ULONG_PTR(0))
        KeBugCheck2(PAGE_FAULT_IN_NONPAGED_AREA, information[1], information[0], address, 0, frame);
    KeBugCheck2(KERNEL_MODE_EXCEPTION_NOT_HANDLED, code, address, reinterpret_cast<ULONG_PTR>(frame), 0, frame);
}

} // namespace

extern "C" {

void NTAPI KiDispatchException(EXCEPTION_RECORD* ExceptionRecord, KEXCEPTION_FRAME* ExceptionFrame,
                               KTRAP_FRAME* TrapFrame, KPROCESSOR_MODE PreviousMode, BOOLEAN FirstChance) {
    if (PreviousMode == UserMode) return KiDispatchUserException(ExceptionRecord, TrapFrame, FirstChance);
    if (KiServiceArgumentFault(*TrapFrame, ExceptionRecord->ExceptionCode)) return;
    CONTEXT context;
    context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(TrapFrame, ExceptionFrame, &context);
    // The handlers to ask are those of the interrupted code, on this stack above the trap frame.
    nt::cpu::WriteExceptionList(reinterpret_cast<ULONG_PTR>(TrapFrame->ExceptionList));
    if (!AskInOrder(*ExceptionRecord, context, TrapFrame, FirstChance)) Unhandled(*ExceptionRecord, context, TrapFrame);
    KeContextToKframes(TrapFrame, ExceptionFrame, &context, context.ContextFlags, PreviousMode);
}

void NTAPI KiRaiseException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context) {
    if (!AskInOrder(*ExceptionRecord, *Context, nullptr, true)) Unhandled(*ExceptionRecord, *Context, nullptr);
}
}
