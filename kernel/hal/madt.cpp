// The ACPI "multiple APIC description table": a header, then entries of (type, length, data). HAL-05
#include "apictables.h"

namespace {

constexpr ULONG LOCAL_APIC_ADDRESS = 36, FIRST_ENTRY = 44;
constexpr ULONG PROCESSOR_ENABLED = 1;

enum EntryType : UCHAR { LocalApic = 0, IoApic = 1, InterruptOverride = 2 };

using Bytes = nt::Span<const UCHAR>;

void AddProcessor(Bytes entry, HALP_APIC_INFO& info) {
    if (entry.Size() < 8 || !(HalpRead32(entry, 4) & PROCESSOR_ENABLED)) return;
    HalpAddProcessor(info, entry[3]);
}

void AddIoApic(Bytes entry, HALP_APIC_INFO& info) {
    if (entry.Size() < 12 || info.IoApicCount == HALP_MAXIMUM_IOAPICS) return;
    info.IoApic[info.IoApicCount++] = {
        .Address = HalpRead32(entry, 4), .InputBase = HalpRead32(entry, 8), .Id = entry[2]};
}

/// An ISA line that does not arrive at the input of its number, or not as the bus's lines do (latched, active high).
void OverrideLine(Bytes entry, HALP_APIC_INFO& info) {
    if (entry.Size() < 10 || entry[3] >= HALP_ISA_LINES) return;
    constexpr ULONG activeLow = 3, levelSensitive = 3;
    const ULONG flags = HalpRead16(entry, 8);
    info.IsaLine[entry[3]] = {
        .Input = HalpRead32(entry, 4),
        .ActiveLow = (flags & 3) == activeLow,
        .LevelSensitive = (flags >> 2 & 3) == levelSensitive,
    };
}

void ReadEntry(Bytes entry, HALP_APIC_INFO& info) {
    switch (entry[0]) {
    case LocalApic: return AddProcessor(entry, info);
    case IoApic: return AddIoApic(entry, info);
    case InterruptOverride: return OverrideLine(entry, info);
    default: return; // kinds this HAL does not need
    }
}

} // namespace

bool HalpParseMadt(Bytes table, HALP_APIC_INFO& info) {
    HalpInitializeApicInfo(info);
    if (table.Size() < FIRST_ENTRY || !HalpChecksumIsGood(table)) return false;
    info.LocalApicAddress = HalpRead32(table, LOCAL_APIC_ADDRESS);
    for (SIZE_T offset = FIRST_ENTRY; offset + 2 <= table.Size();) {
        const SIZE_T length = table[offset + 1];
        if (length < 2 || length > table.Size() - offset) break;
        ReadEntry(Bytes(table.Data() + offset, length), info);
        offset += length;
    }
    return info.ProcessorCount != 0 && info.IoApicCount != 0;
}
