// What the firmware's tables say about processors and interrupt controllers: the ACPI MADT, or the older MP tables.
//
// Tables are hostile input: every length is checked, an entry that does not fit ends the table. Runs on the host too.
// HAL-02, HAL-05
#pragma once

#include "nt/array.h"

constexpr ULONG HALP_MAXIMUM_PROCESSORS = 32;
constexpr ULONG HALP_MAXIMUM_IOAPICS = 4;
constexpr ULONG HALP_ISA_LINES = 16;

/// How a line's input is wired.
struct HALP_LINE_ROUTE {
    ULONG Input;    ///< global system interrupt: input number over all I/O APICs
    bool ActiveLow; ///< polarity
    bool LevelSensitive;
};

/// An I/O APIC as the firmware's tables describe it.
struct HALP_IOAPIC {
    ULONG Address;   ///< physical
    ULONG InputBase; ///< first global system interrupt
    UCHAR Id;
};

/// What the firmware's tables say about processors and interrupt controllers.
struct HALP_APIC_INFO {
    ULONG LocalApicAddress;
    ULONG ProcessorCount;
    UCHAR ProcessorApicId[HALP_MAXIMUM_PROCESSORS];
    ULONG IoApicCount;
    HALP_IOAPIC IoApic[HALP_MAXIMUM_IOAPICS];
    HALP_LINE_ROUTE IsaLine[HALP_ISA_LINES];
    bool HasImcr; ///< the PIC is connected to the processor by a register that must be switched over
};

/// ISA lines on the inputs of the same number, latched, active high; nothing else known.
void HalpInitializeApicInfo(HALP_APIC_INFO& info);

/// A processor of the table. Without effect if there is no room, if it is known already (a processor that runs must not be
/// started), or if the ID means all processors.
void HalpAddProcessor(HALP_APIC_INFO& info, UCHAR localApicId);
/// How many processors there are beside the one with this ID.
ULONG HalpCountOtherProcessors(const HALP_APIC_INFO& info, UCHAR self);
/// @returns the ID of the `index`-th of them. @param index less than HalpCountOtherProcessors
UCHAR HalpOtherProcessor(const HALP_APIC_INFO& info, UCHAR self, ULONG index);

/// @param table the whole MADT ("APIC"). @returns whether it names a processor and an I/O APIC.
bool HalpParseMadt(nt::Span<const UCHAR> table, HALP_APIC_INFO& info);

/// @param pointer the 16-byte floating pointer ("_MP_"). @param table the configuration table it points to.
bool HalpParseMpTable(nt::Span<const UCHAR> pointer, nt::Span<const UCHAR> table, HALP_APIC_INFO& info);

/// Whether the bytes add up to 0 (mod 256), as in every table of the firmware.
bool HalpChecksumIsGood(nt::Span<const UCHAR> table);

/// Whether a range of physical memory ends at or below `limit`.
bool HalpIsBelow(ULONG address, ULONG length, ULONG limit);

/// Little-endian values at an offset; 0 beyond the table's end.
USHORT HalpRead16(nt::Span<const UCHAR> table, ULONG offset);
ULONG HalpRead32(nt::Span<const UCHAR> table, ULONG offset);
