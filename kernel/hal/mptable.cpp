// The Intel MultiProcessor Specification's configuration table: the firmware's word before ACPI.
//
// A header, then entries in the order of their type: processors (20 bytes), buses, I/O APICs, I/O interrupt
// assignments, local interrupt assignments (8 bytes each). HAL-05
#include "apictables.h"

namespace {

constexpr ULONG ENTRY_COUNT = 34, LOCAL_APIC_ADDRESS = 36, FIRST_ENTRY = 44;
constexpr ULONG PROCESSOR_LENGTH = 20, OTHER_LENGTH = 8;
constexpr ULONG FEATURE_IMCR = 0x80; ///< byte 12 of the floating pointer
constexpr UCHAR ENABLED = 1;

enum EntryType : UCHAR { Processor = 0, Bus = 1, IoApic = 2, IoInterrupt = 3 };

using Bytes = nt::Span<const UCHAR>;

struct Reader {
    HALP_APIC_INFO& Info;
    ULONG IsaBus = 0xFF;

    void ReadProcessor(Bytes entry) {
        if (entry[3] & ENABLED) HalpAddProcessor(Info, entry[1]);
    }
    void ReadBus(Bytes entry) {
        if (entry[2] == 'I' && entry[3] == 'S' && entry[4] == 'A') IsaBus = entry[1];
    }
    void ReadIoApic(Bytes entry) {
        if (!(entry[3] & ENABLED) || Info.IoApicCount == HALP_MAXIMUM_IOAPICS) return;
        // The table numbers inputs for each I/O APIC; only the first one's are known to start at 0.
        const ULONG base = Info.IoApicCount * 24;
        Info.IoApic[Info.IoApicCount++] = {.Address = HalpRead32(entry, 4), .InputBase = base, .Id = entry[1]};
    }
    /// The first input of an I/O APIC. @returns false if the table knows none of this ID
    [[nodiscard]] bool FindInputBase(UCHAR id, ULONG* base) const {
        constexpr UCHAR all = 0xFF;
        *base = 0;
        for (ULONG i = 0; i < Info.IoApicCount; ++i) {
            if (Info.IoApic[i].Id != id) continue;
            *base = Info.IoApic[i].InputBase;
            return true;
        }
        return id == all;
    }
    void ReadInterrupt(Bytes entry) {
        constexpr UCHAR vectoredInterrupt = 0;
        constexpr ULONG activeLow = 3, levelSensitive = 3;
        if (entry[1] != vectoredInterrupt || entry[4] != IsaBus || entry[5] >= HALP_ISA_LINES) return;
        ULONG base;
        if (!FindInputBase(entry[6], &base)) return;
        const ULONG flags = HalpRead16(entry, 2);
        Info.IsaLine[entry[5]] = {
            .Input = base + entry[7],
            .ActiveLow = (flags & 3) == activeLow,
            .LevelSensitive = (flags >> 2 & 3) == levelSensitive,
        };
    }
    void Read(Bytes entry) {
        switch (entry[0]) {
        case Processor: return ReadProcessor(entry);
        case Bus: return ReadBus(entry);
        case IoApic: return ReadIoApic(entry);
        case IoInterrupt: return ReadInterrupt(entry);
        default: return;
        }
    }
};

} // namespace

bool HalpParseMpTable(Bytes pointer, Bytes table, HALP_APIC_INFO& info) {
    HalpInitializeApicInfo(info);
    if (pointer.Size() < 16 || !HalpChecksumIsGood(pointer)) return false;
    if (table.Size() < FIRST_ENTRY || !HalpChecksumIsGood(table)) return false;
    info.HasImcr = (pointer[12] & FEATURE_IMCR) != 0;
    info.LocalApicAddress = HalpRead32(table, LOCAL_APIC_ADDRESS);
    Reader reader{info};
    const ULONG count = HalpRead16(table, ENTRY_COUNT);
    SIZE_T offset = FIRST_ENTRY;
    for (ULONG i = 0; i < count && offset < table.Size(); ++i) {
        const SIZE_T length = table[offset] == Processor ? PROCESSOR_LENGTH : OTHER_LENGTH;
        if (length > table.Size() - offset) break;
        reader.Read(Bytes(table.Data() + offset, length));
        offset += length;
    }
    return info.ProcessorCount != 0 && info.IoApicCount != 0;
}
