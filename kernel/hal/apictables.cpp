// Reading firmware tables, byte by byte: fields may be anywhere and tables may lie. HAL-05
#include "apictables.h"

void HalpInitializeApicInfo(HALP_APIC_INFO& info) {
    info = {};
    for (ULONG line = 0; line < HALP_ISA_LINES; ++line)
        info.IsaLine[line].Input = line;
}

void HalpAddProcessor(HALP_APIC_INFO& info, UCHAR localApicId) {
    constexpr UCHAR everybody = 0xFF;
    if (localApicId == everybody || info.ProcessorCount == HALP_MAXIMUM_PROCESSORS) return;
    for (ULONG i = 0; i < info.ProcessorCount; ++i)
        if (info.ProcessorApicId[i] == localApicId) return;
    info.ProcessorApicId[info.ProcessorCount++] = localApicId;
}

ULONG HalpCountOtherProcessors(const HALP_APIC_INFO& info, UCHAR self) {
    ULONG count = 0;
    for (ULONG i = 0; i < info.ProcessorCount; ++i)
        count += info.ProcessorApicId[i] != self;
    return count;
}

UCHAR HalpOtherProcessor(const HALP_APIC_INFO& info, UCHAR self, ULONG index) {
    ULONG i = 0;
    while (info.ProcessorApicId[i] == self || index-- != 0)
        ++i;
    return info.ProcessorApicId[i];
}

bool HalpIsBelow(ULONG address, ULONG length, ULONG limit) { return length <= limit && address <= limit - length; }

bool HalpChecksumIsGood(nt::Span<const UCHAR> table) {
    UCHAR sum = 0;
    for (const UCHAR byte : table)
        sum = UCHAR(sum + byte);
    return table.Size() != 0 && sum == 0;
}

USHORT HalpRead16(nt::Span<const UCHAR> table, ULONG offset) {
    if (table.Size() < 2 || offset > table.Size() - 2) return 0;
    return USHORT(table[offset] | table[offset + 1] << 8);
}

ULONG HalpRead32(nt::Span<const UCHAR> table, ULONG offset) {
    if (table.Size() < 4 || offset > table.Size() - 4) return 0;
    return HalpRead16(table, offset) | ULONG(HalpRead16(table, offset + 2)) << 16;
}
