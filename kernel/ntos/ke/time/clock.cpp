// The clock interrupt: time goes on, and the running thread pays for it.
//
// Runs at CLOCK_LEVEL, so it takes no lock of the dispatcher: what is due is left to a DPC, and a used-up quantum to the
// dispatch interrupt.
// Locks: none. IRQL: CLOCK_LEVEL.
// In the books: "clock interrupt", "quantum accounting", "timer processing". KPR-07, SCH-11, SCH-13, INT-09
#include "ke/ki.h"

void NTAPI KeUpdateSystemTime(KTRAP_FRAME* TrapFrame, ULONG TimeIncrement) {
    NT_ASSERT(TimeIncrement <= KeMaximumIncrement); // else a chain of the timer table could be skipped
    const ULONGLONG oldHand = KiTimerHand();
    KeAssertDispatchLevel();
    KiAdvanceTimes(TimeIncrement);

    const ULONGLONG hand = KiTimerHand();
    if (hand != oldHand && KiHasTimers(hand)) {
        KPRCB* const prcb = KeGetCurrentPrcb();
        prcb->TimerHand = ULONG(hand);
        prcb->TimerRequest = 1;
        KeInsertQueueDpc(&KiTimerExpireDpc, nullptr, nullptr);
    }
    KeUpdateRunTime(TrapFrame);
}

void NTAPI KeUpdateRunTime(KTRAP_FRAME* TrapFrame) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    KTHREAD* const thread = prcb->CurrentThread;

    if (KiIsUserFrame(TrapFrame)) {
        prcb->UserTime++;
        thread->UserTime++;
    } else {
        prcb->KernelTime++;
        if (prcb->InterruptNesting != 0) {
            prcb->InterruptTime++; // the clock interrupted another service routine
        } else if (prcb->DpcRoutineActive) {
            prcb->DpcTime++;
        } else {
            thread->KernelTime++;
        }
    }

    KiUpdateDpcRate(prcb); // those that did not ask for an interrupt do not wait for ever

    if (thread == prcb->IdleThread) return; // it has no turn
    thread->Quantum = SCHAR(thread->Quantum - CLOCK_QUANTUM_DECREMENT);
    if (thread->Quantum > 0) return;
    thread->Quantum = 0; // a turn that cannot end yet (the IRQL is high) does not run into a debt
    prcb->QuantumEnd = TRUE;
    HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
}
