// bios.h - BIOS services for the disk boot path: disk, memory map, A20, text mode.
//
// The services run in real mode with interrupts on (stage.S); the loader itself never enables interrupts.
#pragma once

#include "memory.h"

namespace boot {

/// The registers of a real-mode interrupt, before and after it. stage.S knows this layout (BiosFrame).
struct BiosRegisters {
    ULONG Eax, Ebx, Ecx, Edx, Esi, Edi, Eflags;
    USHORT Ds, Es;
    UCHAR Vector;
    UCHAR BootDrive;

    [[nodiscard]] bool Carry() const { return (Eflags & 1) != 0; }
};
static_assert(offsetof(BiosRegisters, Eflags) == 24 && offsetof(BiosRegisters, Vector) == 32);

/// Runs a BIOS interrupt. Ds, Es, Vector and the registers come from `registers`, which receives the results.
void BiosCall(UCHAR vector, BiosRegisters* registers);

/// 80x25 colour text, page 0.
void BiosSetTextMode();

/// Opens address line 20. @returns false when it stays closed.
[[nodiscard]] bool BiosEnableA20();

/// int 15h E820h. @returns the number of ranges stored, 0 when the BIOS has no such service.
[[nodiscard]] ULONG BiosMemoryMap(nt::Span<FirmwareRange> ranges);

/// A SectorReader; the context is the drive number.
[[nodiscard]] bool BiosReadSectors(void* drive, ULONG lba, ULONG count, UCHAR* to);

} // namespace boot
