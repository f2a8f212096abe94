// System worker threads: queuing items, the threads' loop, and the look once a second whether they are enough.
//
// IRQL: queuing <= DISPATCH_LEVEL; threads and balance PASSIVE_LEVEL.
// In the books: "system worker threads". SYS-09, SYS-10, INT-16
#include "ex/expwork.h"

extern "C" {
EX_WORK_QUEUE ExWorkerQueue[WORK_QUEUES];
}

// LAB(3.9) begin
namespace {

/// Runs the item's routine. From the call on the item is not ours any more.
void RunItem(WORK_QUEUE_ITEM* item) {
    const PWORKER_THREAD_ROUTINE routine = item->WorkerRoutine;
    PVOID const parameter = item->Parameter;
    routine(parameter);
    ExpCheckWorkerThread(item, routine, parameter);
}

} // namespace
// LAB(3.9) else
//| // Room for helpers of your own.
// LAB(3.9) end

/// - An item that is on a queue is not queued again: WORKER_INVALID, with the item and its routine.
/// - It goes to the tail of the queue of its type (ExWorkerQueue).
void NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType) {
    // LAB(3.9) begin
    NT_ASSERT(QueueType < WORK_QUEUE_TYPE::MaximumWorkQueue);
    if (WorkItem->List.Flink) {
        KeBugCheckEx(WORKER_INVALID, 1, reinterpret_cast<ULONG_PTR>(WorkItem),
                     reinterpret_cast<ULONG_PTR>(WorkItem->WorkerRoutine), 0);
    }
    (void)KeInsertQueue(&ExWorkerQueue[ULONG(QueueType)].WorkerQueue, &WorkItem->List);
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}

/// What a worker thread does.
///
/// - It takes items from its queue and runs them, one after the other; WorkItemsProcessed counts them when they are taken.
/// - A thread of the start waits for ever. A dynamic one that gets nothing for ExpDynamicThreadTimeout ends (it returns),
///   and DynamicThreadCount falls.
/// - After each item ExpCheckWorkerThread (given) looks whether the routine left the thread as it found it. The item
///   itself may be gone by then.
void NTAPI ExpWorkerThread(PVOID StartContext) {
    // LAB(3.9) begin
    const EXP_WORKER_CONTEXT context = ExpWorkerContext(StartContext);
    EX_WORK_QUEUE& queue = ExWorkerQueue[ULONG(context.QueueType)];
    LARGE_INTEGER timeout = ExpDynamicThreadTimeout;
    for (;;) {
        LIST_ENTRY* const entry = KeRemoveQueue(&queue.WorkerQueue, KernelMode, context.Dynamic ? &timeout : nullptr);
        if (!KeIsQueueEntry(entry)) break; // only time-outs end this: worker queues are never run down
        InterlockedIncrement(&queue.WorkItemsProcessed);
        RunItem(CONTAINING_RECORD(entry, WORK_QUEUE_ITEM, List));
    }
    InterlockedDecrement(&queue.DynamicThreadCount);
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}

/// Once a second: does a queue need one more thread?
///
/// - It is stuck if items wait now and waited a second ago (QueueDepthLastPass), and none was begun since
///   (WorkItemsProcessedLastPass).
/// - Another thread helps only if the queue lets it have an item: fewer are active than the maximum, the others block.
/// - There are at most EX_MAXIMUM_DYNAMIC_THREADS dynamic threads of a queue. ExpCreateWorkerThread makes one (the count
///   is yours); if that fails, the next second is another chance.
void NTAPI ExpBalanceWorkerThreads(PVOID) {
    // LAB(3.9) begin
    for (ULONG type = 0; type < WORK_QUEUES; type++) {
        EX_WORK_QUEUE& queue = ExWorkerQueue[type];
        const LONG depth = KeReadStateQueue(&queue.WorkerQueue);
        const LONG processed = queue.WorkItemsProcessed;
        const bool stuck = depth != 0 && queue.QueueDepthLastPass != 0 && processed == queue.WorkItemsProcessedLastPass;
        queue.QueueDepthLastPass = depth;
        queue.WorkItemsProcessedLastPass = processed;

        const bool letsOneIn = queue.WorkerQueue.CurrentCount < queue.WorkerQueue.MaximumCount;
        if (!stuck || !letsOneIn || queue.DynamicThreadCount >= EX_MAXIMUM_DYNAMIC_THREADS) continue;
        InterlockedIncrement(&queue.DynamicThreadCount);
        const NTSTATUS status = ExpCreateWorkerThread({WORK_QUEUE_TYPE(type), true});
        if (!NT_SUCCESS(status)) InterlockedDecrement(&queue.DynamicThreadCount);
    }
    // LAB(3.9) else
    //| LAB_NOT_IMPLEMENTED("3.9");
    // LAB(3.9) end
}
