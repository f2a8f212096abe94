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
void TakeTimersAway() NO_THREAD_SAFETY_ANALYSIS {
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    for (LIST_ENTRY& chain : KiTimerTableListHead) {
        while (!IsListEmpty(&chain)) {
            LIST_ENTRY* const entry = RemoveHeadList(&chain);
            InitializeListHead(entry); // who cancels it finds a list of one
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

// Only asks whether the chains are empty, while nothing runs.
bool KxTimersPending() NO_THREAD_SAFETY_ANALYSIS {
    for (LIST_ENTRY& chain : KiTimerTableListHead) {
        if (!IsListEmpty(&chain)) return true;
    }
    return false;
}

void KxCatchUp() {
    KTHREAD* const conductor = KeGetCurrentThread();
    conductor->Quantum = KI_ENDLESS_QUANTUM;
    KeGetCurrentPrcb()->QuantumEnd = FALSE;
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
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
