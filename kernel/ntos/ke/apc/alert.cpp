// Alerts: a nudge that ends an alertable wait, or is remembered for the next one.
//
// A thread has one flag per mode. A kernel alert ends every alertable wait, a user alert only those in user mode's name. An
// alert is consumed by the wait that it ends.
// Locks: ApcQueueLock, under it KiDispatcherLock for the flags and the wait. IRQL: <= DISPATCH_LEVEL.
// In the books: "waiting for dispatcher objects: alertable waits". INT-12
#include "ke/ki.h"

namespace {

constexpr KPRIORITY ALERT_INCREMENT = 2; ///< boost of a thread whose wait an alert ends

/// @returns whether it was alerted already
BOOLEAN Alert(KTHREAD* thread, KPROCESSOR_MODE mode) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(KiDispatcherLock);
    const BOOLEAN old = thread->Alerted[ULONG(mode)];
    if (old) return old;
    const bool alertable = thread->State == KTHREAD_STATE::Waiting && thread->Alertable && mode <= thread->WaitMode;
    if (alertable) {
        KiUnwaitThread(thread, STATUS_ALERTED, ALERT_INCREMENT);
    } else {
        thread->Alerted[ULONG(mode)] = TRUE;
    }
    return old;
}

/// Takes an alert, if there is one.
bool TakeAlert(KTHREAD* thread, KPROCESSOR_MODE mode) REQUIRES_(KiDispatcherLock) {
    const bool alerted = thread->Alerted[ULONG(mode)];
    thread->Alerted[ULONG(mode)] = FALSE;
    return alerted;
}

bool HasUserApcs(const KTHREAD* thread) { return !IsListEmpty(&thread->ApcState.ApcListHead[ULONG(UserMode)]); }

} // namespace

NTSTATUS KiTestAlert(PKTHREAD Thread) {
    const bool user = Thread->WaitMode == UserMode;
    if (!Thread->Alertable) return user && Thread->ApcState.UserApcPending ? STATUS_USER_APC : STATUS_SUCCESS;
    if (TakeAlert(Thread, Thread->WaitMode)) return STATUS_ALERTED;
    if (user && HasUserApcs(Thread)) {
        Thread->ApcState.UserApcPending = TRUE;
        return STATUS_USER_APC;
    }
    return TakeAlert(Thread, KernelMode) ? STATUS_ALERTED : STATUS_SUCCESS;
}

BOOLEAN NTAPI KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE AlertMode) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    return Alert(Thread, AlertMode);
}

ULONG NTAPI KeAlertResumeThread(PKTHREAD Thread) {
    (void)KeAlertThread(Thread, KernelMode);
    return KeResumeThread(Thread);
}

BOOLEAN NTAPI KeTestAlertThread(KPROCESSOR_MODE AlertMode) {
    KTHREAD* const thread = KeGetCurrentThread();
    KiApcQueueGuard guard(thread->ApcQueueLock);
    nt::SpinLockAtDpcGuard waits(KiDispatcherLock);
    const bool alerted = TakeAlert(thread, AlertMode);
    if (!alerted && AlertMode == UserMode && HasUserApcs(thread)) thread->ApcState.UserApcPending = TRUE;
    return alerted;
}
