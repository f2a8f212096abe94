// NtGetContextThread and NtSetContextThread: the registers of user mode of a thread.
//
// They lie on the thread's own kernel stack, so the thread itself reads or writes them, in a special kernel APC; the caller waits. Of a
// thread that is in a service, eax, ecx and edx will be the service's.
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: "thread context". PRC-08, INT-10
#include "rtl/capture.h"
#include "ke/usermode.h"
#include "ps/psp.h"
#include "ps/services.h"
#include "rtl/string.h"

namespace {

/// A request to a thread; on the caller's stack.
struct REQUEST {
    KAPC Apc;
    KEVENT Done;
    bool Set;
    bool Served;
    CONTEXT Context;
};

void Serve(REQUEST& request) {
    request.Set ? KeSetUserContext(&request.Context) : KeGetUserContext(&request.Context);
    request.Served = true;
}

void NTAPI ServeApc(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {
    REQUEST& request = *CONTAINING_RECORD(apc, REQUEST, Apc);
    Serve(request);
    (void)KeSetEvent(&request.Done, 0, FALSE);
}

/// The thread ends.
void NTAPI Refuse(PKAPC apc) { (void)KeSetEvent(&CONTAINING_RECORD(apc, REQUEST, Apc)->Done, 0, FALSE); }

NTSTATUS Ask(PKTHREAD thread, REQUEST& request) {
    request.Served = false;
    if (thread == KeGetCurrentThread()) {
        Serve(request);
        return STATUS_SUCCESS;
    }
    KeInitializeEvent(&request.Done, NotificationEvent, FALSE);
    KeInitializeApc(&request.Apc, thread, OriginalApcEnvironment, ServeApc, Refuse, nullptr, KernelMode, nullptr);
    if (!KeInsertQueueApc(&request.Apc, nullptr, nullptr, 0)) return STATUS_UNSUCCESSFUL;
    (void)KeWaitForSingleObject(&request.Done, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    return request.Served ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

NTSTATUS Open(nt::ObjectRef<ETHREAD>& thread, HANDLE handle, ACCESS_MASK access, KPROCESSOR_MODE mode) {
    NT_TRY(thread.Open(handle, access, PsThreadType, mode));
    return thread->Tcb.SystemThread ? STATUS_INVALID_HANDLE : STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtGetContextThread(HANDLE ThreadHandle, CONTEXT* ThreadContext) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    REQUEST request;
    request.Set = false;
    RtlZeroMemory(&request.Context, sizeof(request.Context));
    NT_TRY(nt::Probe(mode, ThreadContext));
    NT_TRY(nt::Capture(mode, &request.Context.ContextFlags, &ThreadContext->ContextFlags));
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(Open(thread, ThreadHandle, THREAD_GET_CONTEXT, mode));
    NT_TRY(Ask(&thread->Tcb, request));
    return nt::Tell(mode, ThreadContext, request.Context);
}

NTSTATUS NTAPI NtSetContextThread(HANDLE ThreadHandle, CONTEXT* ThreadContext) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    REQUEST request;
    request.Set = true;
    NT_TRY(nt::Capture(mode, &request.Context, ThreadContext));
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(Open(thread, ThreadHandle, THREAD_SET_CONTEXT, mode));
    return Ask(&thread->Tcb, request);
}
}
