// Services that reach another thread through its APC state: alerts and user APCs.
//
// IRQL: PASSIVE_LEVEL. In the books: "user-mode APCs", "alertable waits". INT-12, INT-13
#include "ob.h"
#include "ps/psp.h"

namespace {

void NTAPI FreeApc(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) { ExFreePoolWithTag(apc, PS_APC_TAG); }
void NTAPI RundownApc(PKAPC apc) { ExFreePoolWithTag(apc, PS_APC_TAG); }

} // namespace

extern "C" {

NTSTATUS NTAPI NtAlertThread(HANDLE ThreadHandle) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(thread.Open(ThreadHandle, THREAD_ALERT, PsThreadType, mode));
    (void)KeAlertThread(&thread.Get()->Tcb, mode);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtQueueApcThread(HANDLE ThreadHandle, PKNORMAL_ROUTINE ApcRoutine, PVOID ApcArgument1,
                                PVOID ApcArgument2, PVOID ApcArgument3) {
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(thread.Open(ThreadHandle, THREAD_SET_CONTEXT, PsThreadType, ExGetPreviousMode()));
    if (thread.Get()->Tcb.SystemThread) return STATUS_INVALID_HANDLE; // it never goes to user mode
    auto* const apc = static_cast<KAPC*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), PS_APC_TAG));
    if (!apc) return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeApc(apc, &thread.Get()->Tcb, OriginalApcEnvironment, FreeApc, RundownApc, ApcRoutine, UserMode,
                    ApcArgument1);
    if (KeInsertQueueApc(apc, ApcArgument2, ApcArgument3, 0)) return STATUS_SUCCESS;
    ExFreePoolWithTag(apc, PS_APC_TAG);
    return STATUS_THREAD_IS_TERMINATING;
}
}
