// Raising the IRQL, asking for it, and what the idle loop needs of it. Lowering is in softint.cpp.
//
// Invariant: raising writes one byte of the KPCR and nothing else.
// In the books: "interrupt request levels", "lazy IRQL". INT-02, SYH-02
#include "halp.h"

extern "C" {

KIRQL NTAPI KeGetCurrentIrql() { return HalpGetIrql(); }

KIRQL FASTCALL KfRaiseIrql(KIRQL NewIrql) {
    const KIRQL old = HalpGetIrql();
    if (NewIrql < old) KeBugCheckEx(IRQL_NOT_GREATER_OR_EQUAL, HalpNumber(old), HalpNumber(NewIrql), 0, 0);
    HalpSetIrql(NewIrql);
    return old;
}

KIRQL NTAPI KeRaiseIrqlToDpcLevel() IMPLEMENTS_LOCK { return KfRaiseIrql(DISPATCH_LEVEL); }

void FASTCALL HalClearSoftwareInterrupt(KIRQL RequestIrql) { HalpClearPending(RequestIrql); }

void NTAPI HalProcessorIdle() {
    const KIRQL current = HalpGetIrql();
    if (HalpGetPending() & (HalpAbove(current) | HalpBit(DISPATCH_LEVEL))) {
        HalpDeliverPending(current);
        nt::cpu::EnableInterrupts();
        return;
    }
    KxPoint(KX_POINT::Idle, nullptr); // the last thing before it halts: an explored processor halts without the baton
    nt::cpu::EnableInterruptsAndHalt();
}

void NTAPI HalProcessorHalt() { nt::cpu::Halt(); }
}
