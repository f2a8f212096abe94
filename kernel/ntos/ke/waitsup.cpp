// The support of waiting: satisfying, ending and beginning waits.
//
// Locks: KiDispatcherLock. IRQL: SYNCH_LEVEL.
// In the books: "waiting for dispatcher objects", "what signals an object". DSP-12..14
#include "ke/ki.h"
#include "rtl/exception.h"

namespace {

constexpr LONG MutantRecursionLimit = -0x7FFF'FFFF - 1; ///< SignalState of a mutant owned as often as it can be

KMUTANT* MutantOf(DISPATCHER_HEADER* object) { return CONTAINING_RECORD(object, KMUTANT, Header); }
const KMUTANT* MutantOf(const DISPATCHER_HEADER* object) { return CONTAINING_RECORD(object, KMUTANT, Header); }

NTSTATUS TakeMutant(KMUTANT* mutant, KTHREAD* thread) REQUIRES_(KiDispatcherLock) {
    if (mutant->Header.SignalState == MutantRecursionLimit) return STATUS_MUTANT_LIMIT_EXCEEDED;
    if (--mutant->Header.SignalState != 0) return STATUS_SUCCESS; // owned already: once more
    mutant->OwnerThread = thread;
    InsertTailList(&thread->MutantListHead, &mutant->MutantListEntry);
    if (!mutant->Abandoned) return STATUS_SUCCESS;
    mutant->Abandoned = FALSE;
    return STATUS_ABANDONED;
}

bool IsTimeoutBlock(const KWAIT_BLOCK* block) { return block->WaitKey == USHORT(STATUS_TIMEOUT); }

/// Visits the blocks of the thread's current wait except its time-out's.
template <typename Visitor> void ForEachObjectBlock(KTHREAD* thread, Visitor visit) {
    KWAIT_BLOCK* block = thread->WaitBlockList;
    do {
        if (!IsTimeoutBlock(block)) visit(block);
        block = block->NextWaitBlock;
    } while (block != thread->WaitBlockList);
}

bool AreAllSignaled(KTHREAD* thread) REQUIRES_(KiDispatcherLock) {
    bool all = true;
    ForEachObjectBlock(thread, [&](KWAIT_BLOCK* block) NO_THREAD_SAFETY_ANALYSIS { // runs under the caller's lock
        all = all && KiIsSignaled(block->Object, thread);
    });
    return all;
}

NTSTATUS SatisfyAll(KTHREAD* thread) REQUIRES_(KiDispatcherLock) {
    NTSTATUS status = STATUS_SUCCESS;
    ForEachObjectBlock(thread, [&](KWAIT_BLOCK* block) NO_THREAD_SAFETY_ANALYSIS { // runs under the caller's lock
        if (KiSatisfyWait(block->Object, thread) == STATUS_ABANDONED) status = STATUS_ABANDONED_WAIT_0;
    });
    return status;
}

/// The result of a WaitAny that object number `key` satisfies with `satisfied`.
NTSTATUS WaitAnyStatus(USHORT key, NTSTATUS satisfied) {
    if (satisfied != STATUS_SUCCESS && satisfied != STATUS_ABANDONED) return satisfied;
    return static_cast<NTSTATUS>(LONG(key) | static_cast<LONG>(satisfied));
}

void UnlinkThread(KTHREAD* thread) REQUIRES_(KiDispatcherLock) {
    KWAIT_BLOCK* block = thread->WaitBlockList;
    do {
        RemoveEntryList(&block->WaitListEntry);
        block = block->NextWaitBlock;
    } while (block != thread->WaitBlockList);
    if (thread->Timer.Header.Inserted) KiRemoveTimer(&thread->Timer);
}

} // namespace

bool KiIsSignaled(const DISPATCHER_HEADER* Object, const KTHREAD* Thread) {
    if (Object->SignalState > 0) return true;
    return Object->Type == KOBJECTS::MutantObject && MutantOf(Object)->OwnerThread == Thread;
}

