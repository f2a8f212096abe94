// Software interrupts: requesting them, and delivering what is pending when the IRQL falls.
//
// Invariants: whatever is pending above the IRQL is in KPCR::IRR; it is looked at after the IRQL was lowered, so that an
// interrupt in between either finds the bit itself or has come before. Delivery needs the interrupt flag: code that runs
// with interrupts off keeps them off, and what is pending waits for the next lowering, interrupt or idle.
// In the books: "software interrupts", "lazy IRQL". INT-02, INT-05, SYH-02
#include "halp.h"

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

void HalpDeliverPending(KIRQL target) {
    // A switch to another thread may happen inside: everything is read anew, on whatever processor this goes on.
    for (KIRQL next = HalpHighestAbove(HalpGetPending(), target); next != PASSIVE_LEVEL;
         next = HalpHighestAbove(HalpGetPending(), target))
        DeliverLevel(next);
    HalpSetIrql(target);
}

extern "C" {

void FASTCALL KfLowerIrql(KIRQL NewIrql) {
    const KIRQL old = HalpGetIrql();
    if (NewIrql > old) KeBugCheckEx(IRQL_NOT_LESS_OR_EQUAL, HalpNumber(old), HalpNumber(NewIrql), 0, 0);
    HalpSetIrql(NewIrql);
    if (!(HalpGetPending() & HalpAbove(NewIrql)) || !nt::cpu::InterruptsEnabled()) return;
    nt::cpu::DisableInterrupts();
    HalpDeliverPending(NewIrql);
    nt::cpu::EnableInterrupts();
}

void FASTCALL HalRequestSoftwareInterrupt(KIRQL RequestIrql) {
    NT_ASSERT(RequestIrql == APC_LEVEL || RequestIrql == DISPATCH_LEVEL);
    HalpSetPending(RequestIrql);
    const KIRQL current = HalpGetIrql();
    if (current >= RequestIrql || !nt::cpu::InterruptsEnabled()) return;
    nt::cpu::DisableInterrupts();
    HalpDeliverPending(current);
    nt::cpu::EnableInterrupts();
}
}
