// What others may say about a thread's scheduling: priorities, boosts, processors, giving up the turn.
//
// Locks: takes KiDispatcherLock, then the thread's ReadyLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "thread priorities", "priority boosts", "affinity and ideal processor". SCH-02, SCH-03, SCH-18, SCH-19
#include "ke/ki.h"

namespace {

bool IsRealtime(KPRIORITY priority) { return priority >= LOW_REALTIME_PRIORITY; }

KPRIORITY Clamp(KPRIORITY priority, KPRIORITY low, KPRIORITY high) {
    if (priority < low) return low;
    return priority > high ? high : priority;
}

/// Brings a priority into the half of `classPriority`: 1..15 or 16..31.
KPRIORITY ClampToClass(KPRIORITY priority, KPRIORITY classPriority) {
    return IsRealtime(classPriority) ? Clamp(priority, LOW_REALTIME_PRIORITY, HIGH_PRIORITY)
                                     : Clamp(priority, LOW_PRIORITY + 1, HIGHEST_VARIABLE_PRIORITY);
}

/// Runs `change` while the thread cannot change its place: with the lock of the processor that it belongs to. (A thread that
/// is on no processor's books is held by its ReadyLock, which the caller has.)
template <typename Change>
void UnderProcessorLock(KTHREAD* thread,
                        Change change) NO_THREAD_SAFETY_ANALYSIS { // it knows no lock of a template's caller
    for (;;) {
        KPRCB* const prcb = KiThreadProcessor(thread);
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        if (KiThreadProcessor(thread) != prcb) continue; // it moved before we had the lock
        change(prcb);
        return;
    }
}

/// A new base priority, and with it a new turn, without what was left of a boost. A quantum that ends from now on leaves the
/// priority at the new base or above.
void SetBase(KTHREAD* thread, KPRIORITY base) {
    thread->BasePriority = SCHAR(base);
    thread->Quantum = thread->QuantumReset;
    thread->PriorityDecrement = 0;
}

/// A ready or standby thread leaves a processor that it may not use any more; a running one leaves at its next switch.
/// @returns false if the thread moved before the lock was held: look again
bool LeaveProcessor(KTHREAD* thread, KPRCB* prcb) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    if (KiThreadProcessor(thread) != prcb) return false;
    if (thread->Affinity & prcb->SetMember) {
        if (thread->State == KTHREAD_STATE::Ready) KiOfferReadyThread(thread, prcb); // it may go to more processors now
        return true;
    }
    switch (thread->State) {
    case KTHREAD_STATE::Ready:
        KiRemoveReadyQueue(prcb, thread);
        KiReadyThread(thread);
        break;
    case KTHREAD_STATE::Standby: {
        prcb->NextThread = nullptr;
        KiReadyThread(thread);
        KiReconsiderNextThread(prcb);
        if (!prcb->NextThread && prcb->CurrentThread == prcb->IdleThread)
            InterlockedOr(&KiIdleSummary, LONG(prcb->SetMember));
        break;
    }
    case KTHREAD_STATE::Running: KiRequestDispatchInterrupt(prcb); break; // KiSwitchToNextThread sees it must leave
    default: break;
    }
    return true;
}

} // namespace

KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority) {
    NT_ASSERT(Priority > LOW_PRIORITY && Priority <= HIGH_PRIORITY);
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(Thread->ReadyLock);
    KPRIORITY oldPriority = 0;
    UnderProcessorLock(Thread, [&](KPRCB*) {
        oldPriority = Thread->Priority;
        SetBase(Thread, Priority);
    });
    KiSetPriorityThread(Thread, Priority, KPRIORITY_CHANGE::Set);
    return oldPriority;
}