NTSTATUS KiSatisfyWait(PDISPATCHER_HEADER Object, PKTHREAD Thread) {
    switch (Object->Type) {
    case KOBJECTS::EventSynchronizationObject:
    case KOBJECTS::TimerSynchronizationObject: Object->SignalState = 0; return STATUS_SUCCESS;
    case KOBJECTS::SemaphoreObject: Object->SignalState--; return STATUS_SUCCESS;
    case KOBJECTS::MutantObject: return TakeMutant(MutantOf(Object), Thread);
    default: return STATUS_SUCCESS; // notification objects, processes, threads: the signal stays
    }
}

void NTAPI KiWaitTest(PDISPATCHER_HEADER Object, KPRIORITY Increment) {
    LIST_ENTRY* const head = &Object->WaitListHead;
    LIST_ENTRY* entry = head->Flink;
    while (Object->SignalState > 0 && entry != head) {
        KWAIT_BLOCK* const block = CONTAINING_RECORD(entry, KWAIT_BLOCK, WaitListEntry);
        KTHREAD* const thread = block->Thread;
        NTSTATUS status;
        if (block->WaitType == WaitAny) {
            status = WaitAnyStatus(block->WaitKey, KiSatisfyWait(Object, thread));
        } else if (AreAllSignaled(thread)) {
            status = SatisfyAll(thread);
        } else {
            entry = entry->Flink; // takes nothing until it can take all
            continue;
        }
        KiUnwaitThread(thread, status, Increment);
        entry = head->Flink; // the thread may have had several blocks on this list
    }
}

void NTAPI KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment) {
    UnlinkThread(Thread);
    Thread->WaitStatus = Status;
    Thread->AdjustReason = ADJUST_REASON::AdjustUnwait;
    Thread->AdjustIncrement = SCHAR(Increment);
    EtwTraceEvent(ETW_EVENT::Unwait, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(Status), ULONG_PTR(Increment), 0);
    KiReadyThread(Thread);
}

KI_DEADLINE KiComputeDeadline(const LARGE_INTEGER* Timeout) {
    if (!Timeout) return {};
    const ULONGLONG due = KiInterruptTimeOf(*Timeout);
    const bool passed = Timeout->QuadPart == 0 || due <= KeQueryInterruptTime();
    return {.Given = true, .Passed = passed, .Absolute = Timeout->QuadPart > 0, .DueTime = due};
}

// The lock may have been taken by the KeSetEvent(..., Wait = TRUE) before: which of the two it was, the analysis cannot
// know. Either way it is held when this returns.
PKTHREAD KiBeginWait(KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable) NO_THREAD_SAFETY_ANALYSIS {
    KTHREAD* const thread = KeGetCurrentThread();
    if (thread->WaitNext) {
        thread->WaitNext = FALSE;
    } else {
        NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
        thread->WaitIrql = KiLockDispatcherDatabase();
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

void KiInsertWaitBlock(PKWAIT_BLOCK Block, PKTHREAD Thread, PDISPATCHER_HEADER Object, ULONG WaitKey, WAIT_TYPE Type) {
    Block->Thread = Thread;
    Block->Object = Object;
    Block->WaitKey = USHORT(WaitKey);
    Block->WaitType = Type;
    InsertTailList(&Object->WaitListHead, &Block->WaitListEntry);
}

NTSTATUS KiCommitWait(PKTHREAD Thread, PKWAIT_BLOCK First, PKWAIT_BLOCK Last, const KI_DEADLINE& Deadline) {
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
    Thread->WaitTime = KeTickCount.LowPart;
    Thread->SwapBusy = TRUE; // as soon as the database is free, another processor may end this wait
    KiSetThreadState(Thread, KTHREAD_STATE::Waiting);
    KiUnlockDispatcherDatabaseFromSynchLevel();
    return KiSwapThread();
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
