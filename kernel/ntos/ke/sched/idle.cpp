// The idle thread: what a processor does when no thread is ready.
//
// It runs at DISPATCH_LEVEL, so the dispatch interrupt never reaches it; it looks for DPCs and for a next thread itself.
// Without work of its own it looks for threads that wait for other processors (idleschedule.cpp). All that is done with
// interrupts on: a lock may be held by a processor that answers an inter-processor interrupt and waits for this one.
// Before halting, the idle thread checks once more with interrupts off, and takes no lock. Work queued since its earlier
// checks has left the dispatch bit pending; later work wakes the processor by an interrupt.
// It is on no ready queue and always Running in its own books; KPRCB::CurrentThread == IdleThread says that it runs.
// Locks: none held between its steps. IRQL: DISPATCH_LEVEL.
// In the books: "idle thread". SCH-01, SCH-02
#include "ke/ki.h"

namespace {

// A DPC that was taken back leaves its request behind: until that is cleared, no interrupt is asked for the next one.
bool HasDpcs(const KPRCB* prcb) { return prcb->DpcData.DpcQueueDepth != 0 || prcb->DpcInterruptRequested; }

/// A hint: a processor that sets the next thread asks for the dispatch interrupt, too.
bool HasNextThread(const KPRCB* prcb) {
    nt::AssumeSnapshot(prcb->PrcbLock);
    return __atomic_load_n(&prcb->NextThread, __ATOMIC_ACQUIRE) != nullptr;
}

} // namespace

void NTAPI KiIdleLoop() {
    KeAssertDispatchLevel();
    KPRCB* const prcb = KeGetCurrentPrcb();
    for (;;) {
        KiEnableInterrupts();
        HalClearSoftwareInterrupt(DISPATCH_LEVEL); // what it asked for is done from here on
        if (HasDpcs(prcb)) KiRetireDpcList(prcb);
        if (HasNextThread(prcb) || KiIdleSchedule(prcb)) {
            KiSwitchToNextThread();
            continue;
        }
        KiDisableInterrupts();
        // Before the look, and with a barrier: a processor that queues a DPC after the look sees it and sends an interrupt.
        __atomic_store_n(&prcb->IdleHalt, TRUE, __ATOMIC_SEQ_CST);
        if (!HasDpcs(prcb) && !HasNextThread(prcb)) HalProcessorIdle();
        prcb->IdleHalt = FALSE;
    }
}
