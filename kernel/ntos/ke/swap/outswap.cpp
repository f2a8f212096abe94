// Out of memory: stacks of threads that wait long, then processes none of whose threads has a stack in memory.
//
// A thread is chosen under the dispatcher lock, in which its wait cannot end. From then on KernelStackResident says that it has no
// stack, so that its wait may end while the pages go: it comes to KiStackInSwapListHead, and this same thread, the swapper, brings
// them back later.
// Locks: KiDispatcherLock; none while pages go. IRQL: PASSIVE_LEVEL.
// In the books: "balance set manager and swapper", "kernel stacks". SYS-15, SCH-09, PFN-17, KPR-16, KPR-21
#include "ke/ki.h"

namespace {

constexpr ULONG MOST_STACKS = 5; ///< that are chosen in one hold of the lock

/// Threads that were chosen. A thread without a stack cannot end, so it is there until the swapper brings it in.
struct CHOSEN {
    ULONG Count;
    KTHREAD* Threads[MOST_STACKS];
};

bool IsOnStackOf(const KTHREAD* thread, const void* address) {
    return address >= thread->StackLimit && address < thread->InitialStack;
}

/// Whether something of the wait lies on the thread's own stack, where others look for it: an object, or a wait block.
bool WaitsOnOwnStack(const KTHREAD* thread) REQUIRES_(KiDispatcherLock) {
    const KWAIT_BLOCK* block = thread->WaitBlockList;
    do {
        if (IsOnStackOf(thread, block) || IsOnStackOf(thread, block->Object)) return true;
        block = block->NextWaitBlock;
    } while (block != thread->WaitBlockList);
    return false;
}

/// The thread has no stack from now on.
void TakeStack(KTHREAD* thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    RemoveEntryList(&thread->WaitListEntry);
    thread->KernelStackResident = FALSE;
    KiReleaseStack(thread->Process, false);
    EtwTraceEvent(ETW_EVENT::StackSwap, reinterpret_cast<ULONG_PTR>(thread), FALSE, thread->Process->StackCount,
                  KeTickCount.LowPart - thread->WaitTime);
}

void ChooseOn(KPRCB* prcb, ULONG minimumWait, CHOSEN& chosen) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    LIST_ENTRY* entry = prcb->WaitListHead.Flink;
    while (entry != &prcb->WaitListHead && chosen.Count < MOST_STACKS) {
        KTHREAD* const thread = CONTAINING_RECORD(entry, KTHREAD, WaitListEntry);
        entry = entry->Flink;
        if (KeTickCount.LowPart - thread->WaitTime < minimumWait) return; // those behind it wait shorter
        if (!KiMayLoseStack(thread)) continue;
        TakeStack(thread);
        chosen.Threads[chosen.Count++] = thread;
    }
}

void Choose(ULONG minimumWait, CHOSEN& chosen) {
    chosen.Count = 0;
    KiDispatcherGuard guard;
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++)
        ChooseOn(KiProcessorBlock[number], minimumWait, chosen);
}

/// @returns a process that shall go and whose threads still wait; nullptr: there is none.
KPROCESS* BeginOutSwap() {
    KiDispatcherGuard guard;
    while (SINGLE_LIST_ENTRY* const entry = PopEntryList(&KiProcessOutSwapListHead)) {
        KPROCESS* const process = CONTAINING_RECORD(entry, KPROCESS, SwapListEntry);
        NT_ASSERT(process->State == KPROCESS_STATE::ProcessOutTransition && process->StackCount == 0);
        if (IsListEmpty(&process->ReadyListHead)) {
            KiSetProcessState(process, KPROCESS_STATE::ProcessOutSwap);
            return process;
        }
        KiAdmitProcess(process); // it has never left
    }
    return nullptr;
}

/// The process is out; or it must come back, because a thread has become ready meanwhile.
void EndOutSwap(KPROCESS* process) {
    KiDispatcherGuard guard;
    if (IsListEmpty(&process->ReadyListHead)) {
        KiSetProcessState(process, KPROCESS_STATE::ProcessOutOfMemory);
    } else {
        KiAdmitProcess(process);
    }
}

} // namespace

bool KiMayLoseStack(const KTHREAD* Thread) {
    if (!Thread->EnableStackSwap || Thread->Priority >= LOW_REALTIME_PRIORITY) return false;
    if (Thread->SwapBusy) return false; // its processor has not left the stack yet
    // An attached thread has APC states on its stack, to which others queue APCs; and it is no witness for its own process.
    if (Thread->ApcStateIndex != OriginalApcEnvironment) return false;
    return !WaitsOnOwnStack(Thread);
}

void KiReleaseStack(KPROCESS* Process, bool last) {
    NT_ASSERT(Process->State == KPROCESS_STATE::ProcessInMemory && Process->StackCount != 0);
    if (--Process->StackCount != 0 || last) return;
    KiSetProcessState(Process, KPROCESS_STATE::ProcessOutTransition);
    PushEntryList(&KiProcessOutSwapListHead, &Process->SwapListEntry);
    KiWakeSwapper();
}

void KiOutSwapKernelStacks(const KSWAP_CALLS& Calls, ULONG MinimumWait) {
    CHOSEN chosen;
    do {
        Choose(MinimumWait, chosen);
        for (ULONG i = 0; i < chosen.Count; i++) {
            Calls.OutPageKernelStack(chosen.Threads[i]);
            KiCheckStackCount(chosen.Threads[i]->Process);
        }
    } while (chosen.Count == MOST_STACKS);
}

void KiOutSwapProcesses(const KSWAP_CALLS& Calls) {
    while (KPROCESS* const process = BeginOutSwap()) {
        Calls.OutSwapProcess(process);
        EndOutSwap(process);
    }
}

#if defined(MICA_CHECKED) || defined(MICA_HOST)
void KiCheckStackCount(KPROCESS* Process) {
    nt::SpinLockGuard threads(Process->ProcessLock);
    nt::SpinLockAtDpcGuard states(KiDispatcherLock);
    ULONG stacks = 0;
    for (const KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(Process->ThreadListHead)) {
        const bool absent = !thread->KernelStackResident;
        NT_ASSERT(!absent || thread->State == KTHREAD_STATE::Waiting || thread->State == KTHREAD_STATE::Transition);
        const bool comes = absent && thread->State == KTHREAD_STATE::Transition;
        stacks += (!absent || comes) && !thread->ProcessReadyQueue;
    }
    NT_ASSERT(stacks == Process->StackCount);
    NT_ASSERT(stacks == 0 || Process->State == KPROCESS_STATE::ProcessInMemory);
}
#else
void KiCheckStackCount(KPROCESS*) {}
#endif
