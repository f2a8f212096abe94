// Fast mutexes: acquire, release, hand over.
//
// IRQL: <= APC_LEVEL; the safe routines hold the mutex at APC_LEVEL, so that no APC finds it held by its own thread.
// In the books: "fast mutexes and guarded mutexes". DSP-18
#include "ex/exp.h"

namespace {

/// Waits for the mutex, which another thread has. Its owner hands it over: it is ours when the wait ends.
void Wait(FAST_MUTEX* mutex) {
    mutex->Contention++;
    KLOCK_NOTE note;
    KeInitializeLockNote(&note, mutex, KLOCK_KIND::FastMutex, TRUE, &mutex->Event);
    KeBeginLockWait(&note);
    (void)KeWaitForSingleObject(&mutex->Event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    KeEndLockWait(&note);
}

void Acquire(FAST_MUTEX* mutex) {
    ExpAssertApcsDisabled();
    KeCheckLockOrder(mutex);
    if (InterlockedDecrement(&mutex->Count) != 0) Wait(mutex);
    mutex->Owner = KeGetCurrentThread();
    KeNoteLockAcquired(mutex, KLOCK_KIND::FastMutex, TRUE);
}

void Release(FAST_MUTEX* mutex) {
    NT_ASSERT(mutex->Owner == KeGetCurrentThread());
    const BOOLEAN recorded = KeNoteLockReleased(mutex, KeGetCurrentThread());
    NT_ASSERT(recorded);
    (void)recorded;
    mutex->Owner = nullptr;
    const LONG count = InterlockedIncrement(&mutex->Count);
    if (count > 0) return;
    KeTraceLockRelease(mutex, KLOCK_KIND::FastMutex, TRUE, ULONG(1 - count));
    KeSetEvent(&mutex->Event, ExpLockIncrement, FALSE);
}

} // namespace

void NTAPI ExInitializeFastMutex(PFAST_MUTEX FastMutex) {
    FastMutex->Count = 1;
    FastMutex->Owner = nullptr;
    FastMutex->Contention = 0;
    FastMutex->OldIrql = PASSIVE_LEVEL;
    KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
    KeSetLockRank(FastMutex, 0);
}

void FASTCALL ExAcquireFastMutex(PFAST_MUTEX FastMutex) {
    const KIRQL oldIrql = KfRaiseIrql(APC_LEVEL);
    Acquire(FastMutex);
    FastMutex->OldIrql = oldIrql;
}

BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex) {
    const KIRQL oldIrql = KfRaiseIrql(APC_LEVEL);
    if (InterlockedCompareExchange(&FastMutex->Count, 0, 1) != 1) {
        KfLowerIrql(oldIrql);
        return FALSE;
    }
    FastMutex->Owner = KeGetCurrentThread();
    FastMutex->OldIrql = oldIrql;
    KeNoteLockAcquired(FastMutex, KLOCK_KIND::FastMutex, TRUE);
    return TRUE;
}

void FASTCALL ExReleaseFastMutex(PFAST_MUTEX FastMutex) {
    NT_ASSERT(KeGetCurrentIrql() == APC_LEVEL);
    const KIRQL oldIrql = FastMutex->OldIrql; // afterwards the field is the next owner's
    Release(FastMutex);
    KfLowerIrql(oldIrql);
}

void FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex) { Acquire(FastMutex); }

void FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex) { Release(FastMutex); }
