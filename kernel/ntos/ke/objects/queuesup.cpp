// Queues: made, looked at, left and run down.
//
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: queues". DSP-06
#include "ke/ki.h"

void NTAPI KeInitializeQueue(PRKQUEUE Queue, ULONG Count) {
    *Queue = {};
    Queue->Header.Type = KOBJECTS::QueueObject;
    Queue->Header.Size = sizeof(KQUEUE) / sizeof(ULONG);
    InitializeListHead(&Queue->Header.WaitListHead);
    InitializeListHead(&Queue->EntryListHead);
    InitializeListHead(&Queue->ThreadListHead);
    Queue->MaximumCount = Count != 0 ? Count : ULONG(KeNumberProcessors);
}

LONG NTAPI KeReadStateQueue(PRKQUEUE Queue) { return *const_cast<volatile LONG*>(&Queue->Header.SignalState); }

void KiLeaveQueue(PKTHREAD Thread) {
    KQUEUE* const queue = Thread->Queue;
    if (!queue) return;
    RemoveEntryList(&Thread->QueueListEntry);
    Thread->Queue = nullptr;
    KiActivateWaiterQueue(queue);
}

PLIST_ENTRY NTAPI KeRundownQueue(PRKQUEUE Queue) {
    KiDispatcherGuard guard;
    // First the threads that belong to it: a wait that ends now does not concern the queue any more.
    while (!IsListEmpty(&Queue->ThreadListHead)) {
        KTHREAD* const thread = CONTAINING_RECORD(RemoveHeadList(&Queue->ThreadListHead), KTHREAD, QueueListEntry);
        thread->Queue = nullptr;
    }
    Queue->CurrentCount = 0;
    while (!IsListEmpty(&Queue->Header.WaitListHead)) {
        KWAIT_BLOCK* const block = CONTAINING_RECORD(Queue->Header.WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry);
        KiUnwaitThread(block->Thread, STATUS_ABANDONED, 0);
    }
    Queue->Header.SignalState = 0;
    if (IsListEmpty(&Queue->EntryListHead)) return nullptr;
    LIST_ENTRY* const first = Queue->EntryListHead.Flink;
    RemoveEntryList(&Queue->EntryListHead); // the ring closes without its head
    InitializeListHead(&Queue->EntryListHead);
    return first;
}
