// One channel of an IDE controller, at its registers: identify a disk, begin a DMA transfer, end it. Private to the driver.
//
// The caller sees to it that one transfer runs at a time. IRQL: any.
// (ATA/ATAPI-4, Intel 82371SB datasheet for the bus master)
#pragma once

#include "nt/types.h"
#include "ntstatus.h"

constexpr ULONG SECTOR_SIZE = 512;
constexpr ULONG SECTORS_PER_PAGE = PAGE_SIZE / SECTOR_SIZE;

/// One piece of memory of a transfer (physical region descriptor).
struct IDE_PRD {
    ULONG Address; ///< physical
    USHORT Bytes;
    USHORT Flags;
};
constexpr USHORT PRD_LAST = 0x8000;
constexpr ULONG IDE_PRDS = 16;

/// The ports of a channel.
struct IDE_PORTS {
    USHORT Command;   ///< the first of eight
    USHORT Control;   ///< alternate status, device control
    USHORT BusMaster; ///< the first of eight
};

/// A disk on a channel, and the list of memory pieces that its transfers use.
/// shared: belongs to the transfer that runs
struct IDE_DISK {
    alignas(IDE_PRDS * sizeof(IDE_PRD)) IDE_PRD Prds[IDE_PRDS]; // aligned, so that it lies in one page
    ULONG PrdAddress;                                           ///< physical, of Prds
    IDE_PORTS Ports;
    UCHAR Unit; ///< 0, 1
};

/// Asks the disk what it is; waits for it. Its interrupts are off then. @returns its size in sectors, 0: there is none
ULONG IdeIdentify(IDE_DISK& disk);
/// Whether the disk asks for interrupts.
void IdeEnableInterrupts(IDE_DISK& disk, bool enable);
/// Begins a transfer between `pages` pages of the disk (1..IDE_PRDS) and these frames.
void IdeStart(IDE_DISK& disk, ULONG page, ULONG pages, const PFN_NUMBER* frames, bool write);
/// @returns whether the disk has asked for an interrupt since IdeStart
bool IdeHasInterrupt(const IDE_DISK& disk);
/// Waits until the transfer has ended, a second at most. For disks whose interrupts are off.
void IdePoll(const IDE_DISK& disk);
/// Ends the transfer: the bus master stops, the disk withdraws its interrupt.
/// @returns STATUS_SUCCESS or STATUS_IO_DEVICE_ERROR
NTSTATUS IdeEnd(IDE_DISK& disk);
