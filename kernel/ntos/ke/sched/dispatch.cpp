// A thread has become ready: which processor takes it, and whom does it displace?
//
// This is where the rule "the highest-priority ready thread runs" is made true for a new arrival. The states involved:
//
//     DeferredReady --> Standby   it runs next: the processor is idle, or it displaces the thread that runs there now
//                   --> Ready     it waits its turn on a ready queue
//     Standby       --> Ready     it was going to run next, and the new thread is better
//
// Locks: takes the PrcbLock of the chosen processor. IRQL: SYNCH_LEVEL.
// In the books: "thread scheduling", "preemption", "choosing a processor". SCH-01, SCH-05, SCH-06, SCH-12, SCH-13
#include "ke/ki.h"

/// The processor for a thread that became ready: an idle one it may run on (its ideal one first, then the one it ran on
/// last, then this one, then any), else the ideal one, else the last, else any it may run on.
/// The answer is advice: nobody holds a PrcbLock yet, so an idle processor may be taken when you look again.
PKPRCB NTAPI KiChooseProcessor(const KTHREAD* Thread) {
    const KAFFINITY allowed = Thread->Affinity & KeActiveProcessors;
    NT_ASSERT(allowed != 0);
    const KAFFINITY idle = allowed & KAFFINITY(KiIdleSummary);
    const KAFFINITY candidates = idle != 0 ? idle : allowed;

    const ULONG wishes[] = {Thread->IdealProcessor, Thread->NextProcessor, KeGetCurrentProcessorNumber()};
    const ULONG wishCount = idle != 0 ? 3 : 2; // running here is worth a wish only if it costs nobody anything
    for (ULONG i = 0; i < wishCount; i++) {
        if (candidates & (1u << wishes[i])) return KiProcessorBlock[wishes[i]];
    }
    return KiProcessorBlock[__builtin_ctz(candidates)];
}

/// Places a thread that has become ready (state DeferredReady, on no list): makes it the next thread of a processor or
/// puts it on a ready queue.
///
/// 1. A boost that is due (AdjustReason) is applied first: AdjustUnwait asks KiPriorityAfterWait with AdjustIncrement;
///    AdjustBoost raises a variable thread to at least AdjustIncrement; KiChangePriority sets the result
///    (KPRIORITY_CHANGE::Boost) and AdjustReason becomes AdjustNone.
/// 2. KiChooseProcessor names a processor. Under its PrcbLock (all that follows) NextProcessor becomes its number.
/// 3. The thread displaces the processor's next thread if its priority is higher than that thread's; with no next
///    thread, it displaces the current thread if its priority is higher or the current thread is the idle thread.
///    Equal priority never displaces.
/// 4. Who is displaced keeps his turn: Preempted is set. A displaced next thread goes back to its ready queue at once
///    (KxQueueReadyThread puts a preempted thread at the head); a displaced current thread goes there when the switch
///    takes place. A current thread that is not Running any more (it begins to wait, or ends) is not preempted: it
///    leaves by itself.
/// 5. A thread that displaces becomes the standby thread (KiSetStandbyThread); then the processor is asked to look at it
///    (KiRequestDispatchInterrupt). One that does not goes to the ready queue (KxQueueReadyThread).
///
/// Callers rely on: afterwards no thread that is ready on that processor has a higher priority than its next thread or,
/// without one, its current thread; at most one thread is Standby there; the PrcbLock is free.
void NTAPI KiDeferredReadyThread(PKTHREAD Thread) {
    // LAB(1.3) begin
    NT_ASSERT(Thread->State == KTHREAD_STATE::DeferredReady);

    if (Thread->AdjustReason == ADJUST_REASON::AdjustUnwait) {
        const KPRIORITY priority = KiPriorityAfterWait(Thread, Thread->AdjustIncrement);
        KiChangePriority(Thread, priority, KPRIORITY_CHANGE::Boost);
    } else if (Thread->AdjustReason == ADJUST_REASON::AdjustBoost) {
        const bool raises = Thread->Priority < LOW_REALTIME_PRIORITY && Thread->Priority < Thread->AdjustIncrement;
        if (raises) KiChangePriority(Thread, Thread->AdjustIncrement, KPRIORITY_CHANGE::Boost);
    }
    Thread->AdjustReason = ADJUST_REASON::AdjustNone;

    KPRCB* const prcb = KiChooseProcessor(Thread);
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    Thread->NextProcessor = UCHAR(prcb->Number);

    KTHREAD* const next = prcb->NextThread;
    KTHREAD* const current = prcb->CurrentThread;
    const bool idle = current == prcb->IdleThread;
    const bool displaces = next ? Thread->Priority > next->Priority : idle || Thread->Priority > current->Priority;
    if (!displaces) {
        KxQueueReadyThread(Thread, prcb);
        return;
    }

    if (next) {
        next->Preempted = TRUE;
        prcb->NextThread = nullptr;
        KxQueueReadyThread(next, prcb);
    } else if (!idle && current->State == KTHREAD_STATE::Running) {
        current->Preempted = TRUE;
    }
    KiSetStandbyThread(prcb, Thread);
    KiRequestDispatchInterrupt(prcb);
    // LAB(1.3) else
    //| LAB_NOT_IMPLEMENTED("1.3");
    // LAB(1.3) end
}
