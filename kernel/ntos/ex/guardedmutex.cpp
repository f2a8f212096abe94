// Guarded mutexes: acquire, release, hand over.
//
// IRQL: <= APC_LEVEL.
// In the books: "fast mutexes and guarded mutexes", "guarded regions". DSP-19
#include "ex/exp.h"

namespace {

void TakeOwnership(KGUARDED_MUTEX* mutex) {
    const KTHREAD* const thread = KeGetCurrentThread();
    mutex->Owner = KeGetCurrentThread();
    mutex->KernelApcDisable = thread->KernelApcDisable;
    mutex->SpecialApcDisable = thread->SpecialApcDisable;
    KeNoteLockAcquired(mutex, KLOCK_KIND::GuardedMutex, TRUE);
}

/// Waits for the mutex, which another thread has. Its owner hands it over: it is ours when the wait ends.
void Wait(KGUARDED_MUTEX* mutex) {
    mutex->Contention++;
    KLOCK_NOTE note;
    KeInitializeLockNote(&note, mutex, KLOCK_KIND::GuardedMutex, TRUE, &mutex->Gate);
    KeBeginLockWait(&note);
    KeWaitForGate(&mutex->Gate, KWAIT_REASON::Executive, KernelMode);
    KeEndLockWait(&note);
}

void Acquire(KGUARDED_MUTEX* mutex) {
    NT_ASSERT(KeAreAllApcsDisabled());
    KeCheckLockOrder(mutex);
    if (InterlockedDecrement(&mutex->Count) != 0) Wait(mutex);
    TakeOwnership(mutex);
}

void Release(KGUARDED_MUTEX* mutex) {
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(mutex->Owner == thread);
    NT_ASSERT(mutex->SpecialApcDisable == thread->SpecialApcDisable); // regions nest like the mutexes inside them
    NT_ASSERT(KeAreAllApcsDisabled());
    const BOOLEAN recorded = KeNoteLockReleased(mutex, thread);
    NT_ASSERT(recorded);
    (void)recorded;
    mutex->Owner = nullptr;
    const LONG count = InterlockedIncrement(&mutex->Count);
    if (count > 0) return;
    KeTraceLockRelease(mutex, KLOCK_KIND::GuardedMutex, TRUE, ULONG(1 - count));
    KeSignalGateBoostPriority(&mutex->Gate);
}

} // namespace

void FASTCALL KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex) {
    Mutex->Count = 1;
    Mutex->Owner = nullptr;
    Mutex->Contention = 0;
    KeInitializeGate(&Mutex->Gate);
    KeSetLockRank(Mutex, 0);
}

void FASTCALL KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) {
    KeEnterGuardedRegion();
    Acquire(Mutex);
}

BOOLEAN FASTCALL KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) {
    KeEnterGuardedRegion();
    if (InterlockedCompareExchange(&Mutex->Count, 0, 1) != 1) {
        KeLeaveGuardedRegion();
        return FALSE;
    }
    TakeOwnership(Mutex);
    return TRUE;
}

void FASTCALL KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex) {
    Release(Mutex);
    KeLeaveGuardedRegion();
}

void FASTCALL KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) { Acquire(Mutex); }

void FASTCALL KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) { Release(Mutex); }
