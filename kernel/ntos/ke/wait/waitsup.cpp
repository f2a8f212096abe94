// The support of waiting: satisfying, ending and beginning waits.
//
// Locks: KiDispatcherLock. IRQL: SYNCH_LEVEL.
// In the books: "waiting for dispatcher objects", "what signals an object". DSP-12..14
#include "ke/ki.h"
#include "rtl/exception.h"

namespace {

bool IsOwnedBy(const DISPATCHER_HEADER* object, const KTHREAD* thread) REQUIRES_(KiDispatcherLock) {
    return object->Type == KOBJECTS::MutantObject && CONTAINING_RECORD(object, KMUTANT, Header)->OwnerThread == thread;
}

} // namespace

bool KiIsSignaled(const DISPATCHER_HEADER* Object, const KTHREAD* Thread) {
    return Object->SignalState > 0 || IsOwnedBy(Object, Thread);
}

/// Takes a signaled object for `Thread`: what a satisfied wait does to it.
///
/// - A synchronization event or timer is not signaled any more: one signal, one thread.
/// - A semaphore has one unit less.
/// - A mutant gets an owner (KiTakeMutant, given to you, says with what result).
/// - Everything else (notification event and timer, process, thread) stays signaled.
/// @returns STATUS_SUCCESS; of a mutant what KiTakeMutant returns
/// Callers rely on: the wait list and the thread are not touched.
NTSTATUS KiSatisfyWait(PDISPATCHER_HEADER Object, PKTHREAD Thread) {
    // LAB(3.3) begin
    switch (Object->Type) {
    case KOBJECTS::EventSynchronizationObject:
    case KOBJECTS::TimerSynchronizationObject: Object->SignalState = 0; return STATUS_SUCCESS;
    case KOBJECTS::SemaphoreObject: Object->SignalState--; return STATUS_SUCCESS;
    case KOBJECTS::MutantObject: return KiTakeMutant(CONTAINING_RECORD(Object, KMUTANT, Header), Thread);
    default: return STATUS_SUCCESS; // notification objects, processes, threads: the signal stays
    }
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

/// The object has become signaled: releases the waiting threads whose wait that satisfies, in the order in which they
/// began to wait, until the object is not signaled any more or nobody is left.
///
/// - A WaitAny is satisfied by this object alone: take it for the thread; the result of the wait is the block's WaitKey,
///   with the status of an abandoned mutant added (KiWaitAnyStatus).
/// - A WaitAll is satisfied when all its objects are (KiTestWaitAll takes them all, or none, and says which). If it is
///   not, the thread stays where it is and the next one on the list is looked at.
/// - A thread whose wait is satisfied is released with KiUnwaitThread(thread, result, Increment).
/// Callers rely on: nobody is released by a signal that another thread has taken before him; a thread may have several
/// blocks on one list, so no list entry is used after its thread was released.
void NTAPI KiWaitTest(PDISPATCHER_HEADER Object, KPRIORITY Increment) {
    // LAB(3.3) begin
    LIST_ENTRY* const head = &Object->WaitListHead;
    LIST_ENTRY* entry = head->Flink;
    while (Object->SignalState > 0 && entry != head) {
        KWAIT_BLOCK* const block = CONTAINING_RECORD(entry, KWAIT_BLOCK, WaitListEntry);
        KTHREAD* const thread = block->Thread;
        NTSTATUS status;
        if (block->WaitType == WaitAny) {
            status = KiWaitAnyStatus(block->WaitKey, KiSatisfyWait(Object, thread));
        } else if (!KiTestWaitAll(thread, &status)) {
            entry = entry->Flink; // takes nothing until it can take all
            continue;
        }
        KiUnwaitThread(thread, status, Increment);
        entry = head->Flink; // the thread may have had several blocks on this list
    }
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

/// Ends the wait of `Thread`: the opposite of KiCommitWait.
///
/// - Every block of its ring leaves the list it is on, the time-out's block too.
/// - The thread's timer, if it runs (Header.Inserted), is taken out of the timer table (KiRemoveTimer).
/// - WaitStatus is what the wait returns; AdjustReason and AdjustIncrement ask for the boost when it becomes ready.
/// - The event Unwait is traced. A thread that belongs to a KQUEUE (Queue is set) is active in it again
///   (KiResumeInQueue, given to you). Then the thread becomes ready (KiReadyThread).
/// Callers rely on: afterwards no list leads to the thread's wait blocks: they may lie on its stack.
void NTAPI KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment) {
    // LAB(3.3) begin
    KWAIT_BLOCK* block = Thread->WaitBlockList;
    do {
        RemoveEntryList(&block->WaitListEntry);
        block = block->NextWaitBlock;
    } while (block != Thread->WaitBlockList);
    if (Thread->Timer.Header.Inserted) KiRemoveTimer(&Thread->Timer);

    Thread->WaitStatus = Status;
    Thread->AdjustReason = ADJUST_REASON::AdjustUnwait;
    Thread->AdjustIncrement = SCHAR(Increment);
    EtwTraceEvent(ETW_EVENT::Unwait, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(Status), ULONG_PTR(Increment), 0);
    if (Thread->Queue) KiResumeInQueue(Thread->Queue);
    KiReadyThread(Thread);
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

NTSTATUS KiWaitAnyStatus(USHORT WaitKey, NTSTATUS Satisfied) {
    if (Satisfied != STATUS_SUCCESS && Satisfied != STATUS_ABANDONED) return Satisfied;
    return static_cast<NTSTATUS>(LONG(WaitKey) | static_cast<LONG>(Satisfied));
}

void KiUpdateDeadline(KI_DEADLINE* Deadline, const LARGE_INTEGER* Timeout) {
    const bool keepsDueTime = Deadline->Given && !Deadline->Absolute; // a relative time counts from the first call
    if (keepsDueTime) {
        Deadline->Passed = Deadline->DueTime <= KeQueryInterruptTime();
    } else {
        *Deadline = KiComputeDeadline(Timeout);
    }
}

// The lock may have been taken by the KeSetEvent(..., Wait = TRUE) before: which of the two it was, the analysis cannot
// know. Either way it is held when this returns.
PKTHREAD KiBeginWait(KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable) NO_THREAD_SAFETY_ANALYSIS {
    KTHREAD* const thread = KeGetCurrentThread();
    if (thread->WaitNext) {
        thread->WaitNext = FALSE;
    } else {
        thread->WaitIrql = KiLockDispatcherDatabase(); // at DISPATCH_LEVEL the wait may only test (KiSwapThread)
    }
    while (thread->ApcState.KernelApcPending && thread->WaitIrql == PASSIVE_LEVEL && thread->SpecialApcDisable == 0) {
        KiUnlockDispatcherDatabaseFromSynchLevel();
        KiRequestApcDelivery(thread); // before the wait: nobody wakes a waiting thread for what was queued earlier
        KiExitDispatcher(PASSIVE_LEVEL);
        (void)KiLockDispatcherDatabase();
    }
    thread->WaitReason = WaitReason;
    thread->WaitMode = WaitMode;
    thread->Alertable = Alertable;
    return thread;
}

NTSTATUS KiEndWait(PKTHREAD Thread, NTSTATUS Status) {
    KiUnlockDispatcherDatabaseFromSynchLevel();
    KiExitDispatcher(Thread->WaitIrql);
    if (Status == STATUS_MUTANT_LIMIT_EXCEEDED) RtlRaiseStatus(Status);
    return Status;
}

/// Makes `Block` the wait block of `Thread` for `Object` and puts it at the tail of the object's list: who waits longest
/// is first. The ring (NextWaitBlock) is not touched here.
void KiInsertWaitBlock(PKWAIT_BLOCK Block, PKTHREAD Thread, PDISPATCHER_HEADER Object, ULONG WaitKey, WAIT_TYPE Type) {
    // LAB(3.3) begin
    Block->Thread = Thread;
    Block->Object = Object;
    Block->WaitKey = USHORT(WaitKey);
    Block->WaitType = Type;
    InsertTailList(&Object->WaitListHead, &Block->WaitListEntry);
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

/// Makes the wait complete and gives up the processor. `First` to `Last` are the blocks of the objects, on their lists
/// already and linked to each other; both are nullptr when the thread waits for time alone.
///
/// - WaitBlockList is the ring's first block, and the last one's NextWaitBlock leads back to it.
/// - With a time-out (Deadline.Given) the last block of the ring is WaitBlock[TIMER_WAIT_BLOCK]: a WaitAny block with the
///   key STATUS_TIMEOUT on the list of the thread's own timer, which is not signaled, has Deadline.Absolute, and is
///   started for Deadline.DueTime (KiInsertTimer). Without objects it is the whole ring.
/// - A thread that belongs to a KQUEUE (Queue is set) lets another one of that queue in (KiActivateWaiterQueue).
/// - WaitTime is the low part of KeTickCount, SwapBusy is TRUE (as soon as the database is free another processor may
///   end this wait), and the state is Waiting (KiSetThreadState) before the database is freed.
/// @returns the status of the wait, as KiSwapThread gives it when the thread runs again
NTSTATUS KiCommitWait(PKTHREAD Thread, PKWAIT_BLOCK First, PKWAIT_BLOCK Last, const KI_DEADLINE& Deadline) {
    // LAB(3.3) begin
    KWAIT_BLOCK* const timerBlock = &Thread->WaitBlock[TIMER_WAIT_BLOCK];
    Thread->WaitBlockList = First ? First : timerBlock;
    if (Last) Last->NextWaitBlock = Deadline.Given ? timerBlock : First;
    if (Deadline.Given) {
        Thread->Timer.Header.SignalState = 0;
        Thread->Timer.Absolute = Deadline.Absolute;
        KiInsertWaitBlock(timerBlock, Thread, &Thread->Timer.Header, ULONG(STATUS_TIMEOUT), WaitAny);
        timerBlock->NextWaitBlock = Thread->WaitBlockList;
        KiInsertTimer(&Thread->Timer, Deadline.DueTime);
    }
    if (Thread->Queue) KiActivateWaiterQueue(Thread->Queue);
    Thread->WaitTime = KeTickCount.LowPart;
    Thread->SwapBusy = TRUE; // as soon as the database is free, another processor may end this wait
    KiSetThreadState(Thread, KTHREAD_STATE::Waiting);
    KiUnlockDispatcherDatabaseFromSynchLevel();
    return KiSwapThread();
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

// With Wait the lock stays held until the KeWaitXxx that follows takes it over (KiBeginWait).
void KiFinishSignal(KIRQL OldIrql, BOOLEAN Wait) NO_THREAD_SAFETY_ANALYSIS {
    if (Wait) {
        KTHREAD* const thread = KeGetCurrentThread();
        NT_ASSERT(OldIrql <= APC_LEVEL);
        thread->WaitNext = TRUE;
        thread->WaitIrql = OldIrql;
        return;
    }
    KiUnlockDispatcherDatabaseFromSynchLevel();
    KiExitDispatcher(OldIrql);
}
