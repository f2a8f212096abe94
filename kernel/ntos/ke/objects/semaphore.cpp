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
    Semaphore->Header.Absolute = FALSE;
    Semaphore->Header.Inserted = FALSE;
    Semaphore->Header.SignalState = Count;
    InitializeListHead(&Semaphore->Header.WaitListHead);
    Semaphore->Limit = Limit;
}

/// Adds `Adjustment` units. They release waiting threads in the order in which these began to wait, with a boost of
/// `Increment`: each thread takes one unit.
///
/// - An adjustment that is negative, or with which the count would exceed Limit, changes nothing and raises
///   STATUS_SEMAPHORE_LIMIT_EXCEEDED (RtlRaiseStatus). The database is free then, also for a caller with `Wait`.
/// - Every count from 0 to the greatest LONG is allowed, for Limit too.
/// - The change is traced (KiTraceSignal) with the counts before and after it; a thread is released after that.
/// @returns the count before the call
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
