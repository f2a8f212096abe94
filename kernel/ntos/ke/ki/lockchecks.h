// What checked builds verify at every acquisition and release of a spin lock, plain or queued.
//
// Invariants: KPRCB::HeldLocks lists the locks that the processor holds, in order of acquisition; KSPIN_LOCK::Owner names
// the holder. A lock that its holder acquires again, that a processor frees without holding it, that is taken below
// DISPATCH_LEVEL or against the order of ranks is a bugcheck at that place.
// Free builds compile these calls to nothing; in an explored kernel they are points, and edges of the race detector. IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks", "checked build". SYH-05, SYH-07
#pragma once

#include "ke.h"
#include "nt/explore.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
/// The lock is about to be acquired: level, owner, ranks.
void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock);
/// The same for a routine that does not wait, so cannot deadlock: level only.
void KiBeforeTryToAcquireLock(PKSPIN_LOCK SpinLock);
/// The lock is this processor's now.
void KiAfterAcquireLock(PKSPIN_LOCK SpinLock);
/// The lock is about to be freed: level, owner.
void KiBeforeReleaseLock(PKSPIN_LOCK SpinLock);
#else
inline void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Acquire, SpinLock); }
inline void KiBeforeTryToAcquireLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Acquire, SpinLock); }
inline void KiAfterAcquireLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Acquired, SpinLock); }
inline void KiBeforeReleaseLock(PKSPIN_LOCK SpinLock) { KxPoint(KX_POINT::Release, SpinLock); }
#endif
