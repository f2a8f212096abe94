// Threads that run in user mode: how one begins, and how one ends that made an exception.
//
// A thread's first step in user mode is LdrInitializeThunk of the system library, called as a user APC whose context is the CONTEXT that the
// creator has given: it lies on the thread's stack, and NtContinue goes there in the end.
//
//     ESP -> KiUserApcDispatcher's arguments: LdrInitializeThunk, address of the CONTEXT, base of ntdll.dll, 0
//            CONTEXT: Eip = RtlUserThreadStart, Eax = start routine, Ebx = its parameter
//
// IRQL: PASSIVE_LEVEL. In the books: "flow of CreateThread", "exception dispatching". PRC-07, PRC-08, INT-13, EXC-04
#include "kd.h"
#include "rtl/capture.h"
#include "ke/usermode.h"
#include "mm.h"
#include "ps/dbgk/dbgk.h"
#include "ps/psp.h"
#include "ps/services.h"

namespace {

// ---- in the new thread

/// The APC is part of the thread.
void NTAPI NothingToFree(PKAPC) {}

/// On the way to the first instruction: the context will lie at the top of the stack as it is now.
void NTAPI AimAtContext(PKAPC, PKNORMAL_ROUTINE*, PVOID* context, PVOID*, PVOID*) {
    const ULONG esp = KeUserFrame(KeGetCurrentThread())->HardwareEsp;
    *context = reinterpret_cast<PVOID>(ULONG_PTR((esp & ~3u) - sizeof(CONTEXT)));
}

void QueueLoader(PETHREAD thread) {
    auto* const loader = reinterpret_cast<PKNORMAL_ROUTINE>(PspSystemDll.LdrInitializeThunk);
    KeInitializeApc(&thread->StartApc, &thread->Tcb, OriginalApcEnvironment, AimAtContext, NothingToFree, loader,
                    UserMode, nullptr);
    KeForceUserApc(&thread->StartApc, PspSystemDll.Base);
}

/// The first code of such a thread, entered at APC_LEVEL: kernel APCs that have come already run when the level falls. What ends the thread
/// goes before the loader's APC then.
void NTAPI PspUserThreadStartup(PKSTART_ROUTINE, PVOID) {
    PETHREAD const thread = PspCurrentThread();
    const EPROCESS* const process = thread->ThreadsProcess;
    if (process->SectionObject) QueueLoader(thread);
    KfLowerIrql(PASSIVE_LEVEL);
    // The thread that ends the process sets Exiting, then looks which threads there are. This one was not there yet, or looks now.
    if (process->Exiting) PspExitThread(process->ExitStatus);
    DbgkCreateThread(thread);
    KeEnterUserMode();
}

// ---- in its creator

/// A thread that is to be made: what its creator says.
struct NEW_THREAD {
    EPROCESS* Process;
    CONTEXT Context;
    INITIAL_TEB Stack;
    PETHREAD Thread;
    PVOID KernelStack;
};

NTSTATUS Allocate(NEW_THREAD& made) {
    NT_TRY(PspAllocateThread(&made.Thread, made.Process, made.Process->ImageFileName, made.Process->Pcb.BasePriority,
                             &made.KernelStack));
    const NTSTATUS status = PspCreateTeb(made.Thread, made.Stack);
    if (!NT_SUCCESS(status)) {
        PspAbandonThread(made.Thread, made.KernelStack);
        return status;
    }
    made.Thread->StartAddress = reinterpret_cast<PKSTART_ROUTINE>(ULONG_PTR(made.Context.Eax));
    KeInitializeUserThread(&made.Thread->Tcb, made.KernelStack,
                           static_cast<UCHAR*>(made.KernelStack) - KERNEL_STACK_SIZE, PspUserThreadStartup, nullptr,
                           nullptr, &made.Context, made.Thread->Teb, &made.Process->Pcb);
    return STATUS_SUCCESS;
}

void Abandon(NEW_THREAD& made) {
    PspDeleteTeb(made.Thread);
    PspAbandonThread(made.Thread, made.KernelStack);
}

void Run(NEW_THREAD& made, bool suspended) {
    if (suspended) (void)KeSuspendThread(&made.Thread->Tcb);
    PspRunThread(made.Thread, made.Process->Pcb.BasePriority, reinterpret_cast<PVOID>(made.Thread->StartAddress),
                 nullptr);
}

/// Makes the thread, tells the caller about it, and runs it.
NTSTATUS Create(NEW_THREAD& made, HANDLE* handle, ACCESS_MASK access, ULONG attributes, CLIENT_ID* id, bool suspended) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE opened;
    NT_TRY(Allocate(made));
    NTSTATUS status = ObOpenObjectByPointer(made.Thread, attributes, nullptr, access, PsThreadType, mode, &opened);
    if (!NT_SUCCESS(status)) {
        Abandon(made);
        return status;
    }
    // The handle is there, so the thread runs, even if the caller's words have gone meanwhile.
    const CLIENT_ID ids = PspClientIdOf(made.Thread);
    status = nt::Tell(mode, handle, opened);
    if (NT_SUCCESS(status)) status = nt::TellOptional(mode, id, ids);
    Run(made, suspended);
    return status;
}

} // namespace

