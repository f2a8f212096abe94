// What checked builds verify at every acquisition and release of a spin lock, plain or queued.
//
// A lock is one word, without room for its rank or holder. Ranks are in a table by the locks' addresses (lockranks.cpp).
// Invariant: KPRCB::HeldLocks lists the locks that the processor holds, in order of acquisition, and who holds a lock is
// known from these lists alone. A lock that its holder acquires again, that a processor frees without holding it, that is
// taken below DISPATCH_LEVEL or against the order of ranks is a bugcheck at that place.
// Free builds compile these calls to nothing; in an explored kernel they are points, and edges of the race detector. IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks", "checked build". SYH-05, SYH-07
#pragma once

#include "ke.h"
#include "nt/explore.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
/// The rank of a lock; None if none was given. @irql any
KLOCK_RANK KiSpinLockRank(const KSPIN_LOCK* SpinLock);
/// Whether a rank could not be kept: a missing one proves nothing any more.
bool KiSpinLockRanksAreLost();
/// Between two machines of the host: no lock has a rank.
void KiForgetAllSpinLockRanks();
/// The processor that holds the lock, or nullptr. @irql >= DISPATCH_LEVEL
const KPRCB* KiSpinLockHolder(const KSPIN_LOCK* SpinLock);

/// The lock is about to be acquired: level, holder, ranks.
void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock);
/// The same for a routine that does not wait, so cannot deadlock: level only.
void KiBeforeTryToAcquireLock(PKSPIN_LOCK SpinLock);
/// The lock is this processor's now.
void KiAfterAcquireLock(PKSPIN_LOCK SpinLock);
/// The lock is about to be freed: level, holder.
void KiBeforeReleaseLock(PKSPIN_LOCK SpinLock);
/// As above for a lock whose rank its code knows: it lives too briefly for the table (gates).
void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank);
void KiAfterAcquireLock(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank);
#else
inline void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Acquire, SpinLock); }
inline void KiBeforeTryToAcquireLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Acquire, SpinLock); }
inline void KiAfterAcquireLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Acquired, SpinLock); }
inline void KiBeforeReleaseLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Release, SpinLock); }
inline void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock, KLOCK_RANK) { KiBeforeAcquireLock(SpinLock); }
inline void KiAfterAcquireLock(PKSPIN_LOCK SpinLock, KLOCK_RANK) { KiAfterAcquireLock(SpinLock); }
#endif
