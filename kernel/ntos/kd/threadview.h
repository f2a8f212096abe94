// Copies of what the monitor prints about threads, taken under the right locks in one short moment.
//
// Printing is slow (a character takes 87 microseconds on the line), so nothing is printed while a lock is held.
// Locks: KPROCESS::ProcessLock for a process's list of threads, then KiDispatcherLock for states and wait blocks. In a
// stopped kernel (session.Stopped()) none is taken: its holder could not give it back.
// In the books: "thread internals". TOL-06
#pragma once

#include "ke/startup.h"
#include "ps.h"
#include "session.h"

/// Where a thread that does not run has its EBP, in words above KernelStack; the return address is the word behind it.
constexpr ULONG KD_SWITCH_FRAME_EBP = 5;

/// A spin lock, unless the kernel stands still.
/// Where it stands still, no other code can reach what the lock guards.
class SCOPED_CAPABILITY KdpLock {
public:
    // To the analysis the guard always holds the lock.
    KdpLock(const KD_SESSION& session, KSPIN_LOCK& lock) ACQUIRE_(lock) NO_THREAD_SAFETY_ANALYSIS
        : m_lock(session.Stopped() ? nullptr : &lock) {
        if (m_lock) m_oldIrql = KfAcquireSpinLock(m_lock);
    }
    ~KdpLock() RELEASE_() NO_THREAD_SAFETY_ANALYSIS { // gives back what the constructor took
        if (m_lock) KfReleaseSpinLock(m_lock, m_oldIrql);
    }
    KdpLock(const KdpLock&) = delete;
    KdpLock& operator=(const KdpLock&) = delete;

private:
    KSPIN_LOCK* const m_lock;
    KIRQL m_oldIrql{};
};

/// A copy of one object of a thread's wait.
struct KD_WAIT_VIEW {
    const void* Object;
    KOBJECTS Type;
    LONG SignalState;
    const KTHREAD* Owner; ///< of a mutant that is owned, or the thread whose end is waited for; else nullptr
};

constexpr ULONG KD_LOCK_OWNERS = 4; ///< owners of a lock that a view names

/// The lock that a thread waits for, and its owners.
struct KD_LOCK_VIEW {
    const void* Lock;
    KLOCK_KIND Kind; ///< None: it waits for no lock
    BOOLEAN Exclusive;
    ULONG OwnerCount; ///< of those that could be found; the first KD_LOCK_OWNERS are in Owners
    const KTHREAD* Owners[KD_LOCK_OWNERS];
};

/// A copy of a thread as the monitor prints it.
struct KD_THREAD_VIEW {
    const KTHREAD* Thread;
    ULONG Id;
    CHAR Name[16];
    KTHREAD_STATE State;
    BOOLEAN StackResident; ///< its kernel stack is in memory
    SCHAR Priority;
    SCHAR BasePriority;
    SCHAR Quantum;
    UCHAR Processor;
    ULONG ContextSwitches;
    ULONG WaitTime;
    KWAIT_REASON WaitReason;
    ULONG WaitCount; ///< wait blocks of the current wait; the first THREAD_WAIT_OBJECTS + 1 are in Waits
    WAIT_TYPE WaitType;
    KD_WAIT_VIEW Waits[THREAD_WAIT_OBJECTS + 1];
    KD_LOCK_VIEW Lock;
};

/// The owners of a lock that blocks. @param view Lock and Kind are set; receives the owners
void KdpFindLockOwners(const KD_SESSION& session, KD_LOCK_VIEW& view);

/// Every thread of every process, at most `limit`. @returns how many.
ULONG KdpViewThreads(const KD_SESSION& session, KD_THREAD_VIEW* views, ULONG limit);
/// The threads of the monitor's own table, which is large for a stack. @returns how many.
ULONG KdpViewThreads(const KD_SESSION& session, const KD_THREAD_VIEW** views);
/// One of them by ID or by address. @returns nullptr if there is none; that is said to the user.
const KD_THREAD_VIEW* KdpFindThread(KD_SESSION& session, ULONG idOrAddress);
