// Semaphores: a count of units, at most a limit; a wait takes one.
//
// Invariant: 0 <= SignalState <= Limit.
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: semaphores". DSP-05
#include "ke/ki.h"
#include "rtl/exception.h"

void NTAPI KeInitializeSemaphore(PKSEMAPHORE Semaphore, LONG Count, LONG Limit) {
    NT_ASSERT(0 <= Count && Count <= Limit && Limit > 0);
    Semaphore->Header.Type = KOBJECTS::SemaphoreObject;
    Semaphore->Header.Size = sizeof(KSEMAPHORE) / sizeof(ULONG);
    Semaphore->Header.Inserted = FALSE;
    Semaphore->Header.DebugActive = FALSE;
    Semaphore->Header.SignalState = Count;
    InitializeListHead(&Semaphore->Header.WaitListHead);
    Semaphore->Limit = Limit;
}

LONG NTAPI KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait) {
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldCount = Semaphore->Header.SignalState;
    const bool allowed = Adjustment >= 0 && Adjustment <= Semaphore->Limit - oldCount;
    if (!allowed) {
        KiFinishSignal(oldIrql, FALSE);
        RtlRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED);
        return oldCount;
    }
    Semaphore->Header.SignalState = oldCount + Adjustment;
    EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(Semaphore), ULONG_PTR(Semaphore->Header.Type),
                  ULONG_PTR(oldCount), ULONG_PTR(oldCount + Adjustment));
    KiWaitTest(&Semaphore->Header, Increment);
    KiFinishSignal(oldIrql, Wait);
    return oldCount;
}

LONG NTAPI KeReadStateSemaphore(PKSEMAPHORE Semaphore) {
    return *const_cast<volatile LONG*>(&Semaphore->Header.SignalState);
}
