// A thread's priority changes, in whatever state it is.
//
// The number in the field alone is not enough. A ready thread is on the queue of its old priority; and when the running
// or the next thread changes its priority, another choice can be right.
// Locks: the caller holds the dispatcher database; takes the PrcbLock of the thread's processor. IRQL: SYNCH_LEVEL.
// In the books: "thread priorities", "preemption". SCH-02, SCH-03, SCH-12
#include "ke/ki.h"

/// Makes the choice of `Prcb`'s processor right again after the priority of its current or next thread has changed. The
/// caller holds the PrcbLock.
///
/// Afterwards:
/// - No ready thread has a higher priority than the next thread or, without a next thread, the current thread. Every
///   other thread is better than the idle thread.
/// - No next thread has a lower priority than the current thread.
/// - If the first two rules held before, nothing has changed. A thread of equal priority takes the place of neither the
///   next thread nor the current one.
/// - A thread that lost its place to the new choice keeps its claim to the rest of its turn, as in
///   KiDeferredReadyThread. A former next thread is on its ready queue, before its equals. A current thread that is
///   Running is Preempted. One that is not Running any more leaves the processor by itself: its Preempted stays as it
///   was.
/// - A current thread that loses a next thread, and so keeps the processor, is not Preempted.
/// - If there is a new next thread, the processor has been asked to look at it.
void NTAPI KiReconsiderNextThread(PKPRCB Prcb) {
    // LAB(1.3) begin
    KTHREAD* const current = Prcb->CurrentThread;
    const KPRIORITY lowest = current == Prcb->IdleThread ? LOW_PRIORITY : current->Priority + 1;

    KTHREAD* next = Prcb->NextThread;
    if (next && next->Priority + 1 < lowest) {
        Prcb->NextThread = nullptr;
        next->Preempted = TRUE;
        KxQueueReadyThread(next, Prcb);
        current->Preempted = FALSE;
        next = nullptr;
    }

    KTHREAD* const better = KiSelectReadyThread(next ? next->Priority + 1 : lowest, Prcb);
    if (!better) return;
    if (next) {
        Prcb->NextThread = nullptr;
        next->Preempted = TRUE;
        KxQueueReadyThread(next, Prcb);
    } else if (current != Prcb->IdleThread && current->State == KTHREAD_STATE::Running) {
        current->Preempted = TRUE;
    }
    KiSetStandbyThread(Prcb, better);
    KiRequestDispatchInterrupt(Prcb);
    // LAB(1.3) else
    //| LAB_NOT_IMPLEMENTED("1.3");
    // LAB(1.3) end
}

/// Sets the current priority of a thread (0..31), and makes the rules true again that depend on it. The caller holds
/// the dispatcher database; base priority and quantum are the caller's business.
///
/// Afterwards:
/// - A thread that is Running or Standby has the priority, and its processor's choice is right.
/// - A thread that was Ready and got less is on the ready queue of its new priority, behind its equals.
/// - A thread that was Ready and got more is placed anew, like one that has just become ready (KiReadyThread): it may
///   preempt.
/// - Any other thread has the priority, and nothing else has changed: its next transition will see the number.
/// - A thread that had this priority already is as it was, with its place on a queue.
///
/// A thread's state and its processor (KiThreadProcessor) change under the PrcbLock of that processor. Until you have
/// this lock, another processor may take the thread to a third one: then your lock does not guard the thread.
/// @param Reason for the Priority event, which KiChangePriority writes.
/// Callers rely on: the PrcbLock is free afterwards.
void NTAPI KiSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority, KPRIORITY_CHANGE Reason) {
    // LAB(1.3) begin
    NT_ASSERT(Priority >= LOW_PRIORITY && Priority <= HIGH_PRIORITY);
    if (Thread->Priority == Priority) return;

    for (;;) {
        KPRCB* const prcb = KiThreadProcessor(Thread);
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        if (KiThreadProcessor(Thread) != prcb) continue; // it moved before we had the lock

        switch (Thread->State) {
        case KTHREAD_STATE::Ready: {
            const bool raised = Priority > Thread->Priority;
            KiRemoveReadyQueue(prcb, Thread);
            KiChangePriority(Thread, Priority, Reason);
            if (raised) {
                KiReadyThread(Thread);
            } else {
                KiInsertReadyQueue(prcb, Thread, FALSE);
            }
            return;
        }
        case KTHREAD_STATE::Standby:
        case KTHREAD_STATE::Running:
            KiChangePriority(Thread, Priority, Reason);
            KiReconsiderNextThread(prcb);
            return;
        default: KiChangePriority(Thread, Priority, Reason); return;
        }
    }
    // LAB(1.3) else
    //| LAB_NOT_IMPLEMENTED("1.3");
    // LAB(1.3) end
}
