// APCs inside the kernel layer: queue and delivery, and what waits and switches do for them.
//
// How a queued kernel APC finds its moment. The inserter sets KernelApcPending and then looks where the thread is; the
// thread's side changes its state first and then looks at KernelApcPending. So one of the two always sees the other:
//   - the current thread: the APC interrupt comes when the IRQL falls below APC_LEVEL;
//   - running elsewhere: that processor is interrupted;
//   - waiting below APC_LEVEL: the wait ends with STATUS_KERNEL_APC, and the wait routine begins again;
//   - about to wait: KiBeginWait, under the dispatcher lock, sees the flag;
//   - waiting at APC_LEVEL, or for a gate: it finds out when it runs again;
//   - ready, standby, being switched to: SwitchContext sees the flag and requests the interrupt for the new thread.
// Locks: as annotated. IRQL: SYNCH_LEVEL where a lock is held, APC_LEVEL for delivery.
// In the books: "asynchronous procedure calls". INT-10..12, INT-15
#pragma once

#include "hal.h"
#include "ke.h"
#include "ke/ki/dispatcher.h"
#include "ke/ki/ipi.h"

extern "C" {
/// Puts the APC on its thread's queue and sees to it that it is delivered.
void NTAPI KiInsertQueueApc(PKAPC Apc, KPRIORITY Increment) REQUIRES_(Apc->Thread->ApcQueueLock, AtDispatchLevel);
}

/// Makes a new thread's APC state. No other thread knows it yet.
void KiInitializeThreadApcs(PKTHREAD Thread, PKPROCESS Process);
/// Makes the suspend APC and the semaphore that a suspended thread waits for.
void KiInitializeThreadSuspension(PKTHREAD Thread);

/// One more, one less reason for a thread to stand still (KeFreezeAllThreads). @irql <= DISPATCH_LEVEL
void KiFreezeThread(PKTHREAD Thread);
void KiThawThread(PKTHREAD Thread);

/// Does an alert or a user APC keep the thread from waiting? Alertable and WaitMode describe the wait.
/// @returns STATUS_ALERTED (the alert is taken), STATUS_USER_APC, or STATUS_SUCCESS: nothing does
NTSTATUS KiTestAlert(PKTHREAD Thread) REQUIRES_(KiDispatcherLock);

/// Asks for a delivery to the current thread; below APC_LEVEL it happens at once.
inline void KiRequestApcDelivery(PKTHREAD Thread) {
    Thread->ApcState.KernelApcPending = TRUE;
    HalRequestSoftwareInterrupt(APC_LEVEL);
}

/// Before `Thread` goes on on this processor: what was queued while it did not run is delivered when the IRQL falls.
inline void KiRequestPendingApcs(PKTHREAD Thread) REQUIRES_(AtDispatchLevel) {
    KeMemoryBarrier(); // its state was written before this; KeInsertQueueApc looks at it after setting the flag
    if (Thread->ApcState.KernelApcPending) HalRequestSoftwareInterrupt(APC_LEVEL);
}

/// Holds a thread's APC queues for the guard's life, and leaves them as a thread that may have ended a wait.
class SCOPED_CAPABILITY KiApcQueueGuard {
public:
    explicit KiApcQueueGuard(KSPIN_LOCK& lock) ACQUIRE_(lock, AtDispatchLevel)
        : m_lock(lock), m_oldIrql(KfAcquireSpinLock(&lock)) {}
    // As KiDispatcherGuard's: the two calls release what was taken.
    ~KiApcQueueGuard() RELEASE_() NO_THREAD_SAFETY_ANALYSIS {
        KefReleaseSpinLockFromDpcLevel(&m_lock);
        KiExitDispatcher(m_oldIrql);
    }
    KiApcQueueGuard(const KiApcQueueGuard&) = delete;
    KiApcQueueGuard& operator=(const KiApcQueueGuard&) = delete;

private:
    KSPIN_LOCK& m_lock;
    const KIRQL m_oldIrql;
};
