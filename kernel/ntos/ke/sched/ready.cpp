// Ready queues: one list per priority, and the ready summary that tells which of them have threads.
//
// Invariant, whenever PrcbLock is free: bit p of ReadySummary is set exactly when DispatcherReadyListHead[p] is not
// empty. A thread is on the list of its own Priority (through WaitListEntry) exactly while its State is Ready; the
// callers change the state, these routines only the lists and the summary.
// Locks: KPRCB::PrcbLock, held by the caller. IRQL: SYNCH_LEVEL.
// In the books: "ready queues", "ready summary". SCH-16, SCH-17
#include "ke/ki.h"

/// Puts `Thread` on `Prcb`'s ready queue of its current priority.
///
/// @param AtHead TRUE: the thread comes before all others of the queue, because it was preempted and has a claim to the
/// rest of its turn. FALSE: it comes behind them, because threads of one priority take turns.
/// Callers rely on: the invariant above; all other queues and, but for WaitListEntry, the thread stay as they were; the
/// cost does not grow with the number of threads.
void NTAPI KiInsertReadyQueue(PKPRCB Prcb, PKTHREAD Thread, BOOLEAN AtHead) {
    // LAB(1.1) begin
    const ULONG priority = ULONG(Thread->Priority);
    NT_ASSERT(priority < MAXIMUM_PRIORITY);
    LIST_ENTRY* const queue = &Prcb->DispatcherReadyListHead[priority];

    if (AtHead) {
        InsertHeadList(queue, &Thread->WaitListEntry);
    } else {
        InsertTailList(queue, &Thread->WaitListEntry);
    }
    Prcb->ReadySummary |= 1u << priority;
    // LAB(1.1) else
    //| LAB_NOT_IMPLEMENTED("1.1");
    // LAB(1.1) end
}

/// Takes `Thread` off `Prcb`'s ready queue of its current priority, wherever on the queue it is.
///
/// Callers rely on: the invariant above; the other threads keep their order.
/// The caller's part: the thread still has the priority at which it was inserted. A caller that wants another priority
/// changes it afterwards.
void NTAPI KiRemoveReadyQueue(PKPRCB Prcb, PKTHREAD Thread) {
    // LAB(1.1) begin
    const ULONG priority = ULONG(Thread->Priority);
    NT_ASSERT(priority < MAXIMUM_PRIORITY && (Prcb->ReadySummary & (1u << priority)) != 0);

    const bool empty = RemoveEntryList(&Thread->WaitListEntry);
    if (empty) Prcb->ReadySummary &= ~(1u << priority);
    // LAB(1.1) else
    //| LAB_NOT_IMPLEMENTED("1.1");
    // LAB(1.1) end
}

/// Takes the best ready thread off its queue, if its priority is at least `LowPriority`. The best ready thread is the
/// first one of the highest queue that has threads.
///
/// @param LowPriority 0..31, or 32: one above the highest priority, so no thread is good enough.
/// @returns the thread, still in state Ready: the caller makes it Standby or Running. nullptr: no thread is good
/// enough, and nothing has changed.
/// Callers rely on: the invariant above; the time is the same for any number of threads and for each priority.
PKTHREAD NTAPI KiSelectReadyThread(KPRIORITY LowPriority, PKPRCB Prcb) {
    // LAB(1.1) begin
    NT_ASSERT(LowPriority >= 0);
    if (LowPriority >= KPRIORITY(MAXIMUM_PRIORITY)) return nullptr; // a shift by 32 would not shift at all

    const ULONG candidates = Prcb->ReadySummary & (~0u << LowPriority);
    if (candidates == 0) return nullptr;

    const ULONG highest = 31 - ULONG(__builtin_clz(candidates)); // BSR: the number of the highest bit set
    LIST_ENTRY* const queue = &Prcb->DispatcherReadyListHead[highest];
    NT_ASSERT(!IsListEmpty(queue));
    KTHREAD* const thread = CONTAINING_RECORD(queue->Flink, KTHREAD, WaitListEntry);
    KiRemoveReadyQueue(Prcb, thread);
    return thread;
    // LAB(1.1) else
    //| LAB_NOT_IMPLEMENTED("1.1");
    // LAB(1.1) end
}
