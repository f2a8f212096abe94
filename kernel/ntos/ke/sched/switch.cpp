// Leaving one thread for another: waiting, ending, being preempted.
//
// Two ways lead off a processor. A thread that waits or ends goes by itself (KiSwapThread); one that loses the processor
// is switched away by the dispatch interrupt (KiSwitchToNextThread), which comes as soon as the IRQL falls below
// DISPATCH_LEVEL and after the DPCs.
// Invariant: SwapBusy is set from the moment another processor could choose the thread (it is Ready, or its wait may end)
// until KiSwapContext has left its stack; no processor switches to it before. A processor spins for a busy thread only
// before it leaves its own thread, or from its idle thread. So two processors never wait for each other.
// Locks: PrcbLock for the choice, none during the switch. IRQL: SYNCH_LEVEL.
// In the books: "context switching", "preemption", "dispatch interrupt". SCH-12..14, KPR-06
#include "ke/ki.h"

namespace {

/// The processor has a new current thread. The old one is somewhere else already.
void SetCurrentThread(KPRCB* prcb, KTHREAD* thread) REQUIRES_(prcb->PrcbLock) {
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
        ULONG_PTR(oldThread->WaitReason.Value));
    NT_ASSERT(!newThread->SwapBusy);
    KPROCESS* const oldProcess = oldThread->ApcState.Process;
    KPROCESS* const newProcess = newThread->ApcState.Process;
    if (oldProcess != newProcess) {
        const LONG processor = LONG(KeGetCurrentPrcb()->SetMember);
        InterlockedAnd(&oldProcess->ActiveProcessors, ~processor);
        InterlockedOr(&newProcess->ActiveProcessors, processor);
    }
    KiRequestPendingApcs(newThread);
    if (newThread->Teb)
        KiLoadTebSegment(newThread->Teb); // a register that holds its selector is loaded on the way to user mode
    if (oldThread->NpxArea) KiSaveNpx(oldThread);
    KiSwapContext(oldThread, newThread);
    if (oldThread->NpxArea) KiLoadNpx(oldThread->NpxArea); // it runs again, maybe on another processor
}

/// The best thread for a processor whose current thread leaves it. One that another processor is still leaving stays (or
/// becomes) the next thread, and the idle thread waits for it.
KTHREAD* SelectNextThread(KPRCB* prcb) REQUIRES_(prcb->PrcbLock) {
    KTHREAD* next = prcb->NextThread;
    if (!next) next = KiSelectReadyThread(LOW_PRIORITY, prcb);
    if (!next) {
        InterlockedOr(&KiIdleSummary, LONG(prcb->SetMember));
        return prcb->IdleThread;
    }
    if (!next->SwapBusy || next == prcb->CurrentThread) {
        prcb->NextThread = nullptr;
        return next;
    }
    if (!prcb->NextThread) KiSetStandbyThread(prcb, next);
    return prcb->IdleThread;
}

/// The current thread may not run here any more: its affinity was changed.
bool MustLeave(const KPRCB* prcb) {
    const KTHREAD* const thread = prcb->CurrentThread;
    return thread != prcb->IdleThread && !(thread->Affinity & prcb->SetMember);
}

/// The current thread, which is Running, makes room.
void PutBack(KTHREAD* thread, KPRCB* prcb) REQUIRES_(prcb->PrcbLock, AtDispatchLevel) {
    if (thread == prcb->IdleThread) return; // always Running in its own books, and never on a ready queue
    thread->SwapBusy = TRUE;
    if (MustLeave(prcb)) {
        KiReadyThread(thread); // it looks for another processor
    } else {
        KxQueueReadyThread(thread, prcb);
    }
}

/// Gives the processor to the next thread, or takes it from one that must leave. @returns the new current thread, nullptr
/// if nothing changes. `*again`: look again, another processor is still leaving the next thread's stack
KTHREAD* ReplaceCurrentThread(KPRCB* prcb, bool* again) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    KTHREAD* const next = prcb->NextThread;
    *again = next && next->SwapBusy;
    if (*again || (!next && !MustLeave(prcb))) return nullptr;
    KTHREAD* const newThread = SelectNextThread(prcb);
    PutBack(prcb->CurrentThread, prcb);
    SetCurrentThread(prcb, newThread);
    return newThread;
}

void RetireDpcs(KPRCB* prcb) REQUIRES_(AtDispatchLevel) {
    if (prcb->DpcStack) {
        KiRetireDpcListOnStack(prcb, prcb->DpcStack);
    } else {
        KiRetireDpcList(prcb);
    }
}

/// The clock has found no units left for the current thread of this processor. Its priority may change.
void EndQuantum(KTHREAD* current) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard ready(current->ReadyLock);
    KiQuantumEnd();
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
    NT_ASSERT(oldThread->WaitIrql <=
              APC_LEVEL); // another thread cannot run at the level that this one holds the processor at

    KTHREAD* newThread;
    {
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        newThread = SelectNextThread(prcb);
        SetCurrentThread(prcb, newThread);
    }
    KiCheckDispatcherDatabase(prcb);

    if (newThread == oldThread) {
        oldThread->SwapBusy = FALSE; // its wait ended on another processor before it had left this one
        KiRequestPendingApcs(oldThread);
    } else {
        SwitchContext(oldThread, newThread);
    }

    const NTSTATUS status = oldThread->WaitStatus;
    KeLowerIrql(oldThread->WaitIrql);
    return status;
}

void NTAPI KiSwitchToNextThread() {
    KPRCB* const prcb = KeGetCurrentPrcb();
    KTHREAD* const oldThread = prcb->CurrentThread;
    KTHREAD* newThread;
    for (bool again;;) {
        newThread = ReplaceCurrentThread(prcb, &again);
        if (!again) break;
        YieldProcessor();
    }
    if (!newThread) return;
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
        if (prcb->CurrentThread != prcb->IdleThread) EndQuantum(prcb->CurrentThread);
    }
    KiSwitchToNextThread();
}
