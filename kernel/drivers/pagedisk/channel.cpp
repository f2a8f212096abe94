// One channel of an IDE controller, at its registers.
#include "channel.h"
#include "hal.h"

namespace {

// Command registers, from IDE_PORTS::Command on.
enum : USHORT { DATA, ERROR, SECTOR_COUNT, LBA_LOW, LBA_MIDDLE, LBA_HIGH, DEVICE, STATUS };
constexpr USHORT COMMAND = STATUS; // when it is written
// Bus master registers, from IDE_PORTS::BusMaster on.
constexpr USHORT BM_COMMAND = 0, BM_STATUS = 2, BM_PRD_TABLE = 4;

constexpr UCHAR STATUS_ERR = 0x01, STATUS_DRQ = 0x08, STATUS_DF = 0x20, STATUS_BSY = 0x80;
constexpr UCHAR STATUS_FLOATING = 0xFF; // nothing drives the bus
constexpr UCHAR CONTROL_NO_INTERRUPTS = 0x02;
constexpr UCHAR DEVICE_LBA = 0xE0;
constexpr ULONG DEVICE_UNIT_SHIFT = 4;
constexpr UCHAR COMMAND_READ_DMA = 0xC8, COMMAND_WRITE_DMA = 0xCA, COMMAND_IDENTIFY = 0xEC;
constexpr UCHAR BM_START = 0x01, BM_TO_MEMORY = 0x08;
constexpr UCHAR BM_ACTIVE = 0x01, BM_ERROR = 0x02, BM_INTERRUPT = 0x04;
constexpr ULONG IDENTIFY_WORDS = 256, IDENTIFY_SECTORS = 60;

constexpr ULONG POLL_MICROSECONDS = 10, MOST_POLLS = 100'000;
constexpr ULONG SETTLE_MICROSECONDS = 1; // 400 ns until the status is the selected disk's

void Write(const IDE_DISK& disk, USHORT which, UCHAR value) {
    WRITE_PORT_UCHAR(USHORT(disk.Ports.Command + which), value);
}
UCHAR Read(const IDE_DISK& disk, USHORT which) { return READ_PORT_UCHAR(USHORT(disk.Ports.Command + which)); }

void WriteMaster(const IDE_DISK& disk, USHORT which, UCHAR value) {
    WRITE_PORT_UCHAR(USHORT(disk.Ports.BusMaster + which), value);
}
UCHAR ReadMaster(const IDE_DISK& disk, USHORT which) { return READ_PORT_UCHAR(USHORT(disk.Ports.BusMaster + which)); }

/// Waits while the disk is busy. @returns the status
UCHAR WaitWhileBusy(const IDE_DISK& disk) {
    UCHAR status = READ_PORT_UCHAR(disk.Ports.Control);
    for (ULONG i = 0; (status & STATUS_BSY) != 0 && i < MOST_POLLS; i++) {
        KeStallExecutionProcessor(POLL_MICROSECONDS);
        status = READ_PORT_UCHAR(disk.Ports.Control);
    }
    return status;
}

void Select(const IDE_DISK& disk, ULONG sector) {
    Write(disk, DEVICE, UCHAR(DEVICE_LBA | disk.Unit << DEVICE_UNIT_SHIFT | sector >> 24));
    KeStallExecutionProcessor(SETTLE_MICROSECONDS);
}

/// Where the transfer is on the disk, and its command.
void Command(const IDE_DISK& disk, UCHAR command, ULONG sector, ULONG sectors) {
    Select(disk, sector);
    WaitWhileBusy(disk);
    Write(disk, SECTOR_COUNT, UCHAR(sectors));
    Write(disk, LBA_LOW, UCHAR(sector));
    Write(disk, LBA_MIDDLE, UCHAR(sector >> 8));
    Write(disk, LBA_HIGH, UCHAR(sector >> 16));
    Write(disk, COMMAND, command);
}

} // namespace

ULONG IdeIdentify(IDE_DISK& disk) {
    IdeEnableInterrupts(disk, false);
    Select(disk, 0);
    const UCHAR before = READ_PORT_UCHAR(disk.Ports.Control);
    if (before == 0 || before == STATUS_FLOATING) return 0;
    Command(disk, COMMAND_IDENTIFY, 0, 0);
    const UCHAR status = WaitWhileBusy(disk);
    if ((status & (STATUS_BSY | STATUS_ERR)) != 0 || (status & STATUS_DRQ) == 0) return 0; // none, or no hard disk
    USHORT words[IDENTIFY_WORDS];
    for (USHORT& word : words)
        word = READ_PORT_USHORT(disk.Ports.Command + DATA);
    return words[IDENTIFY_SECTORS] | ULONG(words[IDENTIFY_SECTORS + 1]) << 16;
}

void IdeEnableInterrupts(IDE_DISK& disk, bool enable) {
    WRITE_PORT_UCHAR(disk.Ports.Control, enable ? 0 : CONTROL_NO_INTERRUPTS);
}

void IdeStart(IDE_DISK& disk, ULONG page, ULONG pages, const PFN_NUMBER* frames, bool write) {
    for (ULONG i = 0; i < pages; i++)
        disk.Prds[i] = {frames[i] * PAGE_SIZE, USHORT(PAGE_SIZE), i + 1 == pages ? PRD_LAST : USHORT(0)};
    WRITE_PORT_ULONG(USHORT(disk.Ports.BusMaster + BM_PRD_TABLE), disk.PrdAddress);
    const UCHAR direction = write ? 0 : BM_TO_MEMORY;
    WriteMaster(disk, BM_COMMAND, direction);
    WriteMaster(disk, BM_STATUS, BM_ERROR | BM_INTERRUPT); // a 1 clears
    Command(disk, write ? COMMAND_WRITE_DMA : COMMAND_READ_DMA, page * SECTORS_PER_PAGE, pages * SECTORS_PER_PAGE);
    WriteMaster(disk, BM_COMMAND, direction | BM_START);
}

bool IdeHasInterrupt(const IDE_DISK& disk) { return (ReadMaster(disk, BM_STATUS) & BM_INTERRUPT) != 0; }

void IdePoll(const IDE_DISK& disk) {
    for (ULONG i = 0; i < MOST_POLLS; i++) {
        const UCHAR status = READ_PORT_UCHAR(disk.Ports.Control);
        if ((status & STATUS_ERR) != 0) return; // the bus master stays active
        const bool moves = (status & (STATUS_BSY | STATUS_DRQ)) != 0 || (ReadMaster(disk, BM_STATUS) & BM_ACTIVE) != 0;
        if (!moves) return;
        KeStallExecutionProcessor(POLL_MICROSECONDS);
    }
}

NTSTATUS IdeEnd(IDE_DISK& disk) {
    WriteMaster(disk, BM_COMMAND, 0);
    const UCHAR master = ReadMaster(disk, BM_STATUS);
    WriteMaster(disk, BM_STATUS, BM_ERROR | BM_INTERRUPT);
    const UCHAR status = Read(disk, STATUS); // and the disk withdraws its interrupt
    const bool failed = (master & BM_ERROR) != 0 || (status & (STATUS_BSY | STATUS_DRQ | STATUS_DF | STATUS_ERR)) != 0;
    return failed ? STATUS_IO_DEVICE_ERROR : STATUS_SUCCESS;
}
