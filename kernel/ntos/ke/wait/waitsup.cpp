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
/// - A thread has several blocks on this object's wait list if its wait names the object several times. One release
///   takes all of them off the list.
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

/// Ends the wait of `Thread`, whose call returns `Status`. The thread waits, and WaitBlockList leads to the ring of its
/// blocks.
///
/// - On return the thread is ready (KiReadyThread), and its wait has left nothing behind: no object's wait list has one
///   of its blocks, and its timer does not run. WaitBlockList and the ring may stay as they are: they count only while
///   a thread waits.
/// - A ready thread may run on another processor at once, and its blocks may lie on its stack. So everything that the
///   thread or the scheduler will look at is true before: the result is in WaitStatus, the boost in AdjustReason
///   (AdjustUnwait) and AdjustIncrement, and a thread that belongs to a KQUEUE (Queue is set) is active in it again
///   (KiResumeInQueue: given).
/// - Each end of a wait is one event Unwait, with the thread, the status and the increment.
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

/// Lets the current thread wait until KiUnwaitThread ends its wait, and gives up the processor (KiSwapThread). The
/// database is held when it is called, and free when another thread runs.
///
/// What the caller has made: `First` to `Last`, the blocks of the thread's objects, each on its object's list and
/// linked to the next one by NextWaitBlock. Both are nullptr if the thread waits for time alone.
///
/// What is true of a thread that waits:
/// - From WaitBlockList NextWaitBlock leads once through every block of the wait and back to the first.
/// - A time-out (Deadline.Given) is a wait for one more object, the thread's own timer. Its block, the last of the
///   ring, is WaitBlock[TIMER_WAIT_BLOCK]: a WaitAny with the key STATUS_TIMEOUT, so that time alone ends a wait of
///   either type.
/// - That timer runs until Deadline.DueTime, Header.Absolute is Deadline.Absolute, and no earlier time-out has left it
///   signaled.
/// - The thread is not active in its KQUEUE (Queue, if it is set; KiActivateWaiterQueue).
/// - Its state is Waiting (KiSetThreadState), and WaitTime is the low part of KeTickCount when the wait began. SwapBusy
///   keeps other processors off its stack until the switch is over.
/// Callers rely on: all of this is true, in whatever order it was made, before the database is free. From then on
/// another processor may end the wait and choose the thread, although its stack is still in use here.
/// @returns the status with which the wait was ended, as KiSwapThread returns it when the thread runs again
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
