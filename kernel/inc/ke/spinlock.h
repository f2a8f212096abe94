// Spin locks: mutual exclusion between processors, for code at DISPATCH_LEVEL or above.
//
// Invariant: who holds a spin lock runs at DISPATCH_LEVEL or above, so it cannot be preempted by a thread that spins
// for the same lock. Hold it for a few instructions. In checked builds a lock carries a rank: locks are taken in
// rising rank, and the processor's list of held locks is checked at every acquisition and release.
// In the books: "spin locks" (synchronization at high IRQL). SYH-05, SYH-01, HAL-08
#pragma once

#include "ke/irql.h"

/// The order in which locks may be nested: a lock is acquired only while every held lock has a smaller rank.
enum class KLOCK_RANK : UCHAR {
    None = 0,        ///< a leaf lock of a driver: nothing is acquired under it except the kernel's own below
    Object = 16,     ///< locks of the executive's objects
    Dispatcher = 32, ///< KiDispatcherLock
    Timer = 40,      ///< timer table
    Prcb = 48,       ///< KPRCB::PrcbLock: ready queues, NextThread
    Dpc = 56,        ///< KPRCB::DpcLock
    Interrupt = 64,  ///< an interrupt object's lock
    Pool = 72,       ///< pool free lists
    Debug = 80,      ///< serial line and monitor
};

/// shared: Value changes by interlocked operations; Rank is fixed when the lock is made
struct CAPABILITY("spin lock") KSPIN_LOCK {
    volatile ULONG_PTR Value; ///< 0 free; 1 held (checked builds: processor number + 1)
    KLOCK_RANK Rank;
};
using PKSPIN_LOCK = KSPIN_LOCK*;

inline void KeInitializeSpinLock(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank = KLOCK_RANK::None) {
    SpinLock->Value = 0;
    SpinLock->Rank = Rank;
}

extern "C" {

/// Raises to DISPATCH_LEVEL and spins until the lock is this processor's. @returns the old IRQL.
/// @irql <= DISPATCH_LEVEL
NTHALAPI KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK SpinLock) ACQUIRE_(SpinLock, AtDispatchLevel);

/// Frees the lock and lowers to `OldIrql`. @irql DISPATCH_LEVEL
NTHALAPI void FASTCALL KfReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql) RELEASE_(SpinLock, AtDispatchLevel);

/// Acquires without changing the IRQL. @irql >= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) ACQUIRE_(SpinLock)
    REQUIRES_(AtDispatchLevel);

/// Frees without changing the IRQL. @irql >= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) RELEASE_(SpinLock)
    REQUIRES_(AtDispatchLevel);
}

namespace nt {

/// Raises to DISPATCH_LEVEL and holds a spin lock for the guard's life.
class SCOPED_CAPABILITY SpinLockGuard {
public:
    explicit SpinLockGuard(KSPIN_LOCK& lock) ACQUIRE_(lock, AtDispatchLevel)
        : m_lock(lock), m_oldIrql(KfAcquireSpinLock(&lock)) {}
    ~SpinLockGuard() RELEASE_() { KfReleaseSpinLock(&m_lock, m_oldIrql); }
    SpinLockGuard(const SpinLockGuard&) = delete;
    SpinLockGuard& operator=(const SpinLockGuard&) = delete;

private:
    KSPIN_LOCK& m_lock;
    const KIRQL m_oldIrql;
};

/// Holds a spin lock for the guard's life, in code that is at DISPATCH_LEVEL already.
class SCOPED_CAPABILITY SpinLockAtDpcGuard {
public:
    explicit SpinLockAtDpcGuard(KSPIN_LOCK& lock) ACQUIRE_(lock) REQUIRES_(AtDispatchLevel) : m_lock(lock) {
        KefAcquireSpinLockAtDpcLevel(&lock);
    }
    // Clang counts AtDispatchLevel as the guard's own because the constructor requires it, so the destructor gives it back.
    ~SpinLockAtDpcGuard() RELEASE_() ACQUIRE_(AtDispatchLevel) NO_THREAD_SAFETY_ANALYSIS {
        KefReleaseSpinLockFromDpcLevel(&m_lock);
    }
    SpinLockAtDpcGuard(const SpinLockAtDpcGuard&) = delete;
    SpinLockAtDpcGuard& operator=(const SpinLockAtDpcGuard&) = delete;

private:
    KSPIN_LOCK& m_lock;
};

} // namespace nt
