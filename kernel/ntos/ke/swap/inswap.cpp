// Into memory: threads that are ready and have no stack, after their process if that is out, too.
//
// The order is kept: of two threads that become ready one after the other, the swapper brings the first one in first. Each goes on
// as soon as its own stack is there.
// Locks: KiDispatcherLock; none while pages come. IRQL: PASSIVE_LEVEL; threads become ready at SYNCH_LEVEL.
// In the books: "thread states: transition", "swapper". SCH-09, SYS-15, KPR-08, KPR-09, KPR-16, KPR-21
#include "ke/ki.h"

namespace {

/// A thread in Transition, whose process is in memory, waits for its stack only.
void AwaitStack(KTHREAD* thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    thread->Process->StackCount++;
    PushEntryList(&KiStackInSwapListHead, &thread->SwapListEntry);
    KiWakeSwapper();
}

/// Takes a whole list. It is a stack; turned round, it has what came first in front.
SINGLE_LIST_ENTRY TakeInOrder(SINGLE_LIST_ENTRY* head) REQUIRES_(KiDispatcherLock) {
    SINGLE_LIST_ENTRY inOrder = {nullptr};
    while (SINGLE_LIST_ENTRY* const entry = PopEntryList(head))
        PushEntryList(&inOrder, entry);
    return inOrder;
}

void Resume(KTHREAD* thread) {
    KiDispatcherGuard guard;
    thread->KernelStackResident = TRUE;
    EtwTraceEvent(ETW_EVENT::StackSwap, reinterpret_cast<ULONG_PTR>(thread), TRUE, thread->Process->StackCount,
                  KeTickCount.LowPart - thread->WaitTime);
    KiReadyThread(thread);
}

} // namespace

void KiEnterWaitList(KTHREAD* Thread) {
    Thread->UserWait = TRUE;
    InsertTailList(&KeGetCurrentPrcb()->WaitListHead, &Thread->WaitListEntry);
}

bool KiEndUserWait(KTHREAD* Thread) {
    nt::AssumeHeld(KiDispatcherLock); // as whenever a wait ends that is no wait for a gate
    NT_ASSERT(Thread->State == KTHREAD_STATE::Waiting);
    Thread->UserWait = FALSE;
    if (Thread->KernelStackResident) {
        RemoveEntryList(&Thread->WaitListEntry);
        return true;
    }
    if (Thread->Process->State == KPROCESS_STATE::ProcessInMemory) {
        KiSetThreadState(Thread, KTHREAD_STATE::Transition);
        AwaitStack(Thread);
    } else {
        KiAwaitProcess(Thread);
    }
    return false;
}

void KiAwaitProcess(KTHREAD* Thread) {
    KPROCESS* const process = Thread->Process;
    KiSetThreadState(Thread, KTHREAD_STATE::Transition);
    Thread->ProcessReadyQueue = TRUE;
    InsertTailList(&process->ReadyListHead, &Thread->WaitListEntry);
    if (process->State != KPROCESS_STATE::ProcessOutOfMemory) return; // the swapper will look at the list
    KiSetProcessState(process, KPROCESS_STATE::ProcessInTransition);
    PushEntryList(&KiProcessInSwapListHead, &process->SwapListEntry);
    KiWakeSwapper();
}

void KiAdmitProcess(KPROCESS* Process) {
    KiSetProcessState(Process, KPROCESS_STATE::ProcessInMemory);
    while (!IsListEmpty(&Process->ReadyListHead)) {
        KTHREAD* const thread = CONTAINING_RECORD(RemoveHeadList(&Process->ReadyListHead), KTHREAD, WaitListEntry);
        thread->ProcessReadyQueue = FALSE;
        if (!thread->KernelStackResident) {
            AwaitStack(thread);
            continue;
        }
        Process->StackCount++; // a new thread
        KiReadyThread(thread);
    }
}

void KiInSwapProcesses() {
    KiDispatcherGuard guard;
    SINGLE_LIST_ENTRY processes = TakeInOrder(&KiProcessInSwapListHead);
    while (SINGLE_LIST_ENTRY* const entry = PopEntryList(&processes))
        KiAdmitProcess(CONTAINING_RECORD(entry, KPROCESS, SwapListEntry)); // its page directory has never left
}

void KiInSwapKernelStacks(const KSWAP_CALLS& Calls) {
    SINGLE_LIST_ENTRY threads;
    {
        KiDispatcherGuard guard;
        threads = TakeInOrder(&KiStackInSwapListHead);
    }
    while (SINGLE_LIST_ENTRY* const entry = PopEntryList(&threads)) {
        KTHREAD* const thread = CONTAINING_RECORD(entry, KTHREAD, SwapListEntry);
        Calls.InPageKernelStack(thread);
        KiCheckStackCount(thread->Process);
        Resume(thread);
    }
}
