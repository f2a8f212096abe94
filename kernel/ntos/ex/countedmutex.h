// What fast mutexes and guarded mutexes have in common: a count, an owner, and a hand-over to a thread that waits.
// Private to ex.
//
// Invariant: Count is 1 while the mutex is free; otherwise 0 less the number of threads that wait. A release that finds
// waiters hands the mutex to one of them: it is never free in between.
// The two differ in how they hold APCs off and in what a thread sleeps on: a KIND says that. It has
//     static constexpr KLOCK_KIND Kind
//     Object(mutex), Sleep(mutex), Wake(mutex)    what threads sleep on; one sleeps, one is woken
//     BeforeAcquire(), Acquired(mutex), BeforeRelease(mutex)    what the checked build asserts, and notes for that
// Locks: none, Count changes by interlocked operations. IRQL: <= APC_LEVEL, APCs held off.
// In the books: "fast mutexes and guarded mutexes". DSP-18, DSP-19
#pragma once

#include "ex/exp.h"

namespace nt {

template <class MUTEX> void InitializeMutex(MUTEX* mutex) {
    mutex->Count = 1;
    mutex->Owner = nullptr;
    mutex->Contention = 0;
    KeSetLockRank(mutex, 0);
}

/// The calling thread has the mutex.
template <class KIND, class MUTEX> void OwnMutex(MUTEX* mutex) {
    mutex->Owner = KeGetCurrentThread();
    KIND::Acquired(mutex);
    KeNoteLockAcquired(mutex, KIND::Kind, TRUE);
}

/// Waits for the mutex, which another thread owns. The releasing thread hands it over: it is ours when the wait ends.
template <class KIND, class MUTEX> void WaitForMutex(MUTEX* mutex) EXCLUDES_(AtDispatchLevel) {
    mutex->Contention++;
    KLOCK_NOTE note;
    KeInitializeLockNote(&note, mutex, KIND::Kind, TRUE, KIND::Object(mutex));
    KeBeginLockWait(&note);
    KIND::Sleep(mutex);
    KeEndLockWait(&note);
}

template <class KIND, class MUTEX> void AcquireMutex(MUTEX* mutex) EXCLUDES_(AtDispatchLevel) {
    KIND::BeforeAcquire();
    KeCheckLockOrder(mutex);
    if (InterlockedDecrement(&mutex->Count) != 0) WaitForMutex<KIND>(mutex);
    OwnMutex<KIND>(mutex);
}

/// @returns whether the mutex was free
template <class KIND, class MUTEX> bool TryToAcquireMutex(MUTEX* mutex) {
    if (InterlockedCompareExchange(&mutex->Count, 0, 1) != 1) return false;
    OwnMutex<KIND>(mutex);
    return true;
}

template <class KIND, class MUTEX> void ReleaseMutex(MUTEX* mutex) {
    NT_ASSERT(mutex->Owner == KeGetCurrentThread());
    KIND::BeforeRelease(mutex);
    const BOOLEAN recorded = KeNoteLockReleased(mutex, KeGetCurrentThread());
    NT_ASSERT(recorded);
    (void)recorded;
    mutex->Owner = nullptr;
    const LONG count = InterlockedIncrement(&mutex->Count);
    if (count > 0) return;
    KeTraceLockRelease(mutex, KIND::Kind, TRUE, ULONG(1 - count));
    KIND::Wake(mutex);
}

} // namespace nt
