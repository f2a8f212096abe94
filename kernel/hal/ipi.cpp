// Inter-processor interrupts: one vector, at IPI_LEVEL; what is asked stands in the kernel's own records.
//
// One that comes to a processor at IPI_LEVEL or above is held back and replayed like any latched interrupt. Several that
// come meanwhile are one: the records say what is wanted.
// In the books: "interprocessor interrupts". INT-01, INT-02
#include "halp.h"

extern "C" {

void NTAPI HalRequestIpi(KAFFINITY Mask) {
    KxPoint(KX_POINT::IpiSend, reinterpret_cast<const void*>(ULONG_PTR(Mask))); // first: a target may come at once
    HalpController->SendIpi(Mask);
}

void NTAPI HalpIpiInterrupt(KTRAP_FRAME* TrapFrame, ULONG Vector) {
    KxPoint(KX_POINT::IpiEntry, nullptr); // interrupts are off
    KIRQL oldIrql;
    if (!HalBeginSystemInterrupt(IPI_LEVEL, Vector, &oldIrql)) return;
    KiIpiServiceRoutine(TrapFrame, oldIrql);
    HalEndSystemInterrupt(oldIrql, Vector);
}
}
