// bios.cpp - BIOS services. Contract: bios.h. Interfaces: the published int 13h extensions (EDD) and ACPI's E820.
#include "bios.h"
#include "bytes.h"
#include "layout.h"
#include "ports.h"

extern "C" {
extern boot::BiosRegisters BiosFrame;
void BiosCallReal();
}

namespace boot {

namespace {

constexpr ULONG SMAP = 0x534d4150; // "SMAP"
constexpr ULONG MEMORY_RANGE_SIZE = 20;
constexpr ULONG READ_TRIES = 3;
constexpr ULONG BOUNCE_SECTORS = BOUNCE_BUFFER_SIZE / 512;

/// EDD disk address packet.
struct DiskAddressPacket {
    UCHAR Size;
    UCHAR Zero;
    USHORT Count;
    USHORT Offset;
    USHORT Segment;
    ULONGLONG Lba;
};
static_assert(sizeof(DiskAddressPacket) == 16);

// Both lie below 1 MB, as everything of the loader: a real-mode segment reaches them.
constinit DiskAddressPacket g_packet{};
constinit UCHAR g_range[24]{};

USHORT SegmentOf(const void* address) { return static_cast<USHORT>(reinterpret_cast<ULONG_PTR>(address) >> 4); }
ULONG OffsetOf(const void* address) { return reinterpret_cast<ULONG_PTR>(address) & 15; }

/// Do addresses that differ in bit 20 only reach different memory?
bool IsA20Open() {
    volatile ULONG* const low = reinterpret_cast<volatile ULONG*>(0x500);
    volatile ULONG* const high = reinterpret_cast<volatile ULONG*>(0x100500);
    const ULONG saved = *low;
    const ULONG savedHigh = *high;
    bool open = false;
    for (ULONG value = 0x4d494341; value < 0x4d494341 + 4 && !open; value++) {
        *low = value;
        *high = ~value;
        open = *low == value;
    }
    *high = savedHigh;
    *low = saved;
    return open;
}

} // namespace

void BiosCall(UCHAR vector, BiosRegisters* registers) {
    const UCHAR drive = BiosFrame.BootDrive;
    BiosFrame = *registers;
    BiosFrame.Vector = vector;
    BiosFrame.BootDrive = drive;
    BiosCallReal();
    *registers = BiosFrame;
}

void BiosSetTextMode() {
    BiosRegisters registers{.Eax = 0x0003};
    BiosCall(0x10, &registers);
}

bool BiosEnableA20() {
    if (IsA20Open()) {
        return true;
    }
    BiosRegisters registers{.Eax = 0x2401};
    BiosCall(0x15, &registers);
    if (IsA20Open()) {
        return true;
    }
    // System control port A: bit 1 opens the line, bit 0 would reset the machine.
    WritePort(0x92, static_cast<UCHAR>((ReadPort(0x92) | 2) & ~1));
    return IsA20Open();
}

ULONG BiosMemoryMap(nt::Span<FirmwareRange> ranges) {
    ULONG count = 0;
    ULONG next = 0;
    do {
        BiosRegisters registers{.Eax = 0xe820,
                                .Ebx = next,
                                .Ecx = MEMORY_RANGE_SIZE,
                                .Edx = SMAP,
                                .Edi = OffsetOf(g_range),
                                .Es = SegmentOf(g_range)};
        BiosCall(0x15, &registers);
        if (registers.Carry() || registers.Eax != SMAP) {
            break; // some firmware ends the list this way
        }
        memcpy(&ranges[count].Base, g_range, 8);
        memcpy(&ranges[count].Length, g_range + 8, 8);
        memcpy(&ranges[count].Type, g_range + 16, 4);
        count++;
        next = registers.Ebx;
    } while (next != 0 && count < ranges.Size());
    return count;
}

bool BiosReadSectors(void* drive, ULONG lba, ULONG count, UCHAR* to) {
    while (count != 0) {
        const ULONG now = count < BOUNCE_SECTORS ? count : BOUNCE_SECTORS;
        bool done = false;
        for (ULONG tries = 0; tries < READ_TRIES && !done; tries++) {
            g_packet = {.Size = sizeof(g_packet),
                        .Zero = 0,
                        .Count = static_cast<USHORT>(now),
                        .Offset = 0,
                        .Segment = BOUNCE_BUFFER >> 4,
                        .Lba = lba};
            BiosRegisters registers{.Eax = 0x4200,
                                    .Edx = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(drive)),
                                    .Esi = OffsetOf(&g_packet),
                                    .Ds = SegmentOf(&g_packet)};
            BiosCall(0x13, &registers);
            done = !registers.Carry();
            if (!done) { // reset the drive, try again
                BiosRegisters reset{.Edx = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(drive))};
                BiosCall(0x13, &reset);
            }
        }
        if (!done) {
            return false;
        }
        memcpy(to, reinterpret_cast<const void*>(BOUNCE_BUFFER), now * 512);
        to += now * 512;
        lba += now;
        count -= now;
    }
    return true;
}

} // namespace boot
