// Queued spin locks: spin locks whose waiters stand in a queue, each spinning on a node of its own.
//
// The lock's Value is the last node of the queue; the first node is the holder's. A processor that comes appends its
// node and, if there was one before, spins on its *own* node until the predecessor passes the lock on. So the lock is
// handed over in the order of arrival, and a release touches one other processor's cache line instead of all.
//
//     Value ---------------------------------.        KSPIN_LOCK_QUEUE
//                                            v          Next  the processor after it
//     [ Next | OWNER ] -> [ Next | WAIT ] -> [ 0 | WAIT ]   Lock  the lock, and two bits
//
// Invariants: a node is in at most one queue, from acquisition to release, and does not move; its WAIT bit is cleared by
// the predecessor only, OWNER is set exactly while its processor holds the lock. KPRCB::LockQueue[n] is the processor's
// node for the system's lock number n; an in-stack lock's node is in the caller's KLOCK_QUEUE_HANDLE.
// A lock is either queued or plain for all of its life. IRQL: DISPATCH_LEVEL or above while held.
// In the books: "queued spin locks", "instack queued spin locks". SYH-07, SYH-08
#pragma once

#include "ke/spinlock.h"

/// The system's own queued locks, by their documented numbers.
enum KSPIN_LOCK_QUEUE_NUMBER : ULONG {
    LockQueueDispatcherLock = 0,
    LockQueueExpansionLock = 1,
    LockQueuePfnLock = 2,
    LockQueueSystemSpaceLock = 3,
    LockQueueVacbLock = 4,
    LockQueueMasterLock = 5,
    LockQueueNonPagedPoolLock = 6,
    LockQueueIoCancelLock = 7,
    LockQueueWorkQueueLock = 8,
    LockQueueIoVpbLock = 9,
    LockQueueIoDatabaseLock = 10,
    LockQueueIoCompletionLock = 11,
    LockQueueNtfsStructLock = 12,
    LockQueueAfdWorkQueueLock = 13,
    LockQueueBcbLock = 14,
    LockQueueMmNonPagedPoolLock = 15,
    LockQueueUnusedSpare16 = 16,
    LockQueueMaximumLock = 17,
};

constexpr ULONG_PTR LOCK_QUEUE_WAIT = 1;  ///< KSPIN_LOCK_QUEUE::Lock: its processor waits for the lock
constexpr ULONG_PTR LOCK_QUEUE_OWNER = 2; ///< its processor holds the lock

/// A place in the queue of a lock.
/// shared: Next is written once by the successor; the bits of Lock by its processor and, from WAIT to OWNER, by the
/// predecessor
struct KSPIN_LOCK_QUEUE {
    KSPIN_LOCK_QUEUE* volatile Next;
    volatile ULONG_PTR Lock; ///< address of the KSPIN_LOCK, and LOCK_QUEUE_WAIT or LOCK_QUEUE_OWNER
};
using PKSPIN_LOCK_QUEUE = KSPIN_LOCK_QUEUE*;
PUBLIC_SIZE(KSPIN_LOCK_QUEUE, 8);

/// An acquisition of an in-stack queued lock: a local variable of the routine that holds it.
/// shared: LockQueue, as above
struct CAPABILITY("queued spin lock") KLOCK_QUEUE_HANDLE {
    KSPIN_LOCK_QUEUE LockQueue;
    KIRQL OldIrql;
};
using PKLOCK_QUEUE_HANDLE = KLOCK_QUEUE_HANDLE*;
PUBLIC_SIZE(KLOCK_QUEUE_HANDLE, 12);

/// The lock that a node stands for.
inline PKSPIN_LOCK KeQueuedLockOf(const KSPIN_LOCK_QUEUE* LockQueue) {
    return reinterpret_cast<PKSPIN_LOCK>(LockQueue->Lock & ~(LOCK_QUEUE_WAIT | LOCK_QUEUE_OWNER));
}

extern "C" {

/// The system's queued locks; they are acquired through the routines below.
NTKERNELAPI extern KSPIN_LOCK KiQueuedSpinLock[LockQueueMaximumLock];

// In-stack queued locks. The handle stands for the lock until the release; nt::InStackQueuedSpinLockGuard also tells the
// compiler which lock that is.

/// Raises to DISPATCH_LEVEL, queues for the lock and spins until it is this processor's turn.
/// @param LockHandle stays where it is until the release. @irql <= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
    ACQUIRE_(LockHandle, AtDispatchLevel);
/// Frees the lock and lowers to the IRQL before the acquisition. @irql DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
    RELEASE_(LockHandle, AtDispatchLevel);
/// Acquires without changing the IRQL. @irql >= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
    ACQUIRE_(LockHandle) REQUIRES_(AtDispatchLevel);
/// Frees without changing the IRQL. @irql >= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
    RELEASE_(LockHandle) REQUIRES_(AtDispatchLevel);

// For DPC routines that may run as threaded DPCs: the IRQL is raised only if it must be.

/// @returns the old IRQL. @irql <= DISPATCH_LEVEL, in a DPC
NTKERNELAPI KIRQL FASTCALL KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock) ACQUIRE_(SpinLock);
NTKERNELAPI void FASTCALL KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql) RELEASE_(SpinLock);
NTKERNELAPI void FASTCALL KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
    ACQUIRE_(LockHandle);
