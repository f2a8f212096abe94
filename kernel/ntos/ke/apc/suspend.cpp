// Suspending a thread: it waits for a semaphore of its own inside a normal kernel APC.
//
// So a thread is suspended where APCs find it: not in a critical region, not inside a kernel routine, and a wait that it
// was in goes on when it is resumed. SuspendCount says how often it was suspended (FreezeCount: with its whole process);
// the semaphore has a unit for a resume that came before the thread waited.
// Locks: ApcQueueLock for the counts, under it KiDispatcherLock for the semaphore. IRQL: <= DISPATCH_LEVEL.
// In the books: "thread states", "asynchronous procedure calls". INT-14
#include "ke/ki.h"
#include "rtl/exception.h"

namespace {

constexpr SCHAR MAXIMUM_SUSPEND_COUNT = 127;
constexpr LONG SuspendLimit = 2;          ///< units of the semaphore; one is ever used
constexpr KPRIORITY RESUME_INCREMENT = 0; ///< boost of a resumed thread

void NTAPI SuspendKernelRoutine(PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {}
void NTAPI SuspendRundown(PKAPC) {} // the APC is part of the thread

void NTAPI SuspendThread(PVOID, PVOID, PVOID) {
    KTHREAD* const thread = KeGetCurrentThread();
    (void)KeWaitForSingleObject(&thread->SuspendSemaphore, KWAIT_REASON::Suspended, KernelMode, FALSE, nullptr);
}

bool IsSuspended(const KTHREAD* thread) REQUIRES_(thread->ApcQueueLock) {
    return thread->SuspendCount != 0 || thread->FreezeCount != 0;
}

/// The first reason to stand still: the APC goes out, or, if it has not run since the last resume, its unit comes back.
void Hold(KTHREAD* thread) REQUIRES_(thread->ApcQueueLock, AtDispatchLevel) {
    nt::AssumeHeld(thread->SuspendApc.Thread->ApcQueueLock); // SuspendApc.Thread is the thread
    if (!thread->SuspendApc.Inserted) return KiInsertQueueApc(&thread->SuspendApc, RESUME_INCREMENT);
    nt::SpinLockAtDpcGuard guard(KiDispatcherLock);
    thread->SuspendSemaphore.Header.SignalState--;
}

/// The last reason is gone.
void Release(KTHREAD* thread) REQUIRES_(thread->ApcQueueLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(KiDispatcherLock);
    thread->SuspendSemaphore.Header.SignalState++;
    KiWaitTest(&thread->SuspendSemaphore.Header, RESUME_INCREMENT);
}

} // namespace

void KiInitializeThreadSuspension(PKTHREAD Thread) {
    KeInitializeApc(&Thread->SuspendApc, Thread, OriginalApcEnvironment, SuspendKernelRoutine, SuspendRundown,
                    SuspendThread, KernelMode, nullptr);
    KeInitializeSemaphore(&Thread->SuspendSemaphore, 0, SuspendLimit);
}

ULONG NTAPI KeSuspendThread(PKTHREAD Thread) {
    SCHAR oldCount;
    {
        KiApcQueueGuard guard(Thread->ApcQueueLock);
        oldCount = Thread->SuspendCount;
        if (oldCount != MAXIMUM_SUSPEND_COUNT) {
            if (!Thread->ApcQueueable) return ULONG(oldCount); // it ends
            const bool first = !IsSuspended(Thread);
            Thread->SuspendCount = SCHAR(oldCount + 1);
            if (first) Hold(Thread);
        }
    }
    if (oldCount == MAXIMUM_SUSPEND_COUNT) RtlRaiseStatus(STATUS_SUSPEND_COUNT_EXCEEDED);
    return ULONG(oldCount);
}

ULONG NTAPI KeResumeThread(PKTHREAD Thread) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    const SCHAR oldCount = Thread->SuspendCount;
    if (oldCount == 0) return 0;
    Thread->SuspendCount = SCHAR(oldCount - 1);
    if (!IsSuspended(Thread)) Release(Thread);
    return ULONG(oldCount);
}

ULONG NTAPI KeForceResumeThread(PKTHREAD Thread) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    const ULONG oldCount = ULONG(Thread->SuspendCount + Thread->FreezeCount);
    if (oldCount == 0) return 0;
    Thread->SuspendCount = Thread->FreezeCount = 0;
    Release(Thread);
    return oldCount;
}

void KiFreezeThread(PKTHREAD Thread) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    if (!Thread->ApcQueueable || Thread->FreezeCount == MAXIMUM_SUSPEND_COUNT) return;
    const bool first = !IsSuspended(Thread);
    Thread->FreezeCount = SCHAR(Thread->FreezeCount + 1);
    if (first) Hold(Thread);
}

void KiThawThread(PKTHREAD Thread) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    if (Thread->FreezeCount == 0) return;
    Thread->FreezeCount = SCHAR(Thread->FreezeCount - 1);
    if (!IsSuspended(Thread)) Release(Thread);
}
