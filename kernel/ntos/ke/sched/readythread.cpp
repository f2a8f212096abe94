// From "may run" to a place on a processor: the deferred ready list, and the small steps of the scheduler.
//
// A thread that becomes ready while the dispatcher database is held goes on a list of this processor first
// (DeferredReady); choosing a processor takes PRCB locks, and is done when the database is free again.
// Locks: the deferred ready list belongs to its processor, at SYNCH_LEVEL; takes ReadyLock. IRQL: SYNCH_LEVEL.
// In the books: "thread scheduling", "deferred ready state". SCH-05, SCH-06, SCH-13
#include "ke/ki.h"

extern "C" {
constinit volatile LONG KiIdleSummary = 0; // shared: interlocked
// shared: written while the second processor starts, then fixed
constinit void(NTAPI* KiSendDispatchInterrupt)(KAFFINITY TargetProcessors) = nullptr;
}

void NTAPI KiReadyThread(PKTHREAD Thread) {
    if (Thread->UserWait && !KiEndUserWait(Thread)) [[unlikely]]
        return;
    KiSetThreadState(Thread, KTHREAD_STATE::DeferredReady);
    PushEntryList(&KeGetCurrentPrcb()->DeferredReadyListHead, &Thread->SwapListEntry);
}

void NTAPI KiProcessDeferredReadyList() {
    KPRCB* const prcb = KeGetCurrentPrcb();
    while (prcb->DeferredReadyListHead.Next) {
        // The list is a stack; turned round, it has the threads in the order in which they became ready.
        SINGLE_LIST_ENTRY inOrder = {nullptr};
        while (SINGLE_LIST_ENTRY* const entry = PopEntryList(&prcb->DeferredReadyListHead))
            PushEntryList(&inOrder, entry);
        while (SINGLE_LIST_ENTRY* const entry = PopEntryList(&inOrder)) {
            KTHREAD* const thread = CONTAINING_RECORD(entry, KTHREAD, SwapListEntry);
            // It is on no processor, so no PrcbLock guards it: its priority shall not change between the look and the
            // insertion, and its affinity not between the choice and the arrival.
            nt::SpinLockAtDpcGuard guard(thread->ReadyLock);
            KiDeferredReadyThread(thread);
        }
    }
}

void NTAPI KxQueueReadyThread(PKTHREAD Thread, PKPRCB Prcb) {
    const BOOLEAN atHead = Thread->Preempted;
    Thread->Preempted = FALSE;
    Thread->NextProcessor = UCHAR(Prcb->Number);
    Thread->WaitTime = KeTickCount.LowPart;
    KiSetThreadState(Thread, KTHREAD_STATE::Ready);
    EtwTraceEvent(ETW_EVENT::Ready, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(Thread->Priority), Prcb->Number,
                  atHead);
    KiInsertReadyQueue(Prcb, Thread, atHead);
    KiOfferReadyThread(Thread, Prcb); // no processor was idle when its own was chosen, or it lost that one since
}

void KiOfferReadyThread(PKTHREAD Thread, PKPRCB Prcb) {
    KeMemoryBarrier(); // publish the thread, then read KiIdleSummary; idle processors do the reverse
    // All of them: one that is told may have got another thread meanwhile, and would pass this one over.
    const KAFFINITY idle = KAFFINITY(KiIdleSummary) & KeActiveProcessors & Thread->Affinity & ~Prcb->SetMember;
    if (idle) KiSendDispatchInterrupt(idle);
}

void NTAPI KiSetStandbyThread(PKPRCB Prcb, PKTHREAD Thread) {
    NT_ASSERT(!Prcb->NextThread);
    Thread->Preempted = FALSE;
    Thread->NextProcessor = UCHAR(Prcb->Number);
    KiSetThreadState(Thread, KTHREAD_STATE::Standby);
    Prcb->NextThread = Thread;
    InterlockedAnd(&KiIdleSummary, LONG(~Prcb->SetMember));
}

void NTAPI KiRequestDispatchInterrupt(PKPRCB Prcb) {
    if (Prcb != KeGetCurrentPrcb()) {
        NT_ASSERT(KiSendDispatchInterrupt);
        KiSendDispatchInterrupt(Prcb->SetMember);
        return;
    }
    // After the DPCs, in the idle loop, and when its thread leaves, this processor looks at its next thread anyway.
    const KTHREAD* const current = Prcb->CurrentThread;
    const bool leaving = current->State != KTHREAD_STATE::Running;
    const bool looksAnyway = Prcb->DpcRoutineActive || current == Prcb->IdleThread || leaving;
    if (!looksAnyway) HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
}

void KiBoostToCaller(PKTHREAD Thread) {
    // A DPC signals in no thread's name: the one that it interrupted has nothing to do with it.
    const bool refused = Thread->DisableBoost || (Thread->Process->ProcessFlags & KPROCESS_DISABLE_BOOST) != 0 ||
                         KeGetCurrentPrcb()->DpcRoutineActive;
    const KPRIORITY wanted = KeGetCurrentThread()->Priority;
    Thread->AdjustReason = refused ? ADJUST_REASON::AdjustNone : ADJUST_REASON::AdjustBoost;
    Thread->AdjustIncrement = SCHAR(wanted < HIGHEST_LOCK_BOOST ? wanted : HIGHEST_LOCK_BOOST);
}
