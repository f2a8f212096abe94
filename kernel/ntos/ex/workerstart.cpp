// The system's own threads of the executive: how they are made, what they are called, and how many at the start.
//
// IRQL: PASSIVE_LEVEL.
// In the books: "system worker threads". SYS-09, SYS-10
#include "ex/explookaside.h"
#include "ex/expwork.h"
#include "ex/onesecond.h"

namespace {

struct POOL {
    PCSTR Name;
    KPRIORITY Priority;
    ULONG Threads; ///< at the start: the books' figures for a small system
};
constexpr POOL Pools[WORK_QUEUES] = {
    {"Critical", EX_CRITICAL_QUEUE_PRIORITY, 5},
    {"Delayed", EX_DELAYED_QUEUE_PRIORITY, 3},
    {"HyperCritical", EX_HYPER_CRITICAL_QUEUE_PRIORITY, 1},
};
constexpr ULONG_PTR DynamicFlag = 0x80; ///< in a thread's start context, beside its queue's number

const EX_THREAD_SOURCE* ThreadSource; // shared: written at boot, read-only afterwards
EX_ONE_SECOND_DUTY BalanceDuty = {ExpBalanceWorkerThreads, nullptr, {}};
EX_ONE_SECOND_DUTY LookasideDuty = {ExpAdjustLookasideDepth, nullptr, {}};

bool StartPool(ULONG type) {
    EX_WORK_QUEUE& queue = ExWorkerQueue[type];
    queue = {};
    KeInitializeQueue(&queue.WorkerQueue, 0);
    for (ULONG i = 0; i < Pools[type].Threads; i++) {
        if (!NT_SUCCESS(ExpCreateWorkerThread({WORK_QUEUE_TYPE(type), false}))) return false;
    }
    return true;
}

} // namespace

EXP_WORKER_CONTEXT ExpWorkerContext(PVOID StartContext) {
    const auto bits = reinterpret_cast<ULONG_PTR>(StartContext);
    return {WORK_QUEUE_TYPE(bits & ~DynamicFlag), (bits & DynamicFlag) != 0};
}

NTSTATUS ExpCreateWorkerThread(EXP_WORKER_CONTEXT Context) {
    const POOL& pool = Pools[ULONG(Context.QueueType)];
    const ULONG_PTR bits = ULONG_PTR(Context.QueueType) | (Context.Dynamic ? DynamicFlag : 0);
    return ThreadSource->Create(pool.Name, pool.Priority, ExpWorkerThread, reinterpret_cast<PVOID>(bits));
}

NTSTATUS ExpCreateThread(PCSTR Name, KPRIORITY Priority, PKSTART_ROUTINE StartRoutine) {
    return ThreadSource->Create(Name, Priority, StartRoutine, nullptr);
}

void ExpCheckWorkerThread(const WORK_QUEUE_ITEM* Item, PWORKER_THREAD_ROUTINE Routine, PVOID Parameter) {
    if (KeGetCurrentIrql() != PASSIVE_LEVEL) {
        KeBugCheckEx(WORKER_THREAD_RETURNED_AT_BAD_IRQL, reinterpret_cast<ULONG_PTR>(Routine),
                     ULONG_PTR(KeGetCurrentIrql()), reinterpret_cast<ULONG_PTR>(Parameter),
                     reinterpret_cast<ULONG_PTR>(Item));
    }
    KeCheckNoLocksHeld(KeGetCurrentThread());
    [[maybe_unused]] const KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(!KeAreApcsDisabled());                        // a critical or guarded region was not left
    NT_ASSERT(thread->ApcState.Process == thread->Process); // nor was another process
    NT_ASSERT(IsListEmpty(&thread->MutantListHead));        // nor a mutant released
}

BOOLEAN NTAPI ExInitializeThreads(const EX_THREAD_SOURCE* Source) {
    ThreadSource = Source;
    if (!NT_SUCCESS(ExpStartOneSecondThread())) return FALSE;
    for (ULONG type = 0; type < WORK_QUEUES; type++) {
        if (!StartPool(type)) return FALSE;
    }
    ExRegisterOneSecondDuty(&BalanceDuty);
    ExRegisterOneSecondDuty(&LookasideDuty);
    return TRUE;
}
