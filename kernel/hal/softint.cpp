// Software interrupts: requesting them, and delivering what is pending when the IRQL falls.
//
// Invariants: whatever is pending above the IRQL is in KPCR::IRR; it is looked at after the IRQL was lowered, so that an
// interrupt in between either finds the bit itself or has come before. Delivery needs the interrupt flag: code that runs
// with interrupts off keeps them off, and what is pending waits for the next lowering, interrupt or idle.
// In the books: "software interrupts", "lazy IRQL". INT-02, INT-05, SYH-02
#include "halp.h"

// LAB(3.1) begin
/// Delivers one level. Returns at an IRQL of `target` or above with interrupts off.
static void DeliverLevel(KIRQL level) {
    HalpClearPending(level);
    if (level >= DEVICE_LEVEL_FIRST) return HalpReplayInterrupt(level);
    HalpSetIrql(level);
    nt::cpu::EnableInterrupts();
    if (level == DISPATCH_LEVEL) {
        KiDispatchInterrupt();
    } else {
        KiDeliverApc(KernelMode, nullptr, nullptr);
    }
    nt::cpu::DisableInterrupts();
}
// LAB(3.1) else
//| // Room for helpers of your own.
// LAB(3.1) end

/// Delivers what is pending above `target`, the highest level first, until nothing is; then the IRQL is `target`.
///
/// - What is pending is in KPCR::IRR, a bit a level (HalpGetPending, HalpHighestAbove). A level's bit is cleared before it
///   is delivered, with interrupts off, so that what is asked for meanwhile is not lost.
/// - DISPATCH_LEVEL means KiDispatchInterrupt, APC_LEVEL KiDeliverApc(KernelMode, nullptr, nullptr): called at that IRQL
///   with interrupts on, which come on when the IRQL is the level's already. A device level (DEVICE_LEVEL_FIRST and above)
///   is HalpReplayInterrupt's, with interrupts off.
/// - While it runs, another thread may run, and it may come back on another processor: everything is read anew.
/// Interrupts are off when it is called and when it returns.
void HalpDeliverPending(KIRQL target) {
    // LAB(3.1) begin
    // A switch to another thread may happen inside: everything is read anew, on whatever processor this goes on.
    for (KIRQL next = HalpHighestAbove(HalpGetPending(), target); next != PASSIVE_LEVEL;
         next = HalpHighestAbove(HalpGetPending(), target))
        DeliverLevel(next);
    HalpSetIrql(target);
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}

extern "C" {

/// Lowers the IRQL, and delivers what was held back above the new one.
///
/// - Raising is no lowering: bugcheck IRQL_NOT_LESS_OR_EQUAL with the old and the new level.
/// - The IRQL falls first and the look at what is pending comes after it (why: see above).
/// - With interrupts off nothing is delivered. Delivery itself begins and ends with interrupts off.
void FASTCALL KfLowerIrql(KIRQL NewIrql) {
    // LAB(3.1) begin
    const KIRQL old = HalpGetIrql();
    if (NewIrql > old) KeBugCheckEx(IRQL_NOT_LESS_OR_EQUAL, HalpNumber(old), HalpNumber(NewIrql), 0, 0);
    HalpSetIrql(NewIrql);
    if (!(HalpGetPending() & HalpAbove(NewIrql)) || !nt::cpu::InterruptsEnabled()) return;
    nt::cpu::DisableInterrupts();
    HalpDeliverPending(NewIrql);
    nt::cpu::EnableInterrupts();
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}

/// Asks for a software interrupt on this processor: it becomes pending, and is delivered at once if the IRQL is below it
/// and interrupts are on.
void FASTCALL HalRequestSoftwareInterrupt(KIRQL RequestIrql) {
    // LAB(3.1) begin
    NT_ASSERT(RequestIrql == APC_LEVEL || RequestIrql == DISPATCH_LEVEL);
    HalpSetPending(RequestIrql);
    const KIRQL current = HalpGetIrql();
    if (current >= RequestIrql || !nt::cpu::InterruptsEnabled()) return;
    nt::cpu::DisableInterrupts();
    HalpDeliverPending(current);
    nt::cpu::EnableInterrupts();
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}
}
