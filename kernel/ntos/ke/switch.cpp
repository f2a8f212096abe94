// Leaving one thread for another: waiting, ending, being preempted.
//
// Two ways lead off a processor. A thread that waits or ends goes by itself (KiSwapThread); one that loses the processor
// is switched away by the dispatch interrupt (KiSwitchToNextThread), which comes as soon as the IRQL falls below
// DISPATCH_LEVEL and after the DPCs.
// Invariant: SwapBusy is set from the moment another processor could choose the thread (it is Ready, or its wait may end)
// until KiSwapContext has left its stack; who switches to a thread waits for that.
// Locks: PrcbLock for the choice, none during the switch. IRQL: SYNCH_LEVEL.
// In the books: "context switching", "preemption", "dispatch interrupt". SCH-12..14, KPR-06
#include "ke/ki.h"

namespace {

/// The processor has a new current thread. The old one is somewhere else already.
void SetCurrentThread(KPRCB* prcb, KTHREAD* thread) REQUIRES_(prcb->PrcbLock) {
    prcb->NextThread = nullptr;
    prcb->CurrentThread = thread;
    thread->NextProcessor = UCHAR(prcb->Number);
    if (thread != prcb->IdleThread) KiSetThreadState(thread, KTHREAD_STATE::Running);
}

/// Switches contexts. Everything about the new thread is decided; returns when the old one runs again.
void SwitchContext(KTHREAD* oldThread, KTHREAD* newThread) REQUIRES_(AtDispatchLevel) {
    NT_ASSERT(KeGetCurrentIrql() == SYNCH_LEVEL);
    EtwTraceEvent(
        ETW_EVENT::ContextSwitch, reinterpret_cast<ULONG_PTR>(oldThread), reinterpret_cast<ULONG_PTR>(newThread),
        ULONG(oldThread->State) | ULONG(UCHAR(oldThread->Priority)) << 8 | ULONG(UCHAR(newThread->Priority)) << 16,
        ULONG_PTR(oldThread->WaitReason));
    while (newThread->SwapBusy)
        YieldProcessor(); // another processor is still leaving its stack

    KPROCESS* const oldProcess = oldThread->ApcState.Process;
    KPROCESS* const newProcess = newThread->ApcState.Process;
    if (oldProcess != newProcess) {
        const LONG processor = LONG(KeGetCurrentPrcb()->SetMember);
        InterlockedAnd(&oldProcess->ActiveProcessors, ~processor);
        InterlockedOr(&newProcess->ActiveProcessors, processor);
    }
    KiSwapContext(oldThread, newThread);
}

/// The best thread for a processor whose current thread leaves it.
KTHREAD* SelectNextThread(KPRCB* prcb) REQUIRES_(prcb->PrcbLock) {
    if (prcb->NextThread) return prcb->NextThread;
    if (KTHREAD* const ready = KiSelectReadyThread(LOW_PRIORITY, prcb)) return ready;
    InterlockedOr(&KiIdleSummary, LONG(prcb->SetMember));
    return prcb->IdleThread;
}

void RetireDpcs(KPRCB* prcb) REQUIRES_(AtDispatchLevel) {
    if (prcb->DpcStack) {
        KiRetireDpcListOnStack(prcb, prcb->DpcStack);
    } else {
        KiRetireDpcList(prcb);
    }
}

} // namespace

NTSTATUS NTAPI KiSwapThread() {
    KTHREAD* const oldThread = KeGetCurrentThread();
    KiProcessDeferredReadyList();

    KPRCB* const prcb = KeGetCurrentPrcb();
    if (prcb->DpcRoutineActive) {
        KeBugCheckEx(ATTEMPTED_SWITCH_FROM_DPC, reinterpret_cast<ULONG_PTR>(oldThread),
                     reinterpret_cast<ULONG_PTR>(prcb->IdleThread), 0, 0);
    }

    KTHREAD* newThread;
    {
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        newThread = SelectNextThread(prcb);
        SetCurrentThread(prcb, newThread);
    }
    KiCheckDispatcherDatabase(prcb);

    if (newThread == oldThread) {
        oldThread->SwapBusy = FALSE; // its wait ended on another processor before it had left this one
    } else {
        SwitchContext(oldThread, newThread);
    }

    const NTSTATUS status = oldThread->WaitStatus;
    KeLowerIrql(oldThread->WaitIrql);
    return status;
}

void NTAPI KiSwitchToNextThread() {
    KPRCB* const prcb = KeGetCurrentPrcb();
    KTHREAD* oldThread;
    KTHREAD* newThread;
    {
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        newThread = prcb->NextThread;
        if (!newThread) return;
        oldThread = prcb->CurrentThread;
        oldThread->SwapBusy = TRUE;
        if (oldThread == prcb->IdleThread) {
            // always Running in its own books, and never on a ready queue
        } else if (oldThread->Affinity & prcb->SetMember) {
            KxQueueReadyThread(oldThread, prcb);
        } else {
            KiReadyThread(oldThread); // it may not run here any more: it looks for another processor
        }
        SetCurrentThread(prcb, newThread);
    }
    KiProcessDeferredReadyList();
    KiCheckDispatcherDatabase(prcb);
    SwitchContext(oldThread, newThread);
}

void NTAPI KiExitDispatcher(KIRQL OldIrql) {
    KiProcessDeferredReadyList();
    KiCheckDispatcherDatabase(KeGetCurrentPrcb());
    KeLowerIrql(OldIrql);
}

void NTAPI KiDispatchInterrupt() {
    KeAssertDispatchLevel();
    KPRCB* const prcb = KeGetCurrentPrcb();
    if (prcb->DpcData.DpcQueueDepth != 0 || prcb->DpcInterruptRequested) RetireDpcs(prcb);
    if (prcb->QuantumEnd) {
        prcb->QuantumEnd = FALSE;
        if (prcb->CurrentThread != prcb->IdleThread) KiQuantumEnd();
    }
    KiSwitchToNextThread();
}
