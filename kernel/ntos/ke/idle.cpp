// The idle thread: what a processor does when no thread is ready.
//
// It runs at DISPATCH_LEVEL, so the dispatch interrupt never reaches it; it looks for DPCs and for a next thread itself.
// It looks with interrupts off and halts in the same breath: an interrupt that brings work wakes the processor. Without
// work of its own it looks for threads that wait for other processors (idleschedule.cpp).
// It is on no ready queue and always Running in its own books; KPRCB::CurrentThread == IdleThread says that it runs.
// Locks: none held between its steps. IRQL: DISPATCH_LEVEL.
// In the books: "idle thread". SCH-01, SCH-02
#include "ke/ki.h"

namespace {

bool HasWork(PKPRCB prcb) REQUIRES_(AtDispatchLevel) {
    if (prcb->DpcData.DpcQueueDepth != 0) return true;
    {
        nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
        if (prcb->NextThread) return true;
    }
    return KiIdleSchedule(prcb);
}

} // namespace

void NTAPI KiIdleLoop() {
    KeAssertDispatchLevel();
    KPRCB* const prcb = KeGetCurrentPrcb();
    for (;;) {
        KiDisableInterrupts();
        // Before the look, and with a barrier: whoever brings a DPC after the look sees it and sends an interrupt.
        __atomic_store_n(&prcb->IdleHalt, TRUE, __ATOMIC_SEQ_CST);
        const bool work = HasWork(prcb);
        if (!work) {
            HalProcessorIdle(); // interrupts are on when it returns
        }
        prcb->IdleHalt = FALSE;
        if (!work) continue;
        KiEnableInterrupts();
        HalClearSoftwareInterrupt(DISPATCH_LEVEL); // what it asked for is done here
        if (prcb->DpcData.DpcQueueDepth != 0) KiRetireDpcList(prcb);
        KiSwitchToNextThread();
    }
}
