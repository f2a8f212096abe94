// The interrupt dispatch table: 256 gates, all filled before interrupts are enabled for the first time.
//
// One table for all processors. Every gate is an interrupt gate (the handler starts with interrupts off, so that CR2
// and the IRQL are still those of the trap), but for the double fault and the NMI, which are task gates: they must
// find a good stack when the current one is not. Only breakpoint, overflow and system service may be called from ring 3.
// In the books: "trap dispatching: interrupt dispatch table (IDT)". TRP-07
#include "ki386.h"

static KIDTENTRY KiIdt[MAXIMUM_IDTVECTOR + 1]; // shared: filled before interrupts are enabled, then fixed

static void SetGate(ULONG vector, ULONG selector, ULONG_PTR offset, USHORT access) {
    KiIdt[vector] = {
        .Offset = USHORT(offset),
        .Selector = USHORT(selector),
        .Access = access,
        .ExtendedOffset = USHORT(offset >> 16),
    };
}

void KiInitializeIdt(KI_PROCESSOR& processor) {
    constexpr ULONG nmi = 2, breakpoint = 3, overflow = 4, doubleFault = 8, service = 0x2E;
    if (KiIdt[0].Access == 0) {
        for (ULONG vector = 0; vector <= MAXIMUM_IDTVECTOR; ++vector)
            SetGate(vector, KGDT_R0_CODE, KiVectorEntry[vector], GATE_INTERRUPT);
        KiIdt[breakpoint].Access |= GATE_DPL3;
        KiIdt[overflow].Access |= GATE_DPL3;
        SetGate(service, KGDT_R0_CODE, reinterpret_cast<ULONG_PTR>(&KiSystemService), GATE_INTERRUPT | GATE_DPL3);
        SetGate(nmi, KGDT_NMI_TSS, 0, GATE_TASK);
        SetGate(doubleFault, KGDT_DF_TSS, 0, GATE_TASK);
    }
    processor.Pcr.IDT = KiIdt;
}

void KiLoadIdt(const KPCR& pcr) {
    const KDESCRIPTOR table{.Limit = sizeof KiIdt - 1, .Base = reinterpret_cast<ULONG_PTR>(pcr.IDT)};
    __asm__ __volatile__("lidt %0" ::"m"(table));
}
