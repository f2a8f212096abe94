// Fast mutexes: mutual exclusion among threads, at APC_LEVEL.
//
// Faster than a mutant, for without contention nothing but one interlocked operation happens; less able, too: no
// recursion, no time-out, no abandonment, and one waits for one at a time.
// Invariant: Count is 1 while it is free; otherwise 0 less the number of threads that wait. A release that finds waiters
// hands the mutex to one of them: it is never free in between.
// Locks: none, Count changes by interlocked operations; Owner, OldIrql and Contention belong to its holder (Contention
// counts approximately).
// In the books: "fast mutexes and guarded mutexes". DSP-18
#pragma once

#include "ke/dispatcher.h"

/// A lock for threads: an owner, a count, and an event for threads that wait; it holds APCs off.
/// shared: as the file's head says
struct FAST_MUTEX {
    volatile LONG Count;
    KTHREAD* volatile Owner; ///< nullptr: free, or handed over to a thread that has not run yet
    ULONG Contention;        ///< waits so far
    KEVENT Event;
    KIRQL OldIrql; ///< of the owner, before it acquired
};
using PFAST_MUTEX = FAST_MUTEX*;
PUBLIC_SIZE(FAST_MUTEX, 32);
PUBLIC_OFFSET(FAST_MUTEX, Event, 12);
PUBLIC_OFFSET(FAST_MUTEX, OldIrql, 28);

extern "C" {
/// Makes a mutex that is free. @irql any
NTKERNELAPI void NTAPI ExInitializeFastMutex(PFAST_MUTEX FastMutex);
/// Waits until the mutex is the calling thread's, and goes on at APC_LEVEL. @irql <= APC_LEVEL
NTKERNELAPI void FASTCALL ExAcquireFastMutex(PFAST_MUTEX FastMutex) EXCLUDES_(AtDispatchLevel);
/// Acquires if that needs no waiting; then at APC_LEVEL. @irql <= APC_LEVEL
NTKERNELAPI BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex) EXCLUDES_(AtDispatchLevel);
/// Gives the mutex back, and the IRQL of before. @irql APC_LEVEL, the thread that acquired
NTKERNELAPI void FASTCALL ExReleaseFastMutex(PFAST_MUTEX FastMutex);
/// As ExAcquireFastMutex, without touching the IRQL: normal kernel APCs must be disabled or the IRQL APC_LEVEL.
/// @irql <= APC_LEVEL
NTKERNELAPI void FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex) EXCLUDES_(AtDispatchLevel);
/// @irql as it was when the same thread acquired with ExAcquireFastMutexUnsafe
NTKERNELAPI void FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex);
}

namespace nt {

/// Holds a fast mutex as long as it lives. @irql <= APC_LEVEL
class FastMutexGuard {
public:
    explicit FastMutexGuard(FAST_MUTEX& mutex) : m_mutex(mutex) { ExAcquireFastMutex(&mutex); }
    ~FastMutexGuard() { ExReleaseFastMutex(&m_mutex); }
    FastMutexGuard(const FastMutexGuard&) = delete;
    FastMutexGuard& operator=(const FastMutexGuard&) = delete;

private:
    FAST_MUTEX& m_mutex;
};

} // namespace nt