NTKERNELAPI void FASTCALL KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle) RELEASE_(LockHandle);

// Numbered queued locks: the node is the processor's own.

/// @returns the old IRQL. @irql <= DISPATCH_LEVEL
NTKERNELAPI KIRQL FASTCALL KeAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number) ACQUIRE_(AtDispatchLevel);
/// Acquires the lock if it is free. @param OldIrql the IRQL before; the IRQL is changed only on success.
/// @returns whether it is this processor's now. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN FASTCALL KeTryToAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number, KIRQL* OldIrql)
    TRY_ACQUIRE_(true, AtDispatchLevel);
/// @irql DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KeReleaseQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number, KIRQL OldIrql)
    RELEASE_(AtDispatchLevel);
/// As above with a node of the current processor's (KPRCB::LockQueue), at an IRQL that is high enough already.
/// @irql >= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL KeAcquireQueuedSpinLockAtDpcLevel(PKSPIN_LOCK_QUEUE LockQueue) REQUIRES_(AtDispatchLevel);
NTKERNELAPI void FASTCALL KeReleaseQueuedSpinLockFromDpcLevel(PKSPIN_LOCK_QUEUE LockQueue) REQUIRES_(AtDispatchLevel);
}

namespace nt {

/// Raises to DISPATCH_LEVEL and holds a lock as an in-stack queued one for the guard's life; the node is in the guard.
class SCOPED_CAPABILITY InStackQueuedSpinLockGuard {
public:
    // The analysis is told of the lock instead of the handle, so that GUARDED_BY fields can be used.
    explicit InStackQueuedSpinLockGuard(KSPIN_LOCK& lock) ACQUIRE_(lock, AtDispatchLevel) NO_THREAD_SAFETY_ANALYSIS {
        KeAcquireInStackQueuedSpinLock(&lock, &m_handle);
    }
    // The analysis was told of the lock.
    ~InStackQueuedSpinLockGuard() RELEASE_() NO_THREAD_SAFETY_ANALYSIS { KeReleaseInStackQueuedSpinLock(&m_handle); }
    InStackQueuedSpinLockGuard(const InStackQueuedSpinLockGuard&) = delete;
    InStackQueuedSpinLockGuard& operator=(const InStackQueuedSpinLockGuard&) = delete;

private:
    KLOCK_QUEUE_HANDLE m_handle; // shared: as KSPIN_LOCK_QUEUE says
};

/// The same in code that is at DISPATCH_LEVEL already.
class SCOPED_CAPABILITY InStackQueuedSpinLockAtDpcGuard {
public:
    explicit InStackQueuedSpinLockAtDpcGuard(KSPIN_LOCK& lock) ACQUIRE_(lock)
        REQUIRES_(AtDispatchLevel) NO_THREAD_SAFETY_ANALYSIS { // told of the lock
        KeAcquireInStackQueuedSpinLockAtDpcLevel(&lock, &m_handle);
    }
    // Clang counts AtDispatchLevel as the guard's own because the constructor requires it, so the destructor gives it back.
    ~InStackQueuedSpinLockAtDpcGuard() RELEASE_() ACQUIRE_(AtDispatchLevel) NO_THREAD_SAFETY_ANALYSIS {
        KeReleaseInStackQueuedSpinLockFromDpcLevel(&m_handle);
    }
    InStackQueuedSpinLockAtDpcGuard(const InStackQueuedSpinLockAtDpcGuard&) = delete;
    InStackQueuedSpinLockAtDpcGuard& operator=(const InStackQueuedSpinLockAtDpcGuard&) = delete;

private:
    KLOCK_QUEUE_HANDLE m_handle; // shared: as KSPIN_LOCK_QUEUE says
};

/// Raises to DISPATCH_LEVEL and holds one of the system's queued locks for the guard's life.
class SCOPED_CAPABILITY QueuedSpinLockGuard {
public:
    explicit QueuedSpinLockGuard(KSPIN_LOCK_QUEUE_NUMBER number)
        ACQUIRE_(KiQueuedSpinLock[number], AtDispatchLevel) NO_THREAD_SAFETY_ANALYSIS // told of the lock
        : m_number(number),
          m_oldIrql(KeAcquireQueuedSpinLock(number)) {}
    // As InStackQueuedSpinLockGuard's.
    ~QueuedSpinLockGuard() RELEASE_() NO_THREAD_SAFETY_ANALYSIS { KeReleaseQueuedSpinLock(m_number, m_oldIrql); }
    QueuedSpinLockGuard(const QueuedSpinLockGuard&) = delete;
    QueuedSpinLockGuard& operator=(const QueuedSpinLockGuard&) = delete;

private:
    const KSPIN_LOCK_QUEUE_NUMBER m_number;
    const KIRQL m_oldIrql;
};

} // namespace nt
