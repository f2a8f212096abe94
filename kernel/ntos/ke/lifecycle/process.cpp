// KPROCESS: an address space and the defaults of its threads.
//
// Locks: ProcessLock for the thread list, KiDispatcherLock for priorities and KiProcessListHead; ActiveProcessors and
// ProcessFlags by interlocked operations. IRQL: <= DISPATCH_LEVEL.
// In the books: "process internals: kernel process block". KPR-01, KPR-03, KPR-06..15
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

KAFFINITY NTAPI KeSetAffinityProcess(PKPROCESS Process, KAFFINITY Affinity) {
    NT_ASSERT((Affinity & KeActiveProcessors) != 0);
    nt::SpinLockGuard threads(Process->ProcessLock);
    const KAFFINITY old = Process->Affinity;
    Process->Affinity = Affinity;
    for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(Process->ThreadListHead))
        (void)KeSetAffinityThread(thread, Affinity);
    return old;
}

LONG NTAPI KeSetProcess(PKPROCESS Process, KPRIORITY Increment) {
    KiDispatcherGuard guard;
    const LONG old = Process->Header.SignalState;
    Process->Header.SignalState = 1;
    if (old == 0) KiWaitTest(&Process->Header, Increment);
    return old;
}

namespace {

/// Sets or clears a flag in one step: others change other flags at the same time. @returns whether it was set
BOOLEAN ChangeFlag(KPROCESS* process, LONG flag, BOOLEAN set) {
    const LONG old = set ? InterlockedOr(&process->ProcessFlags, flag) : InterlockedAnd(&process->ProcessFlags, ~flag);
    return (old & flag) != 0;
}

} // namespace

BOOLEAN NTAPI KeSetAutoAlignmentProcess(PKPROCESS Process, BOOLEAN Enable) {
    return ChangeFlag(Process, KPROCESS_AUTO_ALIGNMENT, Enable);
}

BOOLEAN NTAPI KeSetDisableBoostProcess(PKPROCESS Process, BOOLEAN Disable) {
    return ChangeFlag(Process, KPROCESS_DISABLE_BOOST, Disable);
}

BOOLEAN NTAPI KeSetDisableQuantumProcess(PKPROCESS Process, BOOLEAN Disable) {
    return ChangeFlag(Process, KPROCESS_DISABLE_QUANTUM, Disable);
}
