// Ready queues: one list a priority, and the ready summary that tells which of them have threads.
//
// Invariant, whenever PrcbLock is free: bit p of ReadySummary is set exactly when DispatcherReadyListHead[p] is not
// empty. A thread is on the list of its own Priority (through WaitListEntry) exactly while its State is Ready; the
// callers change the state, these routines only the lists and the summary.
// Locks: KPRCB::PrcbLock, held by the caller. IRQL: SYNCH_LEVEL.
// In the books: "ready queues", "ready summary". SCH-16, SCH-17
#include "ke/ki.h"

/// Puts `Thread` on `Prcb`'s ready queue of its current priority.
///
/// @param AtHead TRUE: before the threads that are there (a preempted thread has a claim to the rest of its turn);
/// FALSE: behind them (threads of one priority take turns).
/// Callers rely on: the summary names the queue afterwards; no other queue and no field of the thread but WaitListEntry
/// changes; the cost does not grow with the number of threads.
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
/// Callers rely on: the other threads keep their order; the summary's bit is cleared if and only if this was the
/// queue's last thread; the priority has not been changed since the thread was inserted (change it afterwards).
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

/// Chooses who runs: removes and returns the first thread of the highest ready queue that is not empty and whose
/// priority is at least `LowPriority`.
///
/// @param LowPriority 0..31 (32, one above the highest, is allowed and finds nobody).
/// @returns the thread, still in state Ready (the caller makes it Standby or Running), or nullptr if there is none: then
/// nothing has changed.
/// Callers rely on: the summary finds the queue by a bit scan, in a time that depends neither on the number of threads
/// nor on the number of priorities.
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
