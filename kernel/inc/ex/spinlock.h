// Executive spin locks: many readers or one writer, at DISPATCH_LEVEL.
//
// Invariants: the low bits count the readers that hold the lock; EX_SPIN_LOCK_EXCLUSIVE is set exactly while a writer
// holds it, and then no reader does. A writer that has to wait sets EX_SPIN_LOCK_WAITING, and while that bit is set no
// new reader comes in: the readers that are in leave, and a stream of readers cannot keep a writer out. The bit is
// cleared by the writer that gets the lock; another one that waits sets it again.
// A reader must not acquire the lock a second time: with a writer waiting between the two it would wait for itself.
// In the books: "executive spin locks". SYH-06
#pragma once

#include "ke/irql.h"

constexpr ULONG EX_SPIN_LOCK_EXCLUSIVE = 0x8000'0000;
constexpr ULONG EX_SPIN_LOCK_WAITING = 0x4000'0000;
constexpr ULONG EX_SPIN_LOCK_READERS = 0x3FFF'FFFF;

/// Initialized by zeros.
/// shared: changes by interlocked operations
struct CAPABILITY("executive spin lock") EX_SPIN_LOCK {
    volatile LONG Value;
};
using PEX_SPIN_LOCK = EX_SPIN_LOCK*;

extern "C" {

/// Raises to DISPATCH_LEVEL and spins while a writer holds the lock or waits for it. @returns the old IRQL
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock) ACQUIRE_SHARED_(SpinLock)
    ACQUIRE_(AtDispatchLevel);
/// @irql DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql) RELEASE_SHARED_(SpinLock)
    RELEASE_(AtDispatchLevel);
/// @irql >= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock) ACQUIRE_SHARED_(SpinLock)
    REQUIRES_(AtDispatchLevel);
/// @irql >= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock) RELEASE_SHARED_(SpinLock)
    REQUIRES_(AtDispatchLevel);

/// Raises to DISPATCH_LEVEL and spins until the lock is this processor's alone. @returns the old IRQL
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock) ACQUIRE_(SpinLock, AtDispatchLevel);
/// @irql DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
    RELEASE_(SpinLock, AtDispatchLevel);
/// @irql >= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock) ACQUIRE_(SpinLock)
    REQUIRES_(AtDispatchLevel);
/// @irql >= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock) RELEASE_(SpinLock)
    REQUIRES_(AtDispatchLevel);

/// Turns the caller's shared acquisition into an exclusive one, if it is the only one; a writer that waits goes on
/// waiting. The compiler's analysis cannot follow this: the code from here to the release is without it.
/// @returns whether it did; if not, the lock is held shared as before. @irql >= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock) REQUIRES_(AtDispatchLevel);
}

namespace nt {

/// Raises to DISPATCH_LEVEL and holds the lock as a reader for the guard's life.
class SCOPED_CAPABILITY SharedSpinLockGuard {
public:
    explicit SharedSpinLockGuard(EX_SPIN_LOCK& lock) ACQUIRE_SHARED_(lock) ACQUIRE_(AtDispatchLevel)
        : m_lock(lock), m_oldIrql(ExAcquireSpinLockShared(&lock)) {}
    // The analysis takes the release of a shared hold for one of an exclusive hold.
    ~SharedSpinLockGuard() RELEASE_GENERIC_() NO_THREAD_SAFETY_ANALYSIS { ExReleaseSpinLockShared(&m_lock, m_oldIrql); }
    SharedSpinLockGuard(const SharedSpinLockGuard&) = delete;
    SharedSpinLockGuard& operator=(const SharedSpinLockGuard&) = delete;

private:
    EX_SPIN_LOCK& m_lock;
    const KIRQL m_oldIrql;
};

/// Raises to DISPATCH_LEVEL and holds the lock as the writer for the guard's life.
class SCOPED_CAPABILITY ExclusiveSpinLockGuard {
public:
    explicit ExclusiveSpinLockGuard(EX_SPIN_LOCK& lock) ACQUIRE_(lock, AtDispatchLevel)
        : m_lock(lock), m_oldIrql(ExAcquireSpinLockExclusive(&lock)) {}
    ~ExclusiveSpinLockGuard() RELEASE_() { ExReleaseSpinLockExclusive(&m_lock, m_oldIrql); }
    ExclusiveSpinLockGuard(const ExclusiveSpinLockGuard&) = delete;
    ExclusiveSpinLockGuard& operator=(const ExclusiveSpinLockGuard&) = delete;

private:
    EX_SPIN_LOCK& m_lock;
    const KIRQL m_oldIrql;
};

} // namespace nt
