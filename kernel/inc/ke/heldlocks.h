// What a thread holds, for the monitor. Records are kept by checked builds only (ke/lockgraph.h).
//
// In the books: "driver verifier: deadlock detection". DSP-18..21, TOL-06
#pragma once

#include "ke/lockgraph.h"

/// A lock that a thread holds.
/// shared: no, it is a copy
struct KLOCK_HELD {
    const void* Lock;
    KLOCK_KIND Kind;
    BOOLEAN Exclusive;
    ULONG Count;            ///< how often it acquired
    ULONG_PTR AcquiredFrom; ///< the caller of the routine that acquired
};

/// The locks of a thread, in the order in which it took them. @param Stopped the kernel stands still: takes no lock.
/// @returns how many, at most `Limit`. @irql <= DISPATCH_LEVEL
ULONG KeQueryHeldLocks(const KTHREAD* Thread, BOOLEAN Stopped, KLOCK_HELD* Locks, ULONG Limit);
