// What others may say about a thread's scheduling: priorities, boosts, processors, giving up the turn.
//
// Each change of priority holds KiDispatcherLock (KiSetPriorityThread, the scan for starved threads) or the ReadyLock
// (the thread becomes ready, its quantum ends). The routines here hold both: what they read stays true.
// Locks: takes KiDispatcherLock, then the thread's ReadyLock, then PrcbLocks, one at a time. IRQL: <= DISPATCH_LEVEL.
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

/// A new base priority, and with it a new turn, without what was left of a boost. A quantum that ends from now on leaves the
/// priority at the new base or above.
void SetBase(KTHREAD* thread, KPRIORITY base) {
    thread->BasePriority = SCHAR(base);
    thread->Quantum = thread->QuantumReset;
    thread->PriorityDecrement = 0;
}

/// Takes a thread from a processor that it may not use any more, if it is there. A ready or standby thread leaves at
/// once; a running one leaves at its next switch.
void LeaveProcessor(KTHREAD* thread, KPRCB* prcb) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    if (KiThreadProcessor(thread) != prcb) return;
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
}

/// Tells the processors about a thread that is ready on `prcb`'s queues: it may go to more of them now.
void OfferIfReady(KTHREAD* thread, KPRCB* prcb) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    const bool ready = KiThreadProcessor(thread) == prcb && thread->State == KTHREAD_STATE::Ready;
    if (ready) KiOfferReadyThread(thread, prcb);
}

} // namespace

KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority) {
    NT_ASSERT(Priority > LOW_PRIORITY && Priority <= HIGH_PRIORITY);
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(Thread->ReadyLock);
    const KPRIORITY oldPriority = Thread->Priority;
    SetBase(Thread, Priority);
    KiSetPriorityThread(Thread, Priority, KPRIORITY_CHANGE::Set);
    return oldPriority;
}

void NTAPI KeTakeZeroPagePriority() {
    KTHREAD* const thread = KeGetCurrentThread();
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(thread->ReadyLock);
    SetBase(thread, LOW_PRIORITY);
    KiSetPriorityThread(thread, LOW_PRIORITY, KPRIORITY_CHANGE::Set);
}

LONG NTAPI KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment) {
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(Thread->ReadyLock);
    const KPRIORITY processBase = Thread->Process->BasePriority;
    const KPRIORITY newBase = ClampToClass(processBase + Increment, processBase);
    const KPRIORITY oldBase = Thread->BasePriority;
    // Between the classes a boost means nothing; within one, what is left of a boost stays on top of the new base.
    const bool sameClass = IsRealtime(oldBase) == IsRealtime(newBase);
    const KPRIORITY boost = sameClass ? Thread->Priority - Thread->PriorityDecrement - oldBase : 0;
    const KPRIORITY priority = ClampToClass(newBase + (boost > 0 ? boost : 0), newBase);
    SetBase(Thread, newBase);
    KiSetPriorityThread(Thread, priority, KPRIORITY_CHANGE::Set);
    return oldBase - processBase;
}

LONG NTAPI KeQueryBasePriorityThread(PKTHREAD Thread) { return Thread->BasePriority - Thread->Process->BasePriority; }

KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread) { return Thread->Priority; }

void NTAPI KeBoostPriorityThread(PKTHREAD Thread, KPRIORITY Increment) {
    KiDispatcherGuard guard;
    nt::SpinLockAtDpcGuard ready(Thread->ReadyLock);
    const KPRIORITY old = Thread->Priority;
    if (IsRealtime(old)) return;
    KiSetPriorityThread(Thread, Clamp(old + Increment, old, HIGHEST_VARIABLE_PRIORITY), KPRIORITY_CHANGE::Boost);
}

BOOLEAN NTAPI KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable) {
    KiDispatcherGuard guard;
    const BOOLEAN old = Thread->DisableBoost;
    Thread->DisableBoost = Disable;
    return old;
}

/// The thread may run on these processors from now on. If another processor has it, the thread leaves that.
/// A thread that changes its processor meanwhile is not missed: the one that moves it reads the new affinity, or has held
/// the PrcbLock of the processor that gets it before this routine comes there.
static void ChangeAffinity(PKTHREAD thread, KAFFINITY affinity) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard ready(thread->ReadyLock);
    NT_ASSERT((affinity & KeActiveProcessors) != 0);
    thread->Affinity = affinity;
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++) {
        KPRCB* const prcb = KiProcessorBlock[number];
        if (affinity & prcb->SetMember) {
            OfferIfReady(thread, prcb);
        } else {
            LeaveProcessor(thread, prcb);
        }
    }
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
