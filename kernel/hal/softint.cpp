// Software interrupts: requesting them, and delivering what is pending when the IRQL falls.
//
// Invariants: an interrupt that comes while the IRQL is not below its level is a bit of KPCR::IRR. While interrupts are
// on, nothing that is pending above the IRQL stays there. Code that runs with interrupts off keeps them off: what is
// pending waits for the next lowering, interrupt or idle.
// In the books: "software interrupts", "lazy IRQL". INT-02, INT-05, SYH-02
#include "halp.h"

// LAB(3.1) begin
/// Delivers one level. Returns with interrupts off.
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

/// Interrupts that were held back above `target` have their turn. Interrupts are off when it is called and when it
/// returns; then nothing above `target` is pending, and the IRQL is `target`.
///
/// - At each moment the highest pending level has its turn, also if it was asked for during another delivery.
/// - KPCR::IRR has a bit for each pending level (HalpGetPending, HalpHighestAbove, HalpClearPending). A level's bit is
///   clear before its handler begins, so a level that is asked for while its handler runs is delivered once more.
///   Interrupts change these bits, too: here they are read and changed only while interrupts are off.
/// - A handler of a software interrupt runs at its level with interrupts on. Interrupts do not come on before the IRQL
///   is that level. DISPATCH_LEVEL is KiDispatchInterrupt's, APC_LEVEL KiDeliverApc's (KernelMode, nullptr, nullptr).
/// - A device level (DEVICE_LEVEL_FIRST and above) is HalpReplayInterrupt's, which is called with interrupts off.
/// - A delivery may switch threads, and this thread may go on on another processor: what was read of the processor
///   before is worth nothing then.
void HalpDeliverPending(KIRQL target) {
    // LAB(3.1) begin
    // A delivery may switch to another thread: everything is read anew, of the processor on which this thread goes on.
    for (KIRQL next = HalpHighestAbove(HalpGetPending(), target); next != PASSIVE_LEVEL;
         next = HalpHighestAbove(HalpGetPending(), target))
        DeliverLevel(next);
    HalpSetIrql(target);
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}

extern "C" {

/// Makes the IRQL `NewIrql`, and delivers what was held back above it.
///
/// - A level above the present one is a mistake of the caller: bugcheck IRQL_NOT_LESS_OR_EQUAL with the old and the new
///   level.
/// - A caller with interrupts off keeps them off, and nothing is delivered. A caller with interrupts on has them on
///   afterwards, and nothing above `NewIrql` is pending then: also nothing that came while the IRQL fell.
void FASTCALL KfLowerIrql(KIRQL NewIrql) {
    // LAB(3.1) begin
    const KIRQL old = HalpGetIrql();
    if (NewIrql > old) KeBugCheckEx(IRQL_NOT_LESS_OR_EQUAL, HalpNumber(old), HalpNumber(NewIrql), 0, 0);
    HalpSetIrql(NewIrql); // before the look: an interrupt that comes in between is delivered by itself
    if (!(HalpGetPending() & HalpAbove(NewIrql)) || !nt::cpu::InterruptsEnabled()) return;
    nt::cpu::DisableInterrupts();
    HalpDeliverPending(NewIrql);
    nt::cpu::EnableInterrupts();
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}

/// Requests a software interrupt on this processor. If the IRQL is below its level and interrupts are on, the interrupt
/// has been delivered when this returns, and IRQL and interrupt flag are as before. Otherwise it is pending.
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
