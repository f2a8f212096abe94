// The life of a thread: made, started, ended.
//
// A thread object is made around a kernel stack that the caller provides. The thread that frees both waits for the thread
// object and then for SwapBusy to clear, because an ending thread stands on its stack until the last switch.
// Locks: ProcessLock for the process's thread list, KiDispatcherLock for states. IRQL: as each routine says.
// In the books: "thread internals", "thread states". KPR-11, KPR-22, KPR-23, DSP-07, DSP-08, SCH-03, SCH-04
#include "ke/ki.h"
#include "rtl/string.h"

/// Processes that have threads (KPROCESS::ProcessListEntry).
static LIST_ENTRY KiProcessListHead GUARDED_BY(KiDispatcherLock);

namespace {

void InitializeWaiting(KTHREAD* thread) {
    InitializeListHead(&thread->WaitListEntry);
    thread->NpxArea = nullptr;
    thread->SystemAffinityActive = FALSE;
    InitializeListHead(&thread->MutantListHead);
    InitializeListHead(&thread->QueueListEntry);
    InitializeListHead(&thread->HeldLocks);
    KeInitializeTimer(&thread->Timer);
    for (KWAIT_BLOCK& block : thread->WaitBlock)
        block.Thread = thread;
}

void InitializeScheduling(KTHREAD* thread, KPROCESS* process) {
    thread->State = KTHREAD_STATE::Initialized;
    thread->Priority = thread->BasePriority = process->BasePriority;
    thread->Quantum = thread->QuantumReset = process->QuantumReset;
    thread->Affinity = thread->UserAffinity = process->Affinity;
    thread->WaitTime = KeTickCount.LowPart;
    KeInitializeSpinLock(&thread->ReadyLock, KLOCK_RANK::Ready);
}

/// The processors that the process allows, in turn: its threads are spread.
UCHAR NextIdealProcessor(KPROCESS* process) {
    nt::SpinLockGuard guard(process->ProcessLock);
    const KAFFINITY allowed = process->Affinity & KeActiveProcessors;
    if (allowed == 0) return 0;
    ULONG number = process->ThreadSeed;
    while ((allowed & (1u << number)) == 0)
        number = (number + 1) % MAXIMUM_PROCESSORS;
    process->ThreadSeed = UCHAR((number + 1) % MAXIMUM_PROCESSORS);
    return UCHAR(number);
}

/// Takes the thread out of its process's list. @returns whether it was the last
bool LeaveProcess(KTHREAD* thread, KPROCESS* process) REQUIRES_(process->ProcessLock) {
    process->KernelTime += thread->KernelTime;
    process->UserTime += thread->UserTime;
    return RemoveEntryList(&thread->ThreadListEntry);
}

/// A thread that ends in a critical region may hold what the others wait for, and its APCs would never run.
void CheckApcs(const KTHREAD* thread) {
    const LIST_ENTRY* const head = &thread->ApcState.ApcListHead[ULONG(KernelMode)];
    if (thread->CombinedApcDisable == 0 && IsListEmpty(head)) return;
    const ULONG_PTR apc =
        IsListEmpty(head) ? 0 : reinterpret_cast<ULONG_PTR>(CONTAINING_RECORD(head->Flink, KAPC, ApcListEntry));
    KeBugCheckEx(KERNEL_APC_PENDING_DURING_EXIT, apc, thread->CombinedApcDisable, ULONG(KeGetCurrentIrql()), 0);
}

/// A mutant is abandoned; a mutex (ApcDisable) is the kernel's, whose data would stay half changed.
void CheckMutexes(KTHREAD* thread) {
    KiDispatcherGuard guard;
    for (const KMUTANT* mutant : nt::List<&KMUTANT::MutantListEntry>(thread->MutantListHead)) {
        if (mutant->ApcDisable)
            KeBugCheckEx(THREAD_TERMINATE_HELD_MUTEX, reinterpret_cast<ULONG_PTR>(thread),
                         reinterpret_cast<ULONG_PTR>(mutant), 0, 0);
    }
}

} // namespace

void KiInitializeProcessList() {
    nt::AssumeHeld(KiDispatcherLock); // before the first thread: the list is not shared yet
    InitializeListHead(&KiProcessListHead);
}

