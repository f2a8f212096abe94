// System threads of drivers: with a handle, made before the thread begins.
//
// IRQL: PASSIVE_LEVEL. In the books: "system threads", "object handles". SYS-02, OBJ-06
#include "ps/psp.h"

namespace {

constexpr KPRIORITY DRIVER_THREAD_PRIORITY = 8;

/// The process of a handle; without one, System. @param process receives it, referenced
NTSTATUS OpenProcess(HANDLE handle, PVOID* process) {
    if (handle)
        return ObReferenceObjectByHandle(handle, PROCESS_CREATE_THREAD, PsProcessType, KernelMode, process, nullptr);
    *process = PsInitialSystemProcess;
    (void)ObReferenceObject(*process);
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS NTAPI PsCreateSystemThread(HANDLE* ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                                    PVOID StartContext) {
    PVOID process;
    NT_TRY(OpenProcess(ProcessHandle, &process));
    const nt::ObjectRef<EPROCESS> reference(static_cast<EPROCESS*>(process)); // the thread takes one of its own
    PETHREAD thread;
    PVOID stack;
    NT_TRY(PspAllocateThread(&thread, reference.Get(), "System", DRIVER_THREAD_PRIORITY, &stack));
    PspInitializeSystemThread(thread, stack, StartRoutine, StartContext);
    const ULONG attributes = ObjectAttributes ? ObjectAttributes->Attributes & (OBJ_KERNEL_HANDLE | OBJ_INHERIT) : 0;
    const NTSTATUS status =
        ObOpenObjectByPointer(thread, attributes, nullptr, DesiredAccess, PsThreadType, KernelMode, ThreadHandle);
    if (!NT_SUCCESS(status)) {
        PspAbandonThread(thread, stack);
        return status;
    }
    if (ClientId) *ClientId = PspClientIdOf(thread);
    PspRunThread(thread, DRIVER_THREAD_PRIORITY, reinterpret_cast<PVOID>(StartRoutine), nullptr);
    return STATUS_SUCCESS;
}
