// The system's numbered queued locks, and each processor's nodes for them.
//
// A numbered lock needs no node from its caller: a processor can wait for a given lock only once at a time, so one node
// a lock and processor is enough. The ranks are the places of the locks in the order of the whole system.
// IRQL: the table is made at boot.
// In the books: "queued spin locks". SYH-07
#include "ke/ki.h"

extern "C" constinit KSPIN_LOCK KiQueuedSpinLock[LockQueueMaximumLock] = {
    {0, KLOCK_RANK::Dispatcher}, // LockQueueDispatcherLock
    {0, KLOCK_RANK::Object},     // LockQueueExpansionLock
    {0, KLOCK_RANK::Memory},     // LockQueuePfnLock
    {0, KLOCK_RANK::Memory},     // LockQueueSystemSpaceLock
    {0, KLOCK_RANK::Cache},      // LockQueueVacbLock
    {0, KLOCK_RANK::Cache},      // LockQueueMasterLock
    {0, KLOCK_RANK::Pool},       // LockQueueNonPagedPoolLock
    {0, KLOCK_RANK::Io},         // LockQueueIoCancelLock
    {0, KLOCK_RANK::Object},     // LockQueueWorkQueueLock
    {0, KLOCK_RANK::Io},         // LockQueueIoVpbLock
    {0, KLOCK_RANK::Io},         // LockQueueIoDatabaseLock
    {0, KLOCK_RANK::Io},         // LockQueueIoCompletionLock
    {0, KLOCK_RANK::None},       // LockQueueNtfsStructLock: a file system's own
    {0, KLOCK_RANK::None},       // LockQueueAfdWorkQueueLock: a driver's own
    {0, KLOCK_RANK::Cache},      // LockQueueBcbLock
    {0, KLOCK_RANK::Pool},       // LockQueueMmNonPagedPoolLock
    {0, KLOCK_RANK::None},       // LockQueueUnusedSpare16
};

void KiInitializeLockQueue(PKPRCB Prcb) {
    for (ULONG number = 0; number < LockQueueMaximumLock; number++)
        Prcb->LockQueue[number] = {nullptr, reinterpret_cast<ULONG_PTR>(&KiQueuedSpinLock[number])};
}