void KiInitializeThreadObject(PKTHREAD Thread, PVOID KernelStack, PVOID StackLimit, PKPROCESS Process) {
    RtlZeroMemory(Thread, sizeof(*Thread));
    Thread->Header.Type = KOBJECTS::ThreadObject;
    Thread->Header.Size = sizeof(KTHREAD) / sizeof(ULONG);
    InitializeListHead(&Thread->Header.WaitListHead);
    InitializeListHead(&Thread->ThreadListEntry);
    KeInitializeSpinLock(&Thread->ThreadLock, KLOCK_RANK::Thread);
    InitializeWaiting(Thread);
    KiInitializeThreadApcs(Thread, Process);
    KiInitializeThreadSuspension(Thread);
    InitializeScheduling(Thread, Process);
    Thread->Process = Process;
    Thread->InitialStack = Thread->StackBase = KernelStack;
    Thread->StackLimit = StackLimit;
    Thread->KernelStackResident = TRUE;
    Thread->EnableStackSwap = TRUE;
}

void NTAPI KeInitializeThread(PKTHREAD Thread, PVOID KernelStack, PVOID StackLimit, PKSYSTEM_ROUTINE SystemRoutine,
                              PKSTART_ROUTINE StartRoutine, PVOID StartContext, PKPROCESS Process) {
    KiInitializeThreadObject(Thread, KernelStack, StackLimit, Process);
    Thread->IdealProcessor = Thread->NextProcessor = NextIdealProcessor(Process);
    // Last: the frame is made on the stack that the fields above describe.
    KiInitializeContextThread(Thread, SystemRoutine, StartRoutine, StartContext);
}

void NTAPI KeReadyThread(PKTHREAD Thread) {
    NT_ASSERT(Thread->State == KTHREAD_STATE::Initialized);
    KPROCESS* const process = Thread->Process;
    // Both locks: StackCount always agrees with the list of threads.
    const KIRQL oldIrql = KfAcquireSpinLock(&process->ProcessLock);
    KefAcquireSpinLockAtDpcLevel(&KiDispatcherLock);
    if (IsListEmpty(&process->ThreadListHead)) InsertTailList(&KiProcessListHead, &process->ProcessListEntry);
    InsertTailList(&process->ThreadListHead, &Thread->ThreadListEntry);
    if (process->State == KPROCESS_STATE::ProcessInMemory) {
        process->StackCount++;
        KiReadyThread(Thread);
    } else {
        KiAwaitProcess(Thread);
    }
    KefReleaseSpinLockFromDpcLevel(&process->ProcessLock);
    KiUnlockDispatcherDatabaseFromSynchLevel();
    KiExitDispatcher(oldIrql);
}

void NTAPI KeTerminateThread(KPRIORITY Increment) {
    KTHREAD* const thread = KeGetCurrentThread();
    KPROCESS* const process = thread->Process;
    NT_ASSERT(thread->ApcState.Process == process); // a thread does not end while it is attached to another process
    (void)KeDisableApcQueuingThread(thread);
    CheckMutexes(thread); // before its regions: owning a mutex is one
    CheckApcs(thread);
    KeCheckNoLocksHeld(thread);
    // The database is locked before the list is free again: the thread that leaves last also signals last.
    const KIRQL oldIrql = KfAcquireSpinLock(&process->ProcessLock);
    NT_ASSERT(oldIrql <= APC_LEVEL && !thread->WaitNext);
    const bool last = LeaveProcess(thread, process);
    KefAcquireSpinLockAtDpcLevel(&KiDispatcherLock);
    KiReleaseStack(process, last);
    KefReleaseSpinLockFromDpcLevel(&process->ProcessLock);
    thread->WaitIrql = oldIrql;
    KiAbandonMutants(thread);
    KiLeaveQueue(thread);
    EtwTraceEvent(ETW_EVENT::ThreadEnd, reinterpret_cast<ULONG_PTR>(thread), 0, 0, 0);
    thread->Header.SignalState = 1;
    KiWaitTest(&thread->Header, Increment);
    if (last) {
        RemoveEntryList(&process->ProcessListEntry);
        InitializeListHead(&process->ProcessListEntry);
        process->Header.SignalState = 1;
        KiWaitTest(&process->Header, Increment);
    }
    thread->SwapBusy = TRUE; // until the last switch the stack is in use
    KiSetThreadState(thread, KTHREAD_STATE::Terminated);
    KiUnlockDispatcherDatabaseFromSynchLevel();
    (void)KiSwapThread();
    KeBugCheckEx(MICA_THREAD_RETURNED, reinterpret_cast<ULONG_PTR>(thread), 0, 0, 0); // it never runs again
}
