// Finding the firmware's tables in memory: RSDP -> RSDT -> MADT, or the MP floating pointer. HAL-02, HAL-05
#include "apictables.h"
#include "halp.h"
#include "firmwaretables.h"
#include "rtl/string.h"

namespace {

using Bytes = nt::Span<const UCHAR>;

constexpr ULONG SDT_HEADER_LENGTH = 36, SDT_LENGTH_FIELD = 4;
constexpr ULONG RSDP_LENGTH = 20, RSDP_RSDT_FIELD = 16;
constexpr ULONG MP_POINTER_LENGTH = 16, MP_TABLE_FIELD = 4, MP_HEADER_LENGTH = 44, MP_LENGTH_FIELD = 4;
constexpr ULONG LARGEST_TABLE = 1u << 20;

Bytes Map(ULONG address, ULONG length) {
    const UCHAR* const data = address ? HalpMapTable(address, length) : nullptr;
    return data ? Bytes(data, length) : Bytes();
}

/// A table that says its own length.
Bytes MapWhole(ULONG address, ULONG headerLength, ULONG length) {
    return length >= headerLength && length <= LARGEST_TABLE ? Map(address, length) : Bytes();
}

bool HasSignature(Bytes table, PCSTR signature) { return memcmp(table.Data(), signature, 4) == 0; }

} // namespace

Bytes HalpMapAcpiTable(ULONG address) {
    const Bytes header = Map(address, SDT_HEADER_LENGTH);
    return MapWhole(address, SDT_HEADER_LENGTH, HalpRead32(header, SDT_LENGTH_FIELD));
}

Bytes HalpFindAcpiTable(const LOADER_PARAMETER_BLOCK& block, PCSTR signature) {
    const Bytes rsdp = Map(block.AcpiRsdp, RSDP_LENGTH);
    if (!HalpChecksumIsGood(rsdp)) return {};
    const Bytes rsdt = HalpMapAcpiTable(HalpRead32(rsdp, RSDP_RSDT_FIELD));
    if (!HalpChecksumIsGood(rsdt)) return {};
    for (ULONG offset = SDT_HEADER_LENGTH; offset + 4 <= rsdt.Size(); offset += 4) {
        const Bytes table = HalpMapAcpiTable(HalpRead32(rsdt, offset));
        if (table.Size() && HasSignature(table, signature)) return table;
    }
    return {};
}

bool HalpReadApicTables(const LOADER_PARAMETER_BLOCK& block, HALP_APIC_INFO& info) {
    if (HalpParseMadt(HalpFindAcpiTable(block, "APIC"), info)) return true;
    const Bytes pointer = Map(block.MpFloatingPointer, MP_POINTER_LENGTH);
    if (!pointer.Size()) return false;
    const ULONG address = HalpRead32(pointer, MP_TABLE_FIELD);
    const Bytes header = Map(address, MP_HEADER_LENGTH);
    return HalpParseMpTable(pointer, MapWhole(address, MP_HEADER_LENGTH, HalpRead16(header, MP_LENGTH_FIELD)), info);
}
