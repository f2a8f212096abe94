// Ending another thread: it does so itself, at a place where that is safe.
//
// A thread may hold what others wait for, so no other thread can simply stop it. Instead it gets a normal
// kernel APC whose routine ends it: that runs at PASSIVE_LEVEL only, not in a critical or guarded region, not inside
// another APC, and interrupts a wait. A thread that acquires a resource enters a critical region first, and so is not
// ended while it holds it.
// IRQL: PASSIVE_LEVEL.
// In the books: "thread termination", "asynchronous procedure calls". INT-14, INT-15
#include "ps/psp.h"

namespace {

constexpr KPRIORITY ExitIncrement = 2; ///< boost of a thread whose wait ends for its exit

void NTAPI ExitKernelRoutine(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {
    ExFreePoolWithTag(apc, PS_APC_TAG);
}

void NTAPI ExitRundown(PKAPC apc) { ExFreePoolWithTag(apc, PS_APC_TAG); } // it ended before of itself

void NTAPI ExitNormalRoutine(PVOID exitStatus, PVOID, PVOID) {
    PsTerminateSystemThread(static_cast<NTSTATUS>(reinterpret_cast<LONG_PTR>(exitStatus)));
}

} // namespace

NTSTATUS NTAPI PspTerminateThreadByPointer(PETHREAD Thread, NTSTATUS ExitStatus) {
    if (&Thread->Tcb == KeGetCurrentThread()) PsTerminateSystemThread(ExitStatus);
    auto* const apc = static_cast<KAPC*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), PS_APC_TAG));
    if (!apc) return STATUS_INSUFFICIENT_RESOURCES;
    PVOID const context = reinterpret_cast<PVOID>(static_cast<LONG_PTR>(ExitStatus));
    KeInitializeApc(apc, &Thread->Tcb, OriginalApcEnvironment, ExitKernelRoutine, ExitRundown, ExitNormalRoutine,
                    KernelMode, context);
    if (!KeInsertQueueApc(apc, nullptr, nullptr, ExitIncrement)) {
        ExFreePoolWithTag(apc, PS_APC_TAG);
        return STATUS_THREAD_IS_TERMINATING;
    }
    (void)KeForceResumeThread(&Thread->Tcb); // after it, so that nothing of the thread's own runs in between
    return STATUS_SUCCESS;
}
