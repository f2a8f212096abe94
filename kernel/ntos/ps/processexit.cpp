// The end of a process: its threads are told to end, and the last one gives back what the process has.
//
// Invariants: a process that has Exiting gets no thread any more; exactly one thread sees Exited become TRUE, and cleans up. Handles go
// first, then the address space; the page directory stays until no reference to the process is left.
// Locks: KPROCESS::ProcessLock. IRQL: PASSIVE_LEVEL.
// In the books: "process termination", "rundown protection". PRC-09, PRC-12, DSP-08
#include "ke.h"
#include "mm/processspace.h"
#include "ps/job/pspjob.h"
#include "ps/psp.h"

namespace {

/// A thread of user mode that nobody has told to end yet, referenced. A driver's thread ends of itself. @param except this one is left out
PETHREAD NextThread(EPROCESS* process, const KTHREAD* except) {
    const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
    for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
        auto* const found = CONTAINING_RECORD(thread, ETHREAD, Tcb);
        if (thread == except || thread->SystemThread || found->Terminating) continue;
        (void)ObReferenceObject(found); // it holds a reference to itself while it is on the list
        return found;
    }
    return nullptr;
}

/// No thread can come any more. @returns whether the process has none, and the caller is to clean up
bool BeginExit(EPROCESS* process, NTSTATUS status) {
    const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
    if (!process->Exiting) process->ExitStatus = status;
    process->Exiting = TRUE;
    if (process->ActiveThreads != 0 || process->Exited) return false;
    process->Exited = TRUE;
    return true;
}

void TerminateThreads(EPROCESS* process, NTSTATUS status) {
    while (PETHREAD const thread = NextThread(process, KeGetCurrentThread())) {
        const NTSTATUS ended = PspTerminateThreadByPointer(thread, status);
        (void)ended; // one that is ending is as good
        (void)ObDereferenceObject(thread);
    }
}

/// Another thread of user mode that has not ended yet, referenced.
PETHREAD OtherThread(EPROCESS* process) {
    const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
    for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
        if (thread == KeGetCurrentThread() || thread->SystemThread) continue;
        auto* const found = CONTAINING_RECORD(thread, ETHREAD, Tcb);
        (void)ObReferenceObject(found);
        return found;
    }
    return nullptr;
}

/// The caller goes on alone: it tells the others to end, also those that one of them was just making, and waits until they touch nothing
/// any more. Two that do this to each other wait in user mode's name, so both end.
NTSTATUS EndOtherThreads(EPROCESS* process, NTSTATUS exitStatus) {
    while (PETHREAD const thread = OtherThread(process)) {
        TerminateThreads(process, exitStatus);
        const NTSTATUS status = KeWaitForSingleObject(thread, KWAIT_REASON::Executive, UserMode, FALSE, nullptr);
        (void)ObDereferenceObject(thread);
        if (status != STATUS_SUCCESS) return status;
    }
    return STATUS_SUCCESS;
}

} // namespace

void PspCleanProcess(EPROCESS* Process) {
    ExWaitForRundownProtectionRelease(&Process->RundownProtect); // other processes' threads leave the address space
    PspLeaveJob(Process);
    ObKillProcess(Process);
    MmCleanProcessAddressSpace(Process);
}

void PspExitProcess(EPROCESS* Process, NTSTATUS ExitStatus) {
    if (Process->ExitStatus == STATUS_PENDING) Process->ExitStatus = ExitStatus; // the last thread's
    KeQuerySystemTime(&Process->ExitTime);
    PspCleanProcess(Process);
}

void PspTerminateProcess(EPROCESS* Process, NTSTATUS ExitStatus) {
    if (BeginExit(Process, ExitStatus)) {
        PspExitProcess(Process, ExitStatus);
        (void)KeSetProcess(&Process->Pcb, 0);
        return;
    }
    TerminateThreads(Process, ExitStatus);
}

extern "C" NTSTATUS NTAPI NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus) {
    EPROCESS* const own = CONTAINING_RECORD(KeGetCurrentThread()->Process, EPROCESS, Pcb);
    if (!ProcessHandle) { // the caller alone goes on, for what is left to do
        if (!own->EndsWithLastThread) return STATUS_INVALID_PARAMETER;
        return EndOtherThreads(own, ExitStatus);
    }
    nt::ObjectRef<EPROCESS> process;
    NT_TRY(process.Open(ProcessHandle, PROCESS_TERMINATE, PsProcessType, ExGetPreviousMode()));
    if (!process->EndsWithLastThread) return STATUS_ACCESS_DENIED; // the system's own
    const bool self = process.Get() == own;
    if (!self && process->Exited) return STATUS_PROCESS_IS_TERMINATING;
    PspTerminateProcess(process.Get(), ExitStatus);
    if (!self) return STATUS_SUCCESS;
    process.Release();
    PspExitThread(ExitStatus);
}
