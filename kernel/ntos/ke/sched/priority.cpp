// A thread's priority changes, in whatever state it is.
//
// A number in a field would not be enough: a ready thread is on the queue of its old priority, and a change of the
// running or the next thread can make another choice right.
// Locks: the caller holds the dispatcher database; takes the PrcbLock of the thread's processor. IRQL: SYNCH_LEVEL.
// In the books: "thread priorities", "preemption". SCH-02, SCH-03, SCH-12
#include "ke/ki.h"

/// Makes the choice of `Prcb`'s processor right again after the priority of its current or next thread has changed.
///
/// - A next thread that the current thread now beats (the current thread is not the idle thread, and its priority is
///   higher) goes back to its ready queue; the current thread stays and is not preempted any more.
/// - A ready thread that is better than the next thread, or, without one, than the current thread, becomes the standby
///   thread. Who is displaced is preempted, as in KiDeferredReadyThread: a next thread goes back to its ready queue; a
///   current thread that is not Running any more is left alone. Any ready thread is better than the idle thread.
/// "Better" is a higher priority, never an equal one. Once there is a new standby thread, the processor is asked to look
/// (KiRequestDispatchInterrupt).
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

/// Sets the current priority of a thread (0..31) and does what follows from it in the thread's state. The base
/// priority and the quantum are the caller's business.
///
/// - Ready: the thread leaves the queue of its old priority before the field changes. Raised, it is placed anew
///   (KiReadyThread: it may preempt); lowered, it goes to the tail of the queue of its new priority.
/// - Standby or Running: the field changes, then the processor's choice is reconsidered.
/// - Any other state: the field changes; the next transition will see it.
/// A change to the priority it has does nothing at all.
///
/// @param Reason for the Priority event, which KiChangePriority writes.
/// Callers rely on: the state and the processor are read again under the PrcbLock (another processor may have moved the
/// thread meanwhile); the PrcbLock is free afterwards.
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