LONG NTAPI KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment) {
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(Thread->ReadyLock);
    const KPRIORITY processBase = Thread->Process->BasePriority;
    const KPRIORITY newBase = ClampToClass(processBase + Increment, processBase);
    KPRIORITY oldBase = 0, priority = 0;
    UnderProcessorLock(Thread, [&](KPRCB*) {
        oldBase = Thread->BasePriority;
        // Between the classes a boost means nothing; within one, what is left of a boost stays on top of the new base.
        const bool sameClass = IsRealtime(oldBase) == IsRealtime(newBase);
        const KPRIORITY boost = sameClass ? Thread->Priority - Thread->PriorityDecrement - oldBase : 0;
        priority = ClampToClass(newBase + (boost > 0 ? boost : 0), newBase);
        SetBase(Thread, newBase);
    });
    KiSetPriorityThread(Thread, priority, KPRIORITY_CHANGE::Set);
    return oldBase - processBase;
}

LONG NTAPI KeQueryBasePriorityThread(PKTHREAD Thread) { return Thread->BasePriority - Thread->Process->BasePriority; }

KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread) { return Thread->Priority; }

void NTAPI KeBoostPriorityThread(PKTHREAD Thread, KPRIORITY Increment) {
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(Thread->ReadyLock);
    KPRIORITY priority = 0;
    // A ready thread is boosted here, where the scan for starved threads cannot relieve it meanwhile. Another one cannot
    // starve before KiSetPriorityThread has it: that takes seconds.
    UnderProcessorLock(Thread, [&](KPRCB* prcb) NO_THREAD_SAFETY_ANALYSIS { // runs under the locks of the caller
        const KPRIORITY old = Thread->Priority;
        priority = IsRealtime(old) ? old : Clamp(old + Increment, old, HIGHEST_VARIABLE_PRIORITY);
        if (Thread->State != KTHREAD_STATE::Ready || priority == old) return;
        KiRemoveReadyQueue(prcb, Thread);
        KiChangePriority(Thread, priority, KPRIORITY_CHANGE::Boost);
        KiReadyThread(Thread);
    });
    if (!IsRealtime(priority)) KiSetPriorityThread(Thread, priority, KPRIORITY_CHANGE::Boost);
}

BOOLEAN NTAPI KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable) {
    KiDispatcherGuard guard;
    const BOOLEAN old = Thread->DisableBoost;
    Thread->DisableBoost = Disable;
    return old;
}

/// The thread may run on these processors from now on; if it runs on another one, it leaves that.
static void ChangeAffinity(PKTHREAD thread, KAFFINITY affinity) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard ready(thread->ReadyLock);
    NT_ASSERT((affinity & KeActiveProcessors) != 0);
    thread->Affinity = affinity;
    while (!LeaveProcessor(thread, KiThreadProcessor(thread)))
        YieldProcessor();
}

KAFFINITY NTAPI KeSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity) {
    KiDispatcherGuard guard;
    const KAFFINITY old = Thread->UserAffinity;
    Thread->UserAffinity = Affinity;
    if (!Thread->SystemAffinityActive) ChangeAffinity(Thread, Affinity);
    return old;
}

void NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity) {
    KiDispatcherGuard guard;
    KTHREAD* const thread = KeGetCurrentThread();
    thread->SystemAffinityActive = TRUE;
    ChangeAffinity(thread, Affinity);
}

void NTAPI KeRevertToUserAffinityThread() {
    KiDispatcherGuard guard;
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->SystemAffinityActive);
    thread->SystemAffinityActive = FALSE;
    ChangeAffinity(thread, thread->UserAffinity);
}

UCHAR NTAPI KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor) {
    KiDispatcherGuard guard;
    const UCHAR old = Thread->IdealProcessor;
    if (Processor < MAXIMUM_PROCESSORS && KiProcessorBlock[Processor]) Thread->IdealProcessor = Processor;
    return old;
}

NTSTATUS NTAPI KeYieldExecution() {
    nt::DispatchLevelGuard level;
    KPRCB* const prcb = KeGetCurrentPrcb();
    KTHREAD* const thread = prcb->CurrentThread;
    {
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        if (!prcb->NextThread) {
            KTHREAD* const next = KiSelectReadyThread(thread->Priority, prcb);
            if (!next) return STATUS_NO_YIELD_PERFORMED;
            KiSetStandbyThread(prcb, next);
        }
        thread->Quantum = thread->QuantumReset; // the turn was given away, not used up: the priority stays
        thread->Preempted = FALSE;
    }
    KiSwitchToNextThread();
    return STATUS_SUCCESS;
}
