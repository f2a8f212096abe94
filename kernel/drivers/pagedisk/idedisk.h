// A page file on an IDE disk: the disk of everyday machines. Private to the driver.
//
// One transfer is at the disk at a time, the others wait in the device queue in the order of the arm. The disk's interrupt ends a
// transfer: the service routine stops the bus master and queues a DPC, the DPC starts the next transfer and completes this one.
// Invariant: nothing is allocated after the set-up.
// Lock: the queue's; all of the rest belongs to the transfer at the disk. IRQL: DISPATCH_LEVEL.
#pragma once

#include "channel.h"
#include "ke/dpc.h"
#include "ke/interrupt.h"
#include "mm/backing.h"

/// A page file on an IDE disk.
/// shared: fixed after its set-up, but for what belongs to the transfer at the disk
struct IDE_PAGE_DISK {
    MM_BACKING Backing;
    IDE_DISK Disk;
    ULONG Pages; ///< the page file's length
    KDEVICE_QUEUE Queue;
    KDPC Dpc;
    KINTERRUPT Interrupt;
    MM_TRANSFER* Current; ///< at the disk
    ULONG CurrentBytes;
    volatile NTSTATUS Ended; ///< how it ended
    ULONG SweepPage;         ///< the page behind the last transfer
};

constexpr ULONG IDE_CHANNELS = 2;

/// Looks for a disk with a label on a channel, and makes it ready for transfers. @param busMaster the controller's bus master
/// registers. @returns STATUS_SUCCESS; STATUS_NO_SUCH_DEVICE: none has a label; STATUS_IO_DEVICE_ERROR: no interrupt can be connected.
/// @irql PASSIVE_LEVEL
NTSTATUS MakeIdeDisk(IDE_PAGE_DISK& disk, ULONG channel, USHORT busMaster) EXCLUDES_(AtDispatchLevel);
