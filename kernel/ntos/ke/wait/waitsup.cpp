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

/// Takes a signaled object for `Thread`, whose wait it satisfies. A signal of a synchronization event or timer is for
/// one thread; a semaphore's unit is, too; a mutant gets an owner (KiSatisfyMutant: given). The signal of every other
/// object is for all threads.
/// @returns STATUS_SUCCESS; of a mutant what KiSatisfyMutant returns
/// Callers rely on: the object's wait list and the thread are as before.
NTSTATUS KiSatisfyWait(PDISPATCHER_HEADER Object, PKTHREAD Thread) {
    // LAB(3.3) begin
    switch (Object->Type) {
    case KOBJECTS::EventSynchronizationObject:
    case KOBJECTS::TimerSynchronizationObject: Object->SignalState = 0; return STATUS_SUCCESS;
    case KOBJECTS::SemaphoreObject: Object->SignalState--; return STATUS_SUCCESS;
    case KOBJECTS::MutantObject: return KiSatisfyMutant(CONTAINING_RECORD(Object, KMUTANT, Header), Thread);
    default: return STATUS_SUCCESS; // notification objects, processes, threads: the signal stays
    }
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

/// The object may have become signaled. Releases the threads whose wait can be satisfied now (KiUnwaitThread, with
/// `Increment`): those that began to wait earlier come first.
///
/// - A released thread has taken the object, or all objects of its WaitAll (KiTestWaitAll: given). So a signal that one
///   thread has taken releases no other thread.
/// - The result of a WaitAny is made of the block's WaitKey and of what satisfying the wait has returned
///   (KiWaitAnyStatus); that of a WaitAll is what KiTestWaitAll has said.
/// - On return the object is not signaled, or every thread that still waits for it waits for other objects, too.
/// - A thread may have several blocks on this list. A release takes all of them away.
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

/// Ends the wait of `Thread`, which returns `Status`, and makes the thread ready (KiReadyThread). Nothing of the wait
/// is left then: the blocks may lie on the thread's stack, and a ready thread may run on another processor.
///
/// - No list leads to a wait block of the thread, and the thread's timer does not run (Header.Inserted; KiRemoveTimer).
/// - The scheduler finds its boost in AdjustReason (AdjustUnwait) and AdjustIncrement, the thread its result in
///   WaitStatus.
/// - A thread that belongs to a KQUEUE (Queue is set) is active in it again (KiResumeInQueue: given).
/// - The event Unwait is traced, with the thread, the status and the increment.
/// Callers rely on: a thread that was released can begin its next wait at once.
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

/// Makes `Block` say that `Thread` waits for `Object`, with this key and type. It is on the object's list, whose order
/// is the order in which threads began to wait. The ring (NextWaitBlock) belongs to the caller.
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

/// The current thread waits from now on and gives up the processor (KiSwapThread), with the database free. `First` to
/// `Last` are the blocks of its objects: on their lists, and linked from `First` to `Last` by NextWaitBlock. Both are
/// nullptr if it waits for time alone.
///
/// - The blocks of the wait form a ring: from WaitBlockList through every block, and from the last one back to the
///   first. The routines that end the wait find it by this ring.
/// - A time-out (Deadline.Given) is one more block, the last of the ring: WaitBlock[TIMER_WAIT_BLOCK]. The thread waits
///   with it for its own timer, as a WaitAny with the key STATUS_TIMEOUT. The timer is not signaled, its
///   Header.Absolute is Deadline.Absolute, and it runs until Deadline.DueTime (KiInsertTimer).
/// - A thread that waits is not active in its KQUEUE (Queue, if it is set): KiActivateWaiterQueue has been called for
///   it.
/// - From the moment at which the database is free, another processor may end this wait and choose the thread to run,
///   although the thread's stack is still in use here. So everything that processor looks at is true by then: the ring,
///   the timer, the state Waiting (KiSetThreadState), WaitTime (the low part of KeTickCount), and SwapBusy, which makes
///   it wait for the switch.
/// @returns the status of the wait, as KiSwapThread returns it when the thread runs again
NTSTATUS KiCommitWait(PKTHREAD Thread, PKWAIT_BLOCK First, PKWAIT_BLOCK Last, const KI_DEADLINE& Deadline) {
    // LAB(3.3) begin
    KWAIT_BLOCK* const timerBlock = &Thread->WaitBlock[TIMER_WAIT_BLOCK];
    Thread->WaitBlockList = First ? First : timerBlock;
    if (Last) Last->NextWaitBlock = Deadline.Given ? timerBlock : First;
    if (Deadline.Given) {
        Thread->Timer.Header.SignalState = 0;
        Thread->Timer.Header.Absolute = Deadline.Absolute;
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
