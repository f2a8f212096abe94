// Reading firmware tables, byte by byte: fields may be anywhere and tables may lie. HAL-05
#include "apictables.h"

void HalpInitializeApicInfo(HALP_APIC_INFO& info) {
    info = {};
    for (ULONG line = 0; line < HALP_ISA_LINES; ++line)
        info.IsaLine[line].Input = line;
}

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
