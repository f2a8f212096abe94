// Services that stop a thread and let it go on.
//
// A thread that is told to end is resumed for good. The service looks at Terminating before and after it suspends: whichever of the two
// comes second sees the other.
// IRQL: PASSIVE_LEVEL. In the books: "thread states", "thread suspension". PRC-14, INT-14
#include "rtl/capture.h"
#include "ps/psp.h"
#include "ps/services.h"
#include "rtl/exception.h"

namespace {

/// A thread of user mode, by its handle.
NTSTATUS Open(nt::ObjectRef<ETHREAD>& thread, HANDLE handle, KPROCESSOR_MODE mode) {
    NT_TRY(thread.Open(handle, THREAD_SUSPEND_RESUME, PsThreadType, mode));
    return thread->Tcb.SystemThread ? STATUS_INVALID_HANDLE : STATUS_SUCCESS;
}

NTSTATUS Suspend(PKTHREAD thread, ULONG* before) {
    __try {
        *before = KeSuspendThread(thread);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode(); // too often
    }
    return STATUS_SUCCESS;
}

using RESUME = ULONG NTAPI(PKTHREAD Thread);

NTSTATUS Resume(HANDLE handle, ULONG* callers, RESUME* resume) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(nt::ProbeOptional(mode, callers));
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(Open(thread, handle, mode));
    const ULONG before = resume(&thread->Tcb);
    return nt::TellOptional(mode, callers, before);
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtSuspendThread(HANDLE ThreadHandle, ULONG* PreviousSuspendCount) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    ULONG before = 0;
    NT_TRY(nt::ProbeOptional(mode, PreviousSuspendCount));
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(Open(thread, ThreadHandle, mode));
    if (thread->Terminating) return STATUS_THREAD_IS_TERMINATING;
    NT_TRY(Suspend(&thread->Tcb, &before));
    if (thread->Terminating) {
        (void)KeForceResumeThread(&thread->Tcb);
        return STATUS_THREAD_IS_TERMINATING;
    }
    return nt::TellOptional(mode, PreviousSuspendCount, before);
}

NTSTATUS NTAPI NtResumeThread(HANDLE ThreadHandle, ULONG* PreviousSuspendCount) {
    return Resume(ThreadHandle, PreviousSuspendCount, KeResumeThread);
}

NTSTATUS NTAPI NtAlertResumeThread(HANDLE ThreadHandle, ULONG* PreviousSuspendCount) {
    return Resume(ThreadHandle, PreviousSuspendCount, KeAlertResumeThread);
}
}
