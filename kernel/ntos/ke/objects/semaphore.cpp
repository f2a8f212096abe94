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

/// Adds units and releases as many waiters as there are units for, each of whom takes one (KiWaitTest).
///
/// - An adjustment that is negative, or that would take the count past Limit, changes nothing: the database is left as it
///   was found (also for a caller with Wait), and STATUS_SEMAPHORE_LIMIT_EXCEEDED is raised (RtlRaiseStatus).
/// - The sum may not overflow on the way: counts and limits use all of a LONG.
/// - The change is traced (KiTraceSignal) with the counts before and after, before anybody is released.
/// @returns the count before
LONG NTAPI KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait) {
    // LAB(3.5) begin
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldCount = Semaphore->Header.SignalState;
    const bool allowed = Adjustment >= 0 && Adjustment <= Semaphore->Limit - oldCount;
    if (!allowed) {
        KiFinishSignal(oldIrql, FALSE);
        RtlRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED);
        return oldCount;
    }
    Semaphore->Header.SignalState = oldCount + Adjustment;
    KiTraceSignal(Semaphore->Header, oldCount, oldCount + Adjustment);
    KiWaitTest(&Semaphore->Header, Increment);
    KiFinishSignal(oldIrql, Wait);
    return oldCount;
    // LAB(3.5) else
    //| LAB_NOT_IMPLEMENTED("3.5");
    // LAB(3.5) end
}

LONG NTAPI KeReadStateSemaphore(PKSEMAPHORE Semaphore) {
    return *const_cast<volatile LONG*>(&Semaphore->Header.SignalState);
}
