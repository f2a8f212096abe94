// Device queues: requests that wait until their device is free.
//
// Lock: the queue's, at DISPATCH_LEVEL. In the books: "device queue objects".
#include "ke/devicequeue.h"

namespace {

using Entries = nt::List<&KDEVICE_QUEUE_ENTRY::DeviceListEntry>;

/// Inserts in front of `place` if the device is busy; else makes it busy. @returns whether it was inserted
BOOLEAN Insert(PKDEVICE_QUEUE queue, PKDEVICE_QUEUE_ENTRY entry, PLIST_ENTRY place) REQUIRES_(queue->Lock) {
    entry->Inserted = queue->Busy;
    if (queue->Busy) InsertTailList(place, &entry->DeviceListEntry); // before `place`
    queue->Busy = TRUE;
    return entry->Inserted;
}

/// The first entry whose key is larger, or the list's head: equal keys stay in the order in which they came.
PLIST_ENTRY PlaceOf(PKDEVICE_QUEUE queue, ULONG sortKey) REQUIRES_(queue->Lock) {
    for (KDEVICE_QUEUE_ENTRY* each : Entries(queue->DeviceListHead)) {
        if (each->SortKey > sortKey) return &each->DeviceListEntry;
    }
    return &queue->DeviceListHead;
}

PKDEVICE_QUEUE_ENTRY Take(PKDEVICE_QUEUE_ENTRY entry) {
    RemoveEntryList(&entry->DeviceListEntry);
    entry->Inserted = FALSE;
    return entry;
}

PKDEVICE_QUEUE_ENTRY TakeFrom(PKDEVICE_QUEUE queue, ULONG sortKey) REQUIRES_(queue->Lock) {
    for (KDEVICE_QUEUE_ENTRY* each : Entries(queue->DeviceListHead)) {
        if (each->SortKey >= sortKey) return Take(each);
    }
    if (!IsListEmpty(&queue->DeviceListHead))
        return Take(CONTAINING_RECORD(queue->DeviceListHead.Flink, KDEVICE_QUEUE_ENTRY, DeviceListEntry));
    queue->Busy = FALSE;
    return nullptr;
}

} // namespace

extern "C" {

void NTAPI KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue) {
    DeviceQueue->Type = KOBJECT_DEVICE_QUEUE;
    DeviceQueue->Size = sizeof(KDEVICE_QUEUE);
    InitializeListHead(&DeviceQueue->DeviceListHead);
    KeInitializeSpinLock(&DeviceQueue->Lock);
    DeviceQueue->Busy = FALSE;
}

BOOLEAN NTAPI KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry) {
    nt::SpinLockGuard guard(DeviceQueue->Lock);
    return Insert(DeviceQueue, DeviceQueueEntry, &DeviceQueue->DeviceListHead);
}

BOOLEAN NTAPI KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry,
                                       ULONG SortKey) {
    nt::SpinLockGuard guard(DeviceQueue->Lock);
    DeviceQueueEntry->SortKey = SortKey;
    return Insert(DeviceQueue, DeviceQueueEntry, PlaceOf(DeviceQueue, SortKey));
}

PKDEVICE_QUEUE_ENTRY NTAPI KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue) {
    nt::SpinLockGuard guard(DeviceQueue->Lock);
    NT_ASSERT(DeviceQueue->Busy);
    return TakeFrom(DeviceQueue, 0);
}

PKDEVICE_QUEUE_ENTRY NTAPI KeRemoveByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey) {
    nt::SpinLockGuard guard(DeviceQueue->Lock);
    NT_ASSERT(DeviceQueue->Busy);
    return TakeFrom(DeviceQueue, SortKey);
}

PKDEVICE_QUEUE_ENTRY NTAPI KeRemoveByKeyDeviceQueueIfBusy(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey) {
    nt::SpinLockGuard guard(DeviceQueue->Lock);
    return DeviceQueue->Busy ? TakeFrom(DeviceQueue, SortKey) : nullptr;
}

BOOLEAN NTAPI KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry) {
    nt::SpinLockGuard guard(DeviceQueue->Lock);
    if (!DeviceQueueEntry->Inserted) return FALSE;
    (void)Take(DeviceQueueEntry);
    return TRUE;
}
}
