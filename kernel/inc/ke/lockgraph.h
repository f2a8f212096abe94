// Which thread waits for which lock, and which one holds it: what the monitor draws and the deadlock finder searches.
//
// A lock that blocks (resource, fast mutex, guarded mutex, push lock) is built on an event, a semaphore or a gate, which
// do not know their owner. So a thread that waits for such a lock writes it into its own KTHREAD (WaitLock). An APC that
// interrupts the wait may wait itself, for another lock (then its note takes the place until it is over) or for
// something else: a note counts only while the thread waits for the object that the note names. Checked builds
// also keep a record of each lock a thread holds: they refuse a release by another thread, a lock that is taken against
// the order of ranks, and a thread that ends with a lock.
// Locks: WaitLock belongs to its thread; the records have a spin lock of their own. IRQL: <= APC_LEVEL.
// In the books: "low-IRQL synchronization", "driver verifier: deadlock detection". DSP-04, DSP-18..21
#pragma once

#include "ke/dispatcher.h"

/// What kind of lock KTHREAD::WaitLock or a record names.
enum class KLOCK_KIND : UCHAR {
    None = 0,
    Mutant = 1,
    Resource = 2,
    FastMutex = 3,
    GuardedMutex = 4,
    PushLock = 5,
    Thread = 6,  ///< not a lock: the end of a thread, which only that thread can bring about
    Rundown = 7, ///< not a lock: the last user of something protected; the users are not known
};

/// What a thread notes in its KTHREAD while it waits for a lock.
/// shared: no, it is on the thread's stack
struct KLOCK_NOTE {
    PVOID Lock;
    const void* Object; ///< the dispatcher object or gate that the thread waits for on behalf of the lock
    ULONG Sequence;     ///< when it was made, on the count that records of held locks use
    KLOCK_KIND Kind;
    BOOLEAN Exclusive;
};

/// One step of a circle of threads that wait for each other.
/// shared: no, it is a copy
struct KLOCK_WAIT {
    KTHREAD* Thread;
    const void* Lock; ///< what it waits for; the thread of the next step has it (the last step: of the first)
    KLOCK_KIND Kind;
    BOOLEAN Exclusive;             ///< it wants the lock for itself
    BOOLEAN HeldExclusive;         ///< the next thread has it for itself
    const ULONG_PTR* AcquiredFrom; ///< return addresses of the next thread's acquisition, LOCK_STACK_FRAMES; or nullptr
};
constexpr ULONG LOCK_STACK_FRAMES = 6;

extern "C" {
/// Makes a note, before the lock can know that this thread waits: owners that come later are told from those that were
/// there. @param Exclusive it wants the lock for itself. @irql <= APC_LEVEL
void NTAPI KeInitializeLockNote(KLOCK_NOTE* Note, PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive, const void* Object);
/// The calling thread is about to wait for the lock; the note changes places with the thread's. @irql <= APC_LEVEL
void NTAPI KeBeginLockWait(KLOCK_NOTE* Note);
/// Its wait is over, whether it owns the lock now or tries again; the notes change back. @irql <= APC_LEVEL
void NTAPI KeEndLockWait(KLOCK_NOTE* Note);
/// @returns whether a waiting thread waits for a lock, and a copy of its note. @irql DISPATCH_LEVEL, the dispatcher
/// database held, or the kernel stands still
BOOLEAN NTAPI KeQueryLockWait(const KTHREAD* Thread, KLOCK_NOTE* Note);
/// The calling thread is about to give back a lock that others wait for. @param Waiters how many, as far as is known
void NTAPI KeTraceLockRelease(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive, ULONG Waiters);

/// Gives a lock that blocks a place in the order of locks: it is acquired only while every ranked lock that the thread
/// holds has a smaller rank. Checked builds check each acquisition. @param Rank 0: no place
NTKERNELAPI void NTAPI KeSetLockRank(PVOID Lock, ULONG Rank);
/// The threads that hold a lock, as far as records are kept. @param Stopped the kernel stands still: takes no lock, for
/// its holder could not give it back. @returns how many, at most `Limit`. @irql <= DISPATCH_LEVEL
ULONG NTAPI KeQueryLockOwners(const void* Lock, BOOLEAN Stopped, PKTHREAD* Owners, ULONG Limit);
}

#if defined(MICA_CHECKED) || defined(MICA_HOST)
extern "C" {
/// Before an acquisition that may wait: the IRQL allows it, and so does the order of ranks.
void NTAPI KeCheckLockOrder(PVOID Lock);
/// The calling thread has the lock now, once more if it had it.
void NTAPI KeNoteLockAcquired(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive);
/// `Thread` is about to give it back once. @returns whether it has it.
[[nodiscard]] BOOLEAN NTAPI KeNoteLockReleased(PVOID Lock, PKTHREAD Thread);
/// What the calling thread has of the lock is shared now.
void NTAPI KeNoteLockShared(PVOID Lock);
/// What the calling thread has of the lock belongs to no thread that the records know.
void NTAPI KeForgetLock(PVOID Lock, PKTHREAD Thread);
/// The thread may not have any lock now: it ends, or goes back to a pool of threads.
void NTAPI KeCheckNoLocksHeld(PKTHREAD Thread);
}
#else
inline void KeCheckLockOrder(PVOID) {}
inline void KeNoteLockAcquired(PVOID, KLOCK_KIND, BOOLEAN) {}
[[nodiscard]] inline BOOLEAN KeNoteLockReleased(PVOID, PKTHREAD) { return TRUE; }
inline void KeNoteLockShared(PVOID) {}
inline void KeForgetLock(PVOID, PKTHREAD) {}
inline void KeCheckNoLocksHeld(PKTHREAD) {}
#endif
