// Time in a run: it stands still, but for the ticks that the conductor makes.
//
// A tick is what the clock interrupt of the first processor does, at CLOCK_LEVEL, and what follows when the IRQL falls:
// the DPC that expires timers, on this processor. Quanta do not end: only the conductor's own thread is charged.
// Locks: takes KiDispatcherLock once. IRQL: PASSIVE_LEVEL.
// In the books: "clock interrupt", "timer processing". SYH-01
#include "kx.h"

namespace {

/// Every processor, at IPI_LEVEL.
void NTAPI StopClock(PVOID) { HalStopClock(); }

/// Timers that were running belong to system threads that would wake up in the middle of some run: they lose them.
void TakeTimersAway() {
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    for (LIST_ENTRY& chain : KiTimerTableListHead) {
        while (!IsListEmpty(&chain)) {
            LIST_ENTRY* const entry = chain.Flink;
            KiRemoveTimer(CONTAINING_RECORD(entry, KTIMER, TimerListEntry));
            if (chain.Flink == entry) RemoveHeadList(&chain); // the timers' code may be a student's, with a mistake
        }
    }
    KiUnlockDispatcherDatabaseFromSynchLevel();
    KiExitDispatcher(oldIrql);
}

} // namespace

void KxStopTime() {
    KiIpiSendPacket(KeActiveProcessors, StopClock, nullptr);
    TakeTimersAway();
}

bool KxTimersPending() {
    nt::AssumeSnapshot(KiDispatcherLock); // nothing runs meanwhile
    for (LIST_ENTRY& chain : KiTimerTableListHead) {
        if (!IsListEmpty(&chain)) return true;
    }
    return false;
}

void KxCatchUp() {
    KeGetCurrentPrcb()->QuantumEnd = FALSE;
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    // The next tick of which the lowest wheel of the timer table looks the same as at the run before.
    const ULONG hands = TIMER_WHEEL_SIZE - ULONG(KiTimerHand() % TIMER_WHEEL_SIZE) + 1;
    const LONGLONG time = LONGLONG(hands) * KeMaximumIncrement;
    KiWriteTime(KiInterruptTime, KiReadTime(KiInterruptTime) + time); // no other processor writes or reads
    KiWriteTime(KiSystemTime, KiReadTime(KiSystemTime) + time);
    KiWriteTickCount(KiReadTime(KeTickCount) + hands);
    (void)KeInsertQueueDpc(&KiTimerExpireDpc, nullptr, nullptr);
    KfLowerIrql(oldIrql);
}

void KxTick() {
    KeGetCurrentThread()->Quantum = KI_ENDLESS_QUANTUM; // its turn does not end
    KxRun.TicksMade++;
    KxReachPoint(KX_POINT::Tick, nullptr);
    const KIRQL oldIrql = KfRaiseIrql(CLOCK_LEVEL);
    KeUpdateSystemTime(nullptr, KeMaximumIncrement);
    KfLowerIrql(oldIrql);
}
