// pagedisk.sys: offers the disks that carry a page file's label to the memory manager.
//
// A disk without the label is read once and never written, so no data of the user's is in danger.
// /DISKLATENCY=n says how many milliseconds a transfer of a memory disk takes (LATENCY without; 0: it ends as soon as DPCs run).
#include "idedisk.h"
#include "ke/options.h"
#include "ke/pagedcode.h"
#include "ldr.h"
#include "memorydisk.h"
#include "mm/pagefile.h"
#include "rtl.h"

#pragma code_seg("PAGE") // it runs once; what reads and writes pages must stay
namespace {

constexpr ULONG LATENCY = 1;
constexpr ULONG MILLISECOND = 10'000; // 100 ns units

constexpr ULONG CLASS_IDE = 0x0101;              // class and subclass, the upper half of PCI_CLASS
constexpr ULONG INTERFACE_BUS_MASTER = 1u << 15; // bit 7 of the interface byte
constexpr UCHAR BAR_BUS_MASTER = PCI_BAR0 + 4 * sizeof(ULONG);

constexpr ULONG MEMORY_DISKS = 4;

IDE_PAGE_DISK IdeDisks[IDE_CHANNELS]; // one of each channel: its units take turns at the registers
MEMORY_DISK MemoryDisks[MEMORY_DISKS];
ULONG MemoryDiskCount;

ULONG Latency() {
    CHAR text[12];
    ULONG milliseconds = LATENCY;
    if (RtlFindOption(KeLoaderBlock->LoadOptions, "DISKLATENCY", text, sizeof text) &&
        !NT_SUCCESS(RtlCharToInteger(text, 10, &milliseconds)))
        milliseconds = LATENCY;
    return milliseconds * MILLISECOND;
}

/// A disk that was made is offered; one without a label is none. @returns what went wrong
NTSTATUS Offer(NTSTATUS made, MM_BACKING& backing) {
    if (made == STATUS_NO_SUCH_DEVICE) return STATUS_SUCCESS;
    NT_TRY(made);
    return MmRegisterPagingDevice(&backing);
}

NTSTATUS OfferMemoryDisk(const PciFunction& function) {
    if (MemoryDiskCount == MEMORY_DISKS) return STATUS_SUCCESS;
    MEMORY_DISK& disk = MemoryDisks[MemoryDiskCount++];
    return Offer(MakeMemoryDisk(disk, function, Latency()), disk.Disk.Backing);
}

/// Both channels of a controller that is a bus master.
NTSTATUS OfferIdeDisks(const PciFunction& function) EXCLUDES_(AtDispatchLevel) {
    const ULONG kind = function.Read(PCI_CLASS), bar = function.Read(BAR_BUS_MASTER);
    if (kind >> 16 != CLASS_IDE || !(kind & INTERFACE_BUS_MASTER) || !(bar & PCI_BAR_IS_IO)) return STATUS_SUCCESS;
    function.Enable(PCI_COMMAND_IO | PCI_COMMAND_BUS_MASTER);
    for (ULONG channel = 0; channel < IDE_CHANNELS; channel++) {
        IDE_PAGE_DISK& disk = IdeDisks[channel];
        if (disk.Pages != 0) continue; // a second controller of the same ports
        NT_TRY(Offer(MakeIdeDisk(disk, channel, USHORT(bar & ~PCI_BAR_IO_FLAGS)), disk.Backing));
    }
    return STATUS_SUCCESS;
}

} // namespace

extern "C" NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) {
    PAGED_CODE();
    for (ULONG number = 0; number < PCI_FUNCTIONS; number++) {
        const PciFunction function(number);
        if (function.IsPresent())
            NT_TRY(IsSharedMemory(function) ? OfferMemoryDisk(function) : OfferIdeDisks(function));
    }
    return STATUS_SUCCESS;
}
