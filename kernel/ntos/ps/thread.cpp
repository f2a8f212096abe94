// System threads: making, ending, references. SYS-02
#include "etw.h"
#include "mm.h"
#include "nt/atomic.h"
#include "ps/psp.h"
#include "rtl/string.h"

namespace {

/// The kernel's first C++ code in a system thread; entered at APC_LEVEL.
void NTAPI SystemThreadStartup(PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
    KfLowerIrql(PASSIVE_LEVEL);
    StartRoutine(StartContext);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/// An APC without a rundown routine is a pool block.
void NTAPI PspFreeApc(PKAPC apc) { ExFreePoolWithTag(apc, 0); }

} // namespace

NTSTATUS PspAllocateThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority, PVOID* Stack) {
    if (Priority <= LOW_PRIORITY || Priority > HIGH_PRIORITY) return STATUS_INVALID_PARAMETER;
    if (!ExAcquireRundownProtection(&Process->RundownProtect)) return STATUS_PROCESS_IS_TERMINATING;
    auto* const thread = static_cast<ETHREAD*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(ETHREAD), PS_THREAD_TAG));
    PVOID const stack = thread ? MmCreateKernelStack(FALSE) : nullptr;
    if (!stack) {
        if (thread) ExFreePoolWithTag(thread, PS_THREAD_TAG);
        ExReleaseRundownProtection(&Process->RundownProtect);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(thread, sizeof(*thread));
    thread->UniqueThreadId = PspNextId();
    thread->ThreadsProcess = Process;
    const NTSTATUS named = RtlStringCbPrintf(thread->ThreadName, sizeof(thread->ThreadName), "%s", Name);
    (void)named; // a long name is cut
    *Thread = thread;
    *Stack = stack;
    return STATUS_SUCCESS;
}

void PspRunThread(PETHREAD Thread, KPRIORITY Priority, PVOID StartAddress, PETHREAD* ToCaller) {
    Thread->PointerCount = ToCaller ? 2 : 1; // one for the running thread itself, one for the caller
    (void)KeSetPriorityThread(&Thread->Tcb, Priority);
    EtwTraceEvent(ETW_EVENT::ThreadCreate, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(Priority),
                  reinterpret_cast<ULONG_PTR>(StartAddress), Thread->UniqueThreadId);
    if (ToCaller) *ToCaller = Thread;
    KeReadyThread(&Thread->Tcb);
}

NTSTATUS NTAPI PspStartProcessThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority,
                                     PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
    PETHREAD thread;
    PVOID stack;
    NT_TRY(PspAllocateThread(&thread, Process, Name, Priority, &stack));
    thread->StartAddress = StartRoutine;
    KeInitializeThread(&thread->Tcb, stack, static_cast<UCHAR*>(stack) - KERNEL_STACK_SIZE, SystemThreadStartup,
                       StartRoutine, StartContext, &Process->Pcb);
    thread->Tcb.SystemThread = TRUE;
    PspRunThread(thread, Priority, reinterpret_cast<PVOID>(StartRoutine), Thread);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI PsStartSystemThread(PETHREAD* Thread, PCSTR Name, KPRIORITY Priority, PKSTART_ROUTINE StartRoutine,
                                   PVOID StartContext) {
    return PspStartProcessThread(Thread, PsInitialSystemProcess, Name, Priority, StartRoutine, StartContext);
}

void NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus) {
    auto* const thread = CONTAINING_RECORD(KeGetCurrentThread(), ETHREAD, Tcb);
    thread->ExitStatus = ExitStatus;
    KeRundownApcQueues(PspFreeApc);
    PspQueueToReaper(thread);
    KeTerminateThread(0);
}

void NTAPI PsReferenceThread(PETHREAD Thread) { InterlockedIncrement(&Thread->PointerCount); }

void NTAPI PsDereferenceThread(PETHREAD Thread) {
    if (InterlockedDecrement(&Thread->PointerCount) == 0) ExFreePoolWithTag(Thread, PS_THREAD_TAG);
}
