// Guarded mutexes: mutual exclusion among threads, in a guarded region.
//
// What a fast mutex does with the IRQL, a guarded mutex does with the thread's guarded region: no APC is delivered while
// it is held, and the interrupt controller is never touched. Waiters sleep on a gate.
// Invariant: Count is 1 while it is free; otherwise 0 less the number of threads that wait. A release that finds waiters
// hands the mutex to one of them: it is never free in between.
// Locks: none, Count changes by interlocked operations; Owner and Contention belong to its holder (Contention counts
// approximately).
// In the books: "fast mutexes and guarded mutexes". DSP-19
#pragma once

#include "ke/gate.h"

/// A lock for threads like the fast mutex, with a gate for threads that wait, and without raising the IRQL.
/// shared: as the file's head says
struct KGUARDED_MUTEX {
    volatile LONG Count;
    KTHREAD* volatile Owner; ///< nullptr: free, or handed over to a thread that has not run yet
    ULONG Contention;        ///< waits so far
    KGATE Gate;
    SHORT KernelApcDisable; ///< of the owner when it had acquired: checked builds compare it at the release
    SHORT SpecialApcDisable;
};
using PKGUARDED_MUTEX = KGUARDED_MUTEX*;
PUBLIC_SIZE(KGUARDED_MUTEX, 32);
PUBLIC_OFFSET(KGUARDED_MUTEX, Gate, 12);
PUBLIC_OFFSET(KGUARDED_MUTEX, KernelApcDisable, 28);
PUBLIC_OFFSET(KGUARDED_MUTEX, SpecialApcDisable, 30);

extern "C" {
/// Makes a mutex that is free. @irql any
NTKERNELAPI void FASTCALL KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex);
/// Enters a guarded region and waits until the mutex is the calling thread's. @irql <= APC_LEVEL
NTKERNELAPI void FASTCALL KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) EXCLUDES_(AtDispatchLevel);
/// Acquires, in a guarded region, if that needs no waiting. @irql <= APC_LEVEL
NTKERNELAPI BOOLEAN FASTCALL KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) EXCLUDES_(AtDispatchLevel);
/// Gives the mutex back and leaves the guarded region. @irql <= APC_LEVEL, the thread that acquired
NTKERNELAPI void FASTCALL KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex) EXCLUDES_(AtDispatchLevel);
/// As KeAcquireGuardedMutex, by a caller that no APC can interrupt already (guarded region or APC_LEVEL).
/// @irql <= APC_LEVEL
NTKERNELAPI void FASTCALL KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) EXCLUDES_(AtDispatchLevel);
/// Still in that guarded region, or at APC_LEVEL. @irql <= APC_LEVEL, the thread that acquired
NTKERNELAPI void FASTCALL KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) EXCLUDES_(AtDispatchLevel);
}
