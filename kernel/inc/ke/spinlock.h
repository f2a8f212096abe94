// Spin locks: mutual exclusion between processors, for code at DISPATCH_LEVEL or above.
//
// Invariant: the holder of a spin lock runs at DISPATCH_LEVEL or above, so it cannot be preempted by a thread that spins
// for the same lock. Hold it for a few instructions. Checked builds know the rank of a lock and who holds it, both kept
// beside the lock: locks are taken in rising rank, and the processor's list of held locks is checked at every acquisition
// and release (ke/locks/lockchecks.cpp). A lock is used either through these routines or as a queued lock
// (queuedlock.h), never both ways.
// In the books: "spin locks" (synchronization at high IRQL). SYH-05, SYH-01, SYH-09, HAL-08
#pragma once

#include "ke/irql.h"

/// The order in which locks may be nested: a lock is acquired only while every held lock has a smaller rank.
enum class KLOCK_RANK : UCHAR {
    None = 0,         ///< a leaf lock of a driver: nothing is acquired under it except the kernel's own below
    Io = 8,           ///< I/O manager: cancel, volumes, queues of requests
    Cache = 12,       ///< cache manager
    Object = 16,      ///< locks of the executive's objects
    SystemSpace = 20, ///< memory manager: system PTEs, pages of the pools
    Memory = 24,      ///< memory manager: page frames
    PageFile = 25,    ///< memory manager: space in page files
    Gate = 26,        ///< a gate's lock
    Thread = 28,      ///< KTHREAD::ThreadLock
    ApcQueue = 30,    ///< KTHREAD::ApcQueueLock
    Dispatcher = 32,  ///< KiDispatcherLock
    Ready = 36,       ///< KTHREAD::ReadyLock
    Timer = 40,       ///< timer table
    LockRecords = 44, ///< checked builds: records of locks that block
    Prcb = 48,        ///< KPRCB::PrcbLock: ready queues, NextThread
    Dpc = 56,         ///< KPRCB::DpcLock
    Pool = 72,        ///< pool free lists
    Debug = 80,       ///< serial line and monitor
};

/// A lock for which processors wait by looking again and again; held at DISPATCH_LEVEL or above.
/// The public headers call it a ULONG_PTR; here it is a type of its own, so that the compiler can follow it.
/// shared: Value changes by interlocked operations
struct CAPABILITY("spin lock") KSPIN_LOCK {
    volatile ULONG_PTR Value; ///< 0 free; held: 1, or of a queued lock the last KSPIN_LOCK_QUEUE of its queue
};
using PKSPIN_LOCK = KSPIN_LOCK*;
PUBLIC_SIZE(KSPIN_LOCK, 4);

extern "C" {

/// Makes a lock that is free and has no rank. @irql any
NTKERNELAPI void NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock);
/// Gives a lock its place in the order of locks, which checked builds hold everybody to. @param Rank KLOCK_RANK::None:
/// no place any more; memory that goes back to the pool loses its ranks by itself. @irql any
NTKERNELAPI void NTAPI KeSetSpinLockRank(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank);
/// The memory holds no locks any more: their ranks are forgotten. @irql <= DISPATCH_LEVEL
void NTAPI KeForgetSpinLockRanks(const void* Address, SIZE_T Length);

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

/// Acquires the lock if it is free. @returns whether it is this processor's now. @irql >= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN FASTCALL KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) TRY_ACQUIRE_(true, SpinLock)
    REQUIRES_(AtDispatchLevel);

/// The dispatcher database's.
NTKERNELAPI extern KSPIN_LOCK KiDispatcherLock;

/// @returns whether the lock is free at this moment: a hint. @irql any
NTKERNELAPI BOOLEAN FASTCALL KeTestSpinLock(PKSPIN_LOCK SpinLock);
}

/// Makes a lock with a rank.
inline void KeInitializeSpinLock(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank) {
    KeInitializeSpinLock(SpinLock);
    KeSetSpinLockRank(SpinLock, Rank);
}

/// The documented names of the pairs above.
inline KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock) ACQUIRE_(SpinLock, AtDispatchLevel) {
    return KfAcquireSpinLock(SpinLock);
}
inline void KeAcquireSpinLock(PKSPIN_LOCK SpinLock, KIRQL* OldIrql) ACQUIRE_(SpinLock, AtDispatchLevel) {
    *OldIrql = KfAcquireSpinLock(SpinLock);
}
inline void KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql) RELEASE_(SpinLock, AtDispatchLevel) {
    KfReleaseSpinLock(SpinLock, NewIrql);
}
inline void KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) ACQUIRE_(SpinLock) REQUIRES_(AtDispatchLevel) {
    KefAcquireSpinLockAtDpcLevel(SpinLock);
}
inline void KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) RELEASE_(SpinLock) REQUIRES_(AtDispatchLevel) {
    KefReleaseSpinLockFromDpcLevel(SpinLock);
}

namespace nt {

/// Tells the analysis that the lock is as good as held: it is, by a way that the analysis cannot follow, or no other code can
/// reach what it guards. A comment at the call says which. No code.
inline void AssumeHeld(const volatile KSPIN_LOCK& lock) ASSERT_CAPABILITY_(lock);
/// The same of DISPATCH_LEVEL.
inline void AssumeDispatchLevel() ASSERT_CAPABILITY_(AtDispatchLevel);
/// Tells the analysis that fields are read without their lock, as they are at this moment. Writes stay refused. No code.
inline void AssumeSnapshot(const volatile KSPIN_LOCK& lock) ASSERT_SHARED_CAPABILITY_(lock);
inline void AssumeHeld(const volatile KSPIN_LOCK&) {}
inline void AssumeDispatchLevel() {}
inline void AssumeSnapshot(const volatile KSPIN_LOCK&) {}

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
