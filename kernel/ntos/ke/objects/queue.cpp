// Queues: entries go in, threads take them out, and the number of active threads stays bounded.
//
// The wait routines keep the count: a thread of a queue that begins to wait, for anything, calls KiActivateWaiterQueue
// (KiCommitWait), and one whose wait ends is counted again (KiUnwaitThread).
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL; KeRemoveQueue <= APC_LEVEL.
// In the books: "dispatcher objects: queues", "I/O completion port concurrency". DSP-06
#include "ke/ki.h"

namespace {

[[maybe_unused]] void TraceSignal(const KQUEUE* queue, LONG oldState) REQUIRES_(KiDispatcherLock) {
    EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(queue), ULONG_PTR(queue->Header.Type),
                  ULONG_PTR(oldState), ULONG_PTR(queue->Header.SignalState));
}

/// Takes the oldest entry.
[[maybe_unused]] LIST_ENTRY* TakeEntry(KQUEUE* queue) REQUIRES_(KiDispatcherLock) {
    LIST_ENTRY* const entry = RemoveHeadList(&queue->EntryListHead);
    queue->Header.SignalState--;
    return entry;
}

/// The entry's thread has it now, and may insert it again. Until now its Flink led somewhere: an entry that is inserted
/// twice can be found out.
[[maybe_unused]] LIST_ENTRY* HandOut(LIST_ENTRY* entry) {
    entry->Flink = nullptr;
    return entry;
}

/// Hands an entry to the thread that began to wait last. It becomes active: KiUnwaitThread counts it.
[[maybe_unused]] void GiveToLastWaiter(KQUEUE* queue, LIST_ENTRY* entry) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    KWAIT_BLOCK* const block = CONTAINING_RECORD(queue->Header.WaitListHead.Blink, KWAIT_BLOCK, WaitListEntry);
    block->Thread->QueueEntry = entry;
    KiUnwaitThread(block->Thread, STATUS_SUCCESS, 0);
}

[[maybe_unused]] bool MayWakeOne(const KQUEUE* queue) REQUIRES_(KiDispatcherLock) {
    return queue->CurrentCount < queue->MaximumCount && !IsListEmpty(&queue->Header.WaitListHead);
}

/// Puts an entry into the queue, at its head or its tail, or (MayWakeOne) gives it to the thread that began to wait last.
/// In that case it is on no list, and its Flink leads to itself until its thread has it (HandOut). SignalState is the number of entries in the queue.
/// The signal is traced (TraceSignal) in either case: when SignalState is what it will be, and before a thread is woken.
/// @returns the number of entries before
LONG Insert(KQUEUE* queue, LIST_ENTRY* entry, bool atHead) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    // LAB(3.9) begin
    const LONG oldState = queue->Header.SignalState;
    if (MayWakeOne(queue)) {
        NT_ASSERT(oldState == 0); // an entry and a thread that may take it do not wait for each other
        InitializeListHead(entry);
        TraceSignal(queue, oldState);
        GiveToLastWaiter(queue, entry);
        return oldState;
    }
    if (atHead) {
        InsertHeadList(&queue->EntryListHead, entry);
    } else {
        InsertTailList(&queue->EntryListHead, entry);
    }
    queue->Header.SignalState = oldState + 1;
    TraceSignal(queue, oldState);
    return oldState;
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}

/// The thread belongs to this queue from now on, and is active in it. It runs, so its former queue counted it, too.
[[maybe_unused]] void JoinQueue(KQUEUE* queue, KTHREAD* thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    if (thread->Queue == queue) return;
    KiLeaveQueue(thread);
    thread->Queue = queue;
    InsertTailList(&queue->ThreadListHead, &thread->QueueListEntry);
    queue->CurrentCount = queue->CurrentCount + 1;
}

} // namespace

LONG NTAPI KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry) {
    KiDispatcherGuard guard;
    return Insert(Queue, Entry, false);
}

LONG NTAPI KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry) {
    KiDispatcherGuard guard;
    return Insert(Queue, Entry, true);
}

/// Takes the oldest entry, or waits for one. The thread belongs to the queue from now on (JoinQueue).
///
/// - An entry may be taken at once while the active threads, this one included, are not more than MaximumCount.
/// - Otherwise it is a wait like any other, not alertable, with the reason WrQueue, for the queue as a WaitAny with key 0
///   (KiBeginWait, KiTestAlert, KiUpdateDeadline, KiInsertWaitBlock, KiCommitWait, and the event Wait). Who ended it has
///   left the entry in KTHREAD::QueueEntry. STATUS_KERNEL_APC: the APC has run, and all of it begins again, for the
///   time that is left.
/// @returns the entry (HandOut), or the status of the wait as a pointer
/// Callers rely on: a thread that waits here does not count as active, one that has an entry does.
PLIST_ENTRY NTAPI KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout) {
    // LAB(3.9) begin
    KI_DEADLINE deadline{};
    NTSTATUS status;
    do {
        KTHREAD* const thread = KiBeginWait(KWAIT_REASON::WrQueue, WaitMode, FALSE);
        JoinQueue(Queue, thread);

        // The thread itself is one of the active ones: with it, they may be as many as the maximum.
        if (Queue->Header.SignalState > 0 && Queue->CurrentCount <= Queue->MaximumCount) {
            LIST_ENTRY* const entry = HandOut(TakeEntry(Queue));
            (void)KiEndWait(thread, STATUS_SUCCESS);
            return entry;
        }
        status = KiTestAlert(thread);
        KiUpdateDeadline(&deadline, Timeout);
        if (status == STATUS_SUCCESS && deadline.Passed) status = STATUS_TIMEOUT;
        if (status != STATUS_SUCCESS) {
            (void)KiEndWait(thread, status);
            break;
        }
        EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), 1, ULONG_PTR(WaitAny), deadline.Given);
        KWAIT_BLOCK* const block = &thread->WaitBlock[0];
        KiInsertWaitBlock(block, thread, &Queue->Header, 0, WaitAny);
        status = KiCommitWait(thread, block, block, deadline);
    } while (status == STATUS_KERNEL_APC); // the APC has run: the wait begins again
    if (status == STATUS_SUCCESS) return HandOut(KeGetCurrentThread()->QueueEntry);
    return reinterpret_cast<PLIST_ENTRY>(LONG_PTR(status));
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}

/// A thread of the queue has stopped being active: it waits, ended, or went to another queue. It is not counted any more
/// (CurrentCount). If there is an entry then and a thread that may have it, they come together now.
void NTAPI KiActivateWaiterQueue(PKQUEUE Queue) {
    // LAB(3.9) begin
    NT_ASSERT(Queue->CurrentCount > 0);
    Queue->CurrentCount = Queue->CurrentCount - 1;
    if (Queue->Header.SignalState > 0 && MayWakeOne(Queue)) GiveToLastWaiter(Queue, TakeEntry(Queue));
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}
