// A page file on an IDE disk: how it is found, its queue, its interrupt.
//
// In the books: "paging I/O", "device queue objects", "interrupt processing: service routine and DPC". PFN-15
#include "idedisk.h"
#include "hal.h"
#include "label.h"
#include "mm.h"

namespace {

constexpr ULONG UNITS = 2;
constexpr ULONG LINES[IDE_CHANNELS] = {14, 15}; // of the ISA bus
constexpr IDE_PORTS PORTS[IDE_CHANNELS] = {{0x1F0, 0x3F6, 0},
                                           {0x170, 0x376, 8}}; // BusMaster: from the controller's first

alignas(PAGE_SIZE) UCHAR FirstPage[PAGE_SIZE];

IDE_PAGE_DISK& Of(MM_BACKING* backing) { return *CONTAINING_RECORD(backing, IDE_PAGE_DISK, Backing); }

ULONG PageOf(const MM_TRANSFER& transfer) { return ULONG(transfer.Offset / PAGE_SIZE); }

ULONGLONG SizeOf(const IDE_PAGE_DISK& disk) { return ULONGLONG(disk.Pages) * PAGE_SIZE; }

ULONG PhysicalAddress(PVOID address) { return MmGetPhysicalAddress(address).LowPart; }

/// The disk begins with a transfer that lies on it. @irql DISPATCH_LEVEL
void Begin(IDE_PAGE_DISK& disk, MM_TRANSFER* transfer) {
    (void)MmCheckTransfer(*transfer, SizeOf(disk), &disk.CurrentBytes, PAGE_SIZE);
    const ULONG page = PageOf(*transfer), pages = disk.CurrentBytes / PAGE_SIZE;
    disk.Current = transfer;
    disk.SweepPage = page + pages;
    IdeStart(disk.Disk, page, pages, transfer->Frames, transfer->Write);
}

BOOLEAN NTAPI Serve(PKINTERRUPT, PVOID ServiceContext) {
    IDE_PAGE_DISK& disk = *static_cast<IDE_PAGE_DISK*>(ServiceContext);
    if (!IdeHasInterrupt(disk.Disk)) return FALSE;
    disk.Ended = IdeEnd(disk.Disk);
    KeInsertQueueDpc(&disk.Dpc, nullptr, nullptr);
    return TRUE;
}

/// The service routine has ended a transfer.
void NTAPI CompleteTransfer(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    IDE_PAGE_DISK& disk = *static_cast<IDE_PAGE_DISK*>(DeferredContext);
    MM_TRANSFER* const ended = disk.Current;
    const NTSTATUS status = disk.Ended;
    const ULONG bytes = disk.CurrentBytes;
    disk.Current = nullptr;
    if (KDEVICE_QUEUE_ENTRY* const next = KeRemoveByKeyDeviceQueue(&disk.Queue, disk.SweepPage))
        Begin(disk, CONTAINING_RECORD(next, MM_TRANSFER, QueueEntry));
    MmCompleteTransfer(ended, status, NT_SUCCESS(status) ? bytes : 0);
}

ULONGLONG NTAPI Size(MM_BACKING* Backing) { return SizeOf(Of(Backing)); }

void NTAPI Start(MM_BACKING* Backing, MM_TRANSFER* Transfer) {
    IDE_PAGE_DISK& disk = Of(Backing);
    ULONG bytes;
    const NTSTATUS status = MmCheckTransfer(*Transfer, SizeOf(disk), &bytes, PAGE_SIZE);
    if (!NT_SUCCESS(status)) return MmCompleteTransfer(Transfer, status, 0);
    nt::DispatchLevelGuard level;
    if (!KeInsertByKeyDeviceQueue(&disk.Queue, &Transfer->QueueEntry, PageOf(*Transfer))) Begin(disk, Transfer);
}

constexpr MM_BACKING_CALLS Calls = {Size, Start, nullptr};

/// Reads the first page of a disk of so many pages. @returns the length of its page file in pages, 0: it has no label
ULONG ReadLabel(IDE_DISK& disk, ULONG pages) {
    const PFN_NUMBER frame = PhysicalAddress(FirstPage) / PAGE_SIZE;
    IdeStart(disk, 0, 1, &frame, false);
    IdePoll(disk);
    if (!NT_SUCCESS(IdeEnd(disk))) return 0;
    return LabelledPages(*reinterpret_cast<const PAGE_FILE_LABEL*>(FirstPage), pages);
}

/// Lets the disk's interrupt end transfers. @returns whether it is connected
bool Connect(IDE_PAGE_DISK& disk, ULONG line) EXCLUDES_(AtDispatchLevel) {
    KIRQL irql;
    KAFFINITY affinity;
    const ULONG vector = HalGetInterruptVector(INTERFACE_TYPE::Isa, 0, line, line, &irql, &affinity);
    if (vector == 0) return false;
    KeInitializeInterrupt(&disk.Interrupt, Serve, &disk, nullptr, vector, irql, irql, KINTERRUPT_MODE::Latched, TRUE,
                          RtlFindLeastSignificantBit(affinity));
    if (!KeConnectInterrupt(&disk.Interrupt)) return false;
    IdeEnableInterrupts(disk.Disk, true);
    return true;
}

} // namespace

NTSTATUS MakeIdeDisk(IDE_PAGE_DISK& disk, ULONG channel, USHORT busMaster) {
    disk.Backing = {&Calls, 1, nullptr, {}};
    disk.Disk.Ports = PORTS[channel];
    disk.Disk.Ports.BusMaster = USHORT(disk.Disk.Ports.BusMaster + busMaster);
    disk.Disk.PrdAddress = PhysicalAddress(disk.Disk.Prds);
    KeInitializeDeviceQueue(&disk.Queue);
    KeInitializeDpc(&disk.Dpc, CompleteTransfer, &disk);
    for (UCHAR unit = 0; unit < UNITS; unit++) {
        disk.Disk.Unit = unit;
        const ULONG pages = IdeIdentify(disk.Disk) / SECTORS_PER_PAGE;
        disk.Pages = pages != 0 ? ReadLabel(disk.Disk, pages) : 0;
        if (disk.Pages != 0) return Connect(disk, LINES[channel]) ? STATUS_SUCCESS : STATUS_IO_DEVICE_ERROR;
    }
    return STATUS_NO_SUCH_DEVICE;
}
