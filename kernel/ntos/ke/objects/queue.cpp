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

/// Adds an entry: behind all others of the queue, or (`atHead`) before all others. If a thread waits and one more may
/// be active (MayWakeOne), the entry is never in the queue: the thread that began to wait last gets it.
///
/// - SignalState is the number of entries in the queue.
/// - An entry that was given to a thread is on no list. Until the thread has it (HandOut), its Flink leads to the entry
///   itself.
/// - Each call is traced (TraceSignal), when SignalState is what it will be; a thread is woken after that.
/// @returns the number of entries that were in the queue before
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

/// The current thread asks for an entry, and waits if it may not have one now. It belongs to the queue from now on
/// (JoinQueue).
///
/// - It may have the oldest entry at once if the active threads are not more than MaximumCount; the thread is one of
///   them.
/// - Otherwise it waits for the queue as KeWaitForSingleObject waits for its object: the same things end the wait in
///   the same order, it goes on after a kernel APC, and it is traced as a wait for one object. The wait has the
///   caller's mode, is not alertable, and its reason is WrQueue.
/// - A thread that has given an entry to this one has left it in KTHREAD::QueueEntry.
/// @returns the entry (HandOut), or the status of the wait as a pointer
/// Callers rely on: a thread that waits here is not active, a thread that has an entry is.
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

/// A thread of the queue is active no longer: it begins to wait, has ended, or went to another queue. CurrentCount is
/// one less. On return no thread waits that may have an entry of the queue.
void NTAPI KiActivateWaiterQueue(PKQUEUE Queue) {
    // LAB(3.9) begin
    NT_ASSERT(Queue->CurrentCount > 0);
    Queue->CurrentCount = Queue->CurrentCount - 1;
    if (Queue->Header.SignalState > 0 && MayWakeOne(Queue)) GiveToLastWaiter(Queue, TakeEntry(Queue));
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}
