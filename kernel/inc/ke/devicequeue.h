// Device queues: requests that wait until their device is free.
//
// A driver inserts each new request. If the device is not busy, it becomes so, nothing is inserted, and the driver starts the
// request at once. Whoever ends a request removes the next one; if there is none, the device is not busy any more. So at each
// moment one request at most is at the device, and no driver looks at a flag of its own.
// Invariant: entries are in the queue only while the device is busy.
// Lock: KDEVICE_QUEUE::Lock, a leaf. IRQL: DISPATCH_LEVEL for those that insert and remove the next; the rest up to it.
// In the books: "driver dispatch routines and StartIo", "device queue objects".
#pragma once

#include "ke/spinlock.h"
#include "nt/list.h"

/// A request in a device queue: part of the driver's own structure (of an IRP, mostly).
/// shared: the queue's lock guards it
struct KDEVICE_QUEUE_ENTRY {
    LIST_ENTRY DeviceListEntry;
    ULONG SortKey;    ///< the queue is in rising order of it, as far as entries were inserted by key
    BOOLEAN Inserted; ///< whether it is in a queue
};
using PKDEVICE_QUEUE_ENTRY = KDEVICE_QUEUE_ENTRY*;

/// The requests of one device, and whether one is at the device.
/// shared: Lock guards it
struct KDEVICE_QUEUE {
    SHORT Type;
    SHORT Size; ///< of the structure, in bytes
    LIST_ENTRY DeviceListHead;
    KSPIN_LOCK Lock;
    BOOLEAN Busy;
};
using PKDEVICE_QUEUE = KDEVICE_QUEUE*;

constexpr SHORT KOBJECT_DEVICE_QUEUE = 20; ///< KDEVICE_QUEUE::Type (documented value)

extern "C" {
/// Makes a queue that is empty and not busy. @irql any
NTKERNELAPI void NTAPI KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue);
/// Puts the entry behind the others, if the device is busy. @returns whether it was inserted; if not, the device is busy from
/// now on and the caller starts the request. @irql DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry);
/// As KeInsertDeviceQueue, behind the last entry whose key is not larger. @irql DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry,
                                                   ULONG SortKey);
/// Takes the first entry. @returns nullptr if there is none: the device is not busy then. @irql DISPATCH_LEVEL
NTKERNELAPI PKDEVICE_QUEUE_ENTRY NTAPI KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue);
/// Takes the first entry whose key is `SortKey` or larger, or else the first of all: the device sweeps in one direction.
/// @returns as KeRemoveDeviceQueue. @irql DISPATCH_LEVEL
NTKERNELAPI PKDEVICE_QUEUE_ENTRY NTAPI KeRemoveByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey);
/// As KeRemoveByKeyDeviceQueue, also while the device is not busy: then it returns nullptr. @irql DISPATCH_LEVEL
NTKERNELAPI PKDEVICE_QUEUE_ENTRY NTAPI KeRemoveByKeyDeviceQueueIfBusy(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey);
/// Takes this entry out, wherever it is. @returns whether it was in the queue. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry);
}
