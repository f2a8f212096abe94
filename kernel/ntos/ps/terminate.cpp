// Ending another thread: it does so itself, at a place where that is safe.
//
// A thread may hold what others wait for, so no other thread can simply stop it. Where it is safe differs:
//
//     system thread    a normal kernel APC ends it: at PASSIVE_LEVEL, outside of critical regions and other APCs. A thread that acquires a
//                      resource enters a critical region first, and so is not ended while it holds it.
//     thread of        a special kernel APC, which finds it everywhere, puts a user APC before all others. That ends its waits in user
//     user mode        mode's name, and is delivered where the thread leaves the kernel: there it holds nothing any more.
//
// IRQL: PASSIVE_LEVEL.
// In the books: "thread termination", "asynchronous procedure calls". INT-14, INT-15, PRC-12
#include "ke/usermode.h"
#include "ps/psp.h"

namespace {

constexpr KPRIORITY ExitIncrement = 2; ///< boost of a thread whose wait ends for its exit

NTSTATUS StatusOf(PVOID argument) { return static_cast<NTSTATUS>(reinterpret_cast<LONG_PTR>(argument)); }
PVOID ArgumentOf(NTSTATUS status) { return reinterpret_cast<PVOID>(static_cast<LONG_PTR>(status)); }

// ---- system threads

void NTAPI ExitKernelRoutine(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {
    ExFreePoolWithTag(apc, PS_APC_TAG);
}

void NTAPI ExitRundown(PKAPC apc) { ExFreePoolWithTag(apc, PS_APC_TAG); } // it ended before of itself

void NTAPI ExitNormalRoutine(PVOID exitStatus, PVOID, PVOID) { PspExitThread(StatusOf(exitStatus)); }

NTSTATUS TerminateSystemThread(PETHREAD thread, NTSTATUS status) {
    auto* const apc = static_cast<KAPC*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), PS_APC_TAG));
    if (!apc) return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeApc(apc, &thread->Tcb, OriginalApcEnvironment, ExitKernelRoutine, ExitRundown, ExitNormalRoutine,
                    KernelMode, ArgumentOf(status));
    if (!KeInsertQueueApc(apc, nullptr, nullptr, ExitIncrement)) {
        ExFreePoolWithTag(apc, PS_APC_TAG);
        return STATUS_THREAD_IS_TERMINATING;
    }
    (void)KeForceResumeThread(&thread->Tcb); // after it, so that nothing of the thread's own runs in between
    return STATUS_SUCCESS;
}

// ---- threads of user mode: the APC is part of the thread, and is used twice

void NTAPI NothingToFree(PKAPC) {}

/// On the way to user mode.
void NTAPI LeaveAtUserMode(PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID* status, PVOID*) {
    KfLowerIrql(PASSIVE_LEVEL);
    PspExitThread(StatusOf(*status));
}

void NTAPI NeverCalled(PVOID, PVOID, PVOID) {} // a user APC has a normal routine; LeaveAtUserMode does not return

/// In the thread, wherever it is.
void NTAPI SendToUserMode(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID* status, PVOID*) {
    KeInitializeApc(apc, KeGetCurrentThread(), OriginalApcEnvironment, LeaveAtUserMode, NothingToFree, NeverCalled,
                    UserMode, nullptr);
    KeForceUserApc(apc, *status);
}

} // namespace

NTSTATUS PspAskThreadToEnd(PETHREAD Thread, NTSTATUS ExitStatus) {
    if (InterlockedExchange(&Thread->Terminating, TRUE)) return STATUS_SUCCESS; // another thread has come first
    KeInitializeApc(&Thread->ExitApc, &Thread->Tcb, OriginalApcEnvironment, SendToUserMode, NothingToFree, nullptr,
                    KernelMode, nullptr);
    if (!KeInsertQueueApc(&Thread->ExitApc, ArgumentOf(ExitStatus), nullptr, ExitIncrement))
        return STATUS_THREAD_IS_TERMINATING;
    (void)KeForceResumeThread(&Thread->Tcb);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI PspTerminateThreadByPointer(PETHREAD Thread, NTSTATUS ExitStatus) {
    if (&Thread->Tcb == KeGetCurrentThread()) PspExitThread(ExitStatus);
    return Thread->Tcb.SystemThread ? TerminateSystemThread(Thread, ExitStatus) : PspAskThreadToEnd(Thread, ExitStatus);
}

extern "C" NTSTATUS NTAPI NtTerminateThread(HANDLE ThreadHandle, NTSTATUS ExitStatus) {
    nt::ObjectRef<ETHREAD> thread;
    if (ThreadHandle) {
        NT_TRY(thread.Open(ThreadHandle, THREAD_TERMINATE, PsThreadType, ExGetPreviousMode()));
        if (&thread->Tcb != KeGetCurrentThread()) {
            if (thread->Tcb.SystemThread) return STATUS_INVALID_HANDLE; // the system needs it
            return PspTerminateThreadByPointer(thread.Get(), ExitStatus);
        }
        thread.Release();
    }
    if (KeGetCurrentThread()->SystemThread) return STATUS_INVALID_PARAMETER;
    PspExitThread(ExitStatus);
}
