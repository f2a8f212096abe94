// Threads: making and references; system threads. SYS-02, PRC-07
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

/// A process without an image waits for its threads before it goes; one with an image goes after its last thread.
bool Waits(const EPROCESS* process) { return !process->EndsWithLastThread; }

} // namespace

NTSTATUS PspAllocateThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority, PVOID* Stack) {
    if (Priority <= LOW_PRIORITY || Priority > HIGH_PRIORITY) return STATUS_INVALID_PARAMETER;
    if (Waits(Process) && !ExAcquireRundownProtection(&Process->ThreadRundown)) return STATUS_PROCESS_IS_TERMINATING;
    NT_TRY(PspJoinProcess(Process));
    PVOID object = nullptr;
    const NTSTATUS status =
        ObCreateObject(KernelMode, PsThreadType, nullptr, KernelMode, nullptr, sizeof(ETHREAD), 0, 0, &object);
    auto* const thread = static_cast<ETHREAD*>(object);
    if (thread) RtlZeroMemory(thread, sizeof(*thread));
    PVOID const stack = NT_SUCCESS(status) ? MmCreateKernelStack(FALSE) : nullptr;
    if (!stack) {
        if (thread) (void)ObDereferenceObject(thread);
        (void)PspLeaveProcess(Process, false);
        if (Waits(Process)) ExReleaseRundownProtection(&Process->ThreadRundown);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    thread->UniqueThreadId = PspNextId();
    thread->ExitStatus = STATUS_PENDING;
    KeQuerySystemTime(&thread->CreateTime);
    thread->ThreadsProcess = Process;
    (void)ObReferenceObject(Process);
    const NTSTATUS named = RtlStringCbPrintf(thread->ThreadName, sizeof(thread->ThreadName), "%s", Name);
    (void)named; // a long name is cut
    *Thread = thread;
    *Stack = stack;
    return STATUS_SUCCESS;
}

void PspInitializeSystemThread(PETHREAD Thread, PVOID Stack, PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
    Thread->StartAddress = StartRoutine;
    KeInitializeThread(&Thread->Tcb, Stack, static_cast<UCHAR*>(Stack) - KERNEL_STACK_SIZE, SystemThreadStartup,
                       StartRoutine, StartContext, &Thread->ThreadsProcess->Pcb);
    Thread->Tcb.SystemThread = TRUE;
}

void PspAbandonThread(PETHREAD Thread, PVOID Stack) {
    MmDeleteKernelStack(Stack, FALSE);
    (void)PspLeaveProcess(Thread->ThreadsProcess, false);
    if (Waits(Thread->ThreadsProcess)) ExReleaseRundownProtection(&Thread->ThreadsProcess->ThreadRundown);
    (void)ObDereferenceObject(Thread);
}

void PspRunThread(PETHREAD Thread, KPRIORITY Priority, PVOID StartAddress, PETHREAD* ToCaller) {
    (void)KeSetPriorityThread(&Thread->Tcb, Priority);
    EtwTraceEvent(ETW_EVENT::ThreadCreate, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(Priority),
                  reinterpret_cast<ULONG_PTR>(StartAddress), Thread->UniqueThreadId);
    if (ToCaller) {
        (void)ObReferenceObject(Thread); // the first reference is the running thread's own
        *ToCaller = Thread;
    }
    KeReadyThread(&Thread->Tcb);
}

NTSTATUS NTAPI PspStartProcessThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority,
                                     PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
    PETHREAD thread;
    PVOID stack;
    NT_TRY(PspAllocateThread(&thread, Process, Name, Priority, &stack));
    PspInitializeSystemThread(thread, stack, StartRoutine, StartContext);
    PspRunThread(thread, Priority, reinterpret_cast<PVOID>(StartRoutine), Thread);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI PsStartSystemThread(PETHREAD* Thread, PCSTR Name, KPRIORITY Priority, PKSTART_ROUTINE StartRoutine,
                                   PVOID StartContext) {
    return PspStartProcessThread(Thread, PsInitialSystemProcess, Name, Priority, StartRoutine, StartContext);
}

void NTAPI PsReferenceThread(PETHREAD Thread) { (void)ObReferenceObject(Thread); }

void NTAPI PsDereferenceThread(PETHREAD Thread) { (void)ObDereferenceObject(Thread); }

void NTAPI PspDeleteThreadObject(PVOID Object) {
    auto* const thread = static_cast<PETHREAD>(Object);
    if (thread->ThreadsProcess) (void)ObDereferenceObject(thread->ThreadsProcess);
}
