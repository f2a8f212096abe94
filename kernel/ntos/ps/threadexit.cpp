// The end of a thread: what it gives back, and the last thread's duty to its process.
//
// A thread ends itself, always. Up to PspLeaveProcess it uses its process's memory and handles; the thread that leaves last gives them back.
// Locks: KPROCESS::ProcessLock guards ActiveThreads, Exiting and Exited. IRQL: PASSIVE_LEVEL.
// In the books: "thread termination", "process termination". PRC-09, PRC-12, INT-14
#include "ke.h"
#include "ps/dbgk/dbgk.h"
#include "ps/psp.h"

namespace {

/// An APC without a rundown routine is a pool block.
void NTAPI FreeApc(PKAPC apc) { ExFreePoolWithTag(apc, 0); }

} // namespace

NTSTATUS PspJoinProcess(EPROCESS* Process) {
    const nt::SpinLockGuard guard(Process->Pcb.ProcessLock);
    if (Process->Exiting) return STATUS_PROCESS_IS_TERMINATING;
    Process->ActiveThreads++;
    return STATUS_SUCCESS;
}

bool PspLeaveProcess(EPROCESS* Process, bool Ran) {
    const nt::SpinLockGuard guard(Process->Pcb.ProcessLock);
    NT_ASSERT(Process->ActiveThreads != 0);
    if (Ran) Process->EndingThreads--;
    if (--Process->ActiveThreads != 0 || !Ran || !Process->EndsWithLastThread) return false;
    Process->Exiting = Process->Exited = TRUE;
    return true;
}

void PspExitThread(NTSTATUS ExitStatus) {
    PETHREAD const thread = PspCurrentThread();
    EPROCESS* const process = thread->ThreadsProcess;
    // From here on nothing suspends it any more: a thread that has Terminating is resumed by nobody.
    const bool ofUserMode = !thread->Tcb.SystemThread;
    if (ofUserMode) KeEnterCriticalRegion();
    thread->ExitStatus = ExitStatus;
    (void)InterlockedExchange(&thread->Terminating, TRUE);
    KeQuerySystemTime(&thread->ExitTime);
    DbgkExitThread(thread, ExitStatus);
    PspDeleteTeb(thread);
    if (PspLeaveProcess(process, true)) PspExitProcess(process, ExitStatus);
    KeRundownApcQueues(FreeApc);
    if (ofUserMode) KeLeaveCriticalRegion();
    PspQueueToReaper(thread);
    KeTerminateThread(0);
}

void NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus) { PspExitThread(ExitStatus); }
