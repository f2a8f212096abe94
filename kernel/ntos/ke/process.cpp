// KPROCESS: an address space and the defaults of its threads.
//
// Locks: ProcessLock for the thread list, KiDispatcherLock for priorities and KiProcessListHead; ActiveProcessors and
// ProcessFlags by interlocked operations. IRQL: <= DISPATCH_LEVEL.
// In the books: "process internals: kernel process block", "attaching to a process". KPR-01, KPR-03, KPR-06..15
#include "ke/ki.h"
#include "rtl/string.h"

void NTAPI KeInitializeProcess(PKPROCESS Process, KPRIORITY BasePriority, KAFFINITY Affinity,
                               ULONG_PTR DirectoryTableBase[2]) {
    RtlZeroMemory(Process, sizeof(*Process));
    Process->Header.Type = KOBJECTS::ProcessObject;
    Process->Header.Size = sizeof(KPROCESS) / sizeof(ULONG);
    InitializeListHead(&Process->Header.WaitListHead);
    InitializeListHead(&Process->ProfileListHead);
    InitializeListHead(&Process->ReadyListHead);
    InitializeListHead(&Process->ThreadListHead);
    InitializeListHead(&Process->ProcessListEntry);
    KeInitializeSpinLock(&Process->ProcessLock, KLOCK_RANK::Object);
    Process->DirectoryTableBase[0] = DirectoryTableBase[0];
    Process->DirectoryTableBase[1] = DirectoryTableBase[1];
    Process->BasePriority = SCHAR(BasePriority);
    Process->Affinity = Affinity;
    Process->QuantumReset = THREAD_QUANTUM;
}

KPRIORITY NTAPI KeSetPriorityProcess(PKPROCESS Process, KPRIORITY BasePriority) {
    NT_ASSERT(BasePriority > LOW_PRIORITY && BasePriority <= HIGH_PRIORITY);
    nt::SpinLockGuard threads(Process->ProcessLock);
    const KPRIORITY oldBase = Process->BasePriority;
    Process->BasePriority = SCHAR(BasePriority);
    for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(Process->ThreadListHead))
        (void)KeSetBasePriorityThread(thread, thread->BasePriority - oldBase); // keeps its distance to the process
    return oldBase;
}

namespace {

/// The current thread goes on in another address space.
void MoveTo(KTHREAD* thread, KPROCESS* process) REQUIRES_(AtDispatchLevel) {
    KPROCESS* const oldProcess = thread->ApcState.Process;
    if (oldProcess == process) return;
    const LONG processor = LONG(KeGetCurrentPrcb()->SetMember);
    InterlockedAnd(&oldProcess->ActiveProcessors, ~processor);
    InterlockedOr(&process->ActiveProcessors, processor);
    thread->ApcState.Process = process;
    KiLoadDirectoryTable(process);
}

} // namespace

void NTAPI KeStackAttachProcess(PKPROCESS Process, PKAPC_STATE ApcState) {
    nt::DispatchLevelGuard guard; // the switch of address spaces is not to be interrupted by a context switch
    KTHREAD* const thread = KeGetCurrentThread();
    *ApcState = thread->ApcState;
    MoveTo(thread, Process);
}

void NTAPI KeUnstackDetachProcess(PKAPC_STATE ApcState) {
    nt::DispatchLevelGuard guard;
    MoveTo(KeGetCurrentThread(), ApcState->Process);
}
