// The dispatcher database's lock, and how it is left.
//
// A routine that changes the database may have made threads ready. They wait on the processor's deferred ready list until the
// lock is free again: KiExitDispatcher finds a processor for each and lowers the IRQL, and if a better thread than the
// current one was among them, the dispatch interrupt switches to it.
// Locks: KiDispatcherLock. IRQL: SYNCH_LEVEL between lock and exit.
// In the books: "dispatcher database". SCH-15, DSP-14
#pragma once

#include "ke.h"

/// Checked builds: ready summary against ready queues, next thread, idle summary. Stops at the first contradiction.
void KiCheckDispatcherDatabase(PKPRCB Prcb) REQUIRES_(AtDispatchLevel);

/// The processor's nodes for the numbered queued locks; the first processor gets them, and the locks their ranks, before
/// there is memory.
void KiInitializeLockQueue(PKPRCB Prcb);

extern "C" {
/// Places the threads that became ready, and lowers to `OldIrql`. @irql SYNCH_LEVEL, no lock held
void NTAPI KiExitDispatcher(KIRQL OldIrql) RELEASE_(AtDispatchLevel);
/// Finds a processor for every thread on this processor's deferred ready list, in the order they became ready.
void NTAPI KiProcessDeferredReadyList() REQUIRES_(AtDispatchLevel);
}

/// @returns the old IRQL. @irql <= DISPATCH_LEVEL
inline KIRQL KiLockDispatcherDatabase() ACQUIRE_(KiDispatcherLock, AtDispatchLevel) {
    return KfAcquireSpinLock(&KiDispatcherLock);
}

/// Frees the lock and stays at SYNCH_LEVEL; KiExitDispatcher or KiSwapThread follows.
inline void KiUnlockDispatcherDatabaseFromSynchLevel() RELEASE_(KiDispatcherLock) REQUIRES_(AtDispatchLevel) {
    KefReleaseSpinLockFromDpcLevel(&KiDispatcherLock);
    KxPoint(KX_POINT::Released, &KiDispatcherLock);
}

/// Holds the dispatcher database for the guard's life, and leaves it as one must.
class SCOPED_CAPABILITY KiDispatcherGuard {
public:
    KiDispatcherGuard() ACQUIRE_(KiDispatcherLock, AtDispatchLevel) : m_oldIrql(KiLockDispatcherDatabase()) {}
    // The analysis does not follow what a scoped capability's destructor calls; the two calls release what was taken.
    ~KiDispatcherGuard() RELEASE_() NO_THREAD_SAFETY_ANALYSIS {
        KiUnlockDispatcherDatabaseFromSynchLevel();
        KiExitDispatcher(m_oldIrql);
    }
    KiDispatcherGuard(const KiDispatcherGuard&) = delete;
    KiDispatcherGuard& operator=(const KiDispatcherGuard&) = delete;

private:
    const KIRQL m_oldIrql;
};