NTSTATUS NTAPI PspStartUserThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority, CONTEXT* Context,
                                  PVOID Teb) {
    PETHREAD thread;
    PVOID stack;
    NT_TRY(PspAllocateThread(&thread, Process, Name, Priority, &stack));
    auto* const start = reinterpret_cast<PVOID>(ULONG_PTR(Context->Eip));
    thread->StartAddress = reinterpret_cast<PKSTART_ROUTINE>(start);
    KeInitializeUserThread(&thread->Tcb, stack, static_cast<UCHAR*>(stack) - KERNEL_STACK_SIZE, PspUserThreadStartup,
                           nullptr, nullptr, Context, Teb, &Process->Pcb);
    PspRunThread(thread, Priority, start, Thread);
    return STATUS_SUCCESS;
}

void NTAPI PspEndAfterException(const EXCEPTION_RECORD* Record) {
    EPROCESS* const process = PsGetCurrentProcess();
    DbgPrint("%s ends: exception %08x at %08x\n", process->ImageFileName, static_cast<ULONG>(Record->ExceptionCode),
             ULONG(reinterpret_cast<ULONG_PTR>(Record->ExceptionAddress)));
    if (process->EndsWithLastThread) PspTerminateProcess(process, Record->ExceptionCode);
    PspExitThread(Record->ExceptionCode);
}

extern "C" NTSTATUS NTAPI NtCreateThread(HANDLE* ThreadHandle, ACCESS_MASK DesiredAccess,
                                         POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle, PCLIENT_ID ClientId,
                                         CONTEXT* ThreadContext, PINITIAL_TEB InitialTeb, BOOLEAN CreateSuspended) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    ULONG attributes;
    NEW_THREAD made;
    NT_TRY(nt::Probe(mode, ThreadHandle));
    NT_TRY(nt::ProbeOptional(mode, ClientId));
    NT_TRY(PspCaptureHandleAttributes(mode, ObjectAttributes, &attributes));
    NT_TRY(nt::Capture(mode, &made.Context, ThreadContext));
    NT_TRY(nt::Capture(mode, &made.Stack, InitialTeb));
    nt::ObjectRef<EPROCESS> process;
    NT_TRY(process.Open(ProcessHandle, PROCESS_CREATE_THREAD, PsProcessType, mode));
    if (!process->EndsWithLastThread) return STATUS_INVALID_HANDLE; // the system's own
    if (!ExAcquireRundownProtection(&process->RundownProtect)) return STATUS_PROCESS_IS_TERMINATING;
    made.Process = process.Get();
    const NTSTATUS status = Create(made, ThreadHandle, DesiredAccess, attributes, ClientId, CreateSuspended);
    ExReleaseRundownProtection(&process->RundownProtect);
    // A process that was told to end meanwhile may have had no other thread: then nobody has cleaned up.
    if (!NT_SUCCESS(status) && process->Exiting) PspTerminateProcess(process.Get(), status);
    return status;
}
