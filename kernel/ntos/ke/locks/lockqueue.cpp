// The system's numbered queued locks, and each processor's nodes for them.
//
// A numbered lock needs no node from its caller: a processor can wait for a given lock only once at a time, so one node
// a lock and processor is enough. The ranks are the places of the locks in the order of the whole system.
// IRQL: the table is made at boot.
// In the books: "queued spin locks". SYH-07
#include "ke/ki.h"

extern "C" constinit KSPIN_LOCK KiQueuedSpinLock[LockQueueMaximumLock] = {};

static constexpr KLOCK_RANK Ranks[LockQueueMaximumLock] = {
    KLOCK_RANK::Dispatcher,  // LockQueueDispatcherLock
    KLOCK_RANK::Object,      // LockQueueExpansionLock
    KLOCK_RANK::Memory,      // LockQueuePfnLock
    KLOCK_RANK::SystemSpace, // LockQueueSystemSpaceLock
    KLOCK_RANK::Cache,       // LockQueueVacbLock
    KLOCK_RANK::Cache,       // LockQueueMasterLock
    KLOCK_RANK::Pool,        // LockQueueNonPagedPoolLock
    KLOCK_RANK::Io,          // LockQueueIoCancelLock
    KLOCK_RANK::Object,      // LockQueueWorkQueueLock
    KLOCK_RANK::Io,          // LockQueueIoVpbLock
    KLOCK_RANK::Io,          // LockQueueIoDatabaseLock
    KLOCK_RANK::Io,          // LockQueueIoCompletionLock
    KLOCK_RANK::None,        // LockQueueNtfsStructLock: a file system's own
    KLOCK_RANK::None,        // LockQueueAfdWorkQueueLock: a driver's own
    KLOCK_RANK::Cache,       // LockQueueBcbLock
    KLOCK_RANK::SystemSpace, // LockQueueMmNonPagedPoolLock
    KLOCK_RANK::None,        // LockQueueUnusedSpare16
};

void KiInitializeLockQueue(PKPRCB Prcb) {
    for (ULONG number = 0; number < LockQueueMaximumLock; number++)
        Prcb->LockQueue[number] = {nullptr, reinterpret_cast<ULONG_PTR>(&KiQueuedSpinLock[number])};
    if (Prcb->Number != 0) return;
    for (ULONG number = 0; number < LockQueueMaximumLock; number++)
        KeSetSpinLockRank(&KiQueuedSpinLock[number], Ranks[number]);
}
