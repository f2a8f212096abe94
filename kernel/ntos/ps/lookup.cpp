// From an ID to its process or thread.
//
// IDs come from one sequence and are not given out again, so a look-up goes along the lists: of processes, and of each one's threads. A
// process is found until its last reference goes, a thread until it has ended.
// Locks: PspActiveProcessLock for the list of processes, KPROCESS::ProcessLock for that of threads; one at a time. IRQL: <= DISPATCH_LEVEL
// to look, PASSIVE_LEVEL to give back. In the books: "process and thread internals". PRC-02, PRC-06
#include "ke.h"
#include "ps/psp.h"

namespace {

ULONG NumberOf(HANDLE id) { return ULONG(reinterpret_cast<ULONG_PTR>(id)); }

/// A thread of a process, referenced; nullptr: none has the ID.
PETHREAD FindThread(EPROCESS* process, HANDLE id) {
    const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
    if (process == PsIdleProcess) return nullptr; // its threads are no objects
    for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
        auto* const found = CONTAINING_RECORD(thread, ETHREAD, Tcb);
        if (found->UniqueThreadId != NumberOf(id)) continue;
        (void)ObReferenceObject(found); // it holds a reference to itself while it is on the list
        return found;
    }
    return nullptr;
}

} // namespace

EPROCESS* PspNextProcess(EPROCESS* Process) {
    EPROCESS* next = nullptr;
    {
        const nt::SpinLockGuard guard(PspActiveProcessLock);
        LIST_ENTRY* entry = Process ? Process->ActiveProcessLinks.Flink : PsActiveProcessHead.Flink;
        for (; !next && entry != &PsActiveProcessHead; entry = entry->Flink) {
            auto* const found = CONTAINING_RECORD(entry, EPROCESS, ActiveProcessLinks);
            if (ObReferenceObjectSafe(found)) next = found; // else it is about to be deleted
        }
    }
    if (Process) (void)ObDereferenceObject(Process);
    return next;
}

extern "C" {

NTSTATUS NTAPI PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS* Process) {
    for (EPROCESS* process = PspNextProcess(nullptr); process; process = PspNextProcess(process)) {
        if (process->UniqueProcessId != NumberOf(ProcessId) || process == PsIdleProcess) continue;
        *Process = process;
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS NTAPI PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD* Thread) {
    for (EPROCESS* process = PspNextProcess(nullptr); process; process = PspNextProcess(process)) {
        PETHREAD const thread = FindThread(process, ThreadId);
        if (!thread) continue;
        (void)ObDereferenceObject(process);
        *Thread = thread;
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS NTAPI PsLookupProcessThreadByCid(PCLIENT_ID ClientId, PEPROCESS* Process, PETHREAD* Thread) {
    PETHREAD thread;
    if (!NT_SUCCESS(PsLookupThreadByThreadId(ClientId->UniqueThread, &thread))) return STATUS_INVALID_CID;
    if (ClientId->UniqueProcess && PsGetProcessId(thread->ThreadsProcess) != ClientId->UniqueProcess) {
        (void)ObDereferenceObject(thread);
        return STATUS_INVALID_CID;
    }
    if (Process) {
        (void)ObReferenceObject(thread->ThreadsProcess);
        *Process = thread->ThreadsProcess;
    }
    *Thread = thread;
    return STATUS_SUCCESS;
}
}
