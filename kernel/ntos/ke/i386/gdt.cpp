// The global descriptor table and the task state segments of a processor.
//
// Flat code and data for both rings; fs of the kernel selects the KPCR, fs of user mode the thread's TEB. Every processor has its own table under the
// same selectors, so that one IDT with its task gates serves them all.
// In the books: "trap dispatching". TRP-01, TRP-09
#include "ki386.h"

namespace {

void SetEntry(KGDTENTRY* gdt, ULONG selector, ULONG_PTR base, ULONG limit, UCHAR flags1, UCHAR flags2) {
    gdt[selector / sizeof(KGDTENTRY)] = {
        .LimitLow = USHORT(limit),
        .BaseLow = USHORT(base),
        .BaseMid = UCHAR(base >> 16),
        .Flags1 = flags1,
        .Flags2 = UCHAR(flags2 | (limit >> 16 & 0xF)),
        .BaseHi = UCHAR(base >> 24),
    };
}

void SetTss(KI_PROCESSOR& processor, ULONG selector, KTSS& tss) {
    tss.IoMapBase = sizeof(KTSS);
    SetEntry(processor.Gdt, selector, reinterpret_cast<ULONG_PTR>(&tss), sizeof(KTSS) - 1, DESCRIPTOR_TSS, 0);
}

/// A task that the processor switches to by itself: it must find everything in the segment. It keeps the page
/// directory of boot, in which all of system space is mapped.
void PrepareTask(KTSS& tss, void (*entry)(), UCHAR* stackTop) {
    tss.CR3 = nt::cpu::ReadCr3();
    tss.Eip = reinterpret_cast<ULONG_PTR>(entry);
    tss.EFlags = nt::cpu::EFLAGS_FIXED;
    tss.Esp = tss.Esp0 = reinterpret_cast<ULONG_PTR>(stackTop);
    tss.Ss = tss.Ss0 = KGDT_R0_DATA;
    tss.Cs = KGDT_R0_CODE;
    tss.Ds = tss.Es = KGDT_R3_DATA | RPL_MASK;
    tss.Fs = KGDT_R0_PCR;
}

void LoadSegments(const KDESCRIPTOR& table) {
    __asm__ __volatile__("lgdt %0\n\t"
                         "ljmp %1, $1f\n"
                         "1:\tmovw %w2, %%ss\n\t"
                         "movw %w3, %%ds\n\t"
                         "movw %w3, %%es\n\t"
                         "movw %w4, %%fs\n\t"
                         "movw %w5, %%gs\n\t"
                         "lldt %w5\n\t"
                         "ltr %w6"
                         :
                         : "m"(table), "i"(KGDT_R0_CODE), "r"(KGDT_R0_DATA), "r"(KGDT_R3_DATA | RPL_MASK),
                           "r"(KGDT_R0_PCR), "r"(0), "r"(KGDT_TSS)
                         : "memory");
}

} // namespace

void KiInitializeGdt(KI_PROCESSOR& processor) {
    constexpr ULONG wholeSpace = 0xFFFFF;
    constexpr UCHAR flat = DESCRIPTOR_32BIT | DESCRIPTOR_PAGES;
    KGDTENTRY* const gdt = processor.Gdt;
    SetEntry(gdt, KGDT_R0_CODE, 0, wholeSpace, DESCRIPTOR_CODE, flat);
    SetEntry(gdt, KGDT_R0_DATA, 0, wholeSpace, DESCRIPTOR_DATA, flat);
    SetEntry(gdt, KGDT_R3_CODE, 0, wholeSpace, DESCRIPTOR_CODE | DESCRIPTOR_DPL3, flat);
    SetEntry(gdt, KGDT_R3_DATA, 0, wholeSpace, DESCRIPTOR_DATA | DESCRIPTOR_DPL3, flat);
    SetEntry(gdt, KGDT_R0_PCR, reinterpret_cast<ULONG_PTR>(&processor.Pcr), sizeof(KPCR) - 1, DESCRIPTOR_DATA,
             DESCRIPTOR_32BIT);
    SetEntry(gdt, KGDT_R3_TEB, 0, PAGE_SIZE - 1, DESCRIPTOR_DATA | DESCRIPTOR_DPL3,
             DESCRIPTOR_32BIT); // see KiLoadTebSegment

    processor.Tss.Ss0 = KGDT_R0_DATA;
    SetTss(processor, KGDT_TSS, processor.Tss);
    SetTss(processor, KGDT_DF_TSS, processor.DoubleFaultTss);
    SetTss(processor, KGDT_NMI_TSS, processor.NmiTss);
    PrepareTask(processor.DoubleFaultTss, KiDoubleFaultEntry, processor.DoubleFaultStack + KI_TASK_STACK_SIZE);
    PrepareTask(processor.NmiTss, KiNmiEntry, processor.NmiStack + KI_TASK_STACK_SIZE);

    processor.Pcr.GDT = gdt;
    processor.Pcr.TSS = &processor.Tss;
}

void KiLoadGdt(const KPCR& pcr) {
    LoadSegments({.Limit = KGDT_LENGTH - 1, .Base = reinterpret_cast<ULONG_PTR>(pcr.GDT)});
}
