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

/// Has the item's routine run once by a thread of this queue (ExWorkerQueue), behind all items that are there.
///
/// - An item whose List.Flink is set has not been taken yet: bugcheck WORKER_INVALID (1, the item, its routine, 0).
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

/// The life of a worker thread (ExpWorkerContext): it runs the items of its queue, in their order.
///
/// - A thread of the start never ends. A dynamic thread ends (it returns) when it got no item for
///   ExpDynamicThreadTimeout, and DynamicThreadCount is one less.
/// - WorkItemsProcessed of the queue counts the items that threads have taken, also those whose routine still runs.
/// - From the moment at which its routine runs the item belongs to its owner, which may free it or queue it again: this
///   routine reads nothing of it any more.
/// - After each routine ExpCheckWorkerThread (given) hears what was run, and looks at the state of the thread.
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

/// Called once a second: makes a dynamic thread for each queue that needs one more (ExpCreateWorkerThread).
///
/// - A queue needs one if it is stuck and a thread more would get an item: fewer threads are active than the queue
///   allows. A queue is stuck if items wait now (KeReadStateQueue) and waited at the last call, and none was taken
///   since.
/// - QueueDepthLastPass and WorkItemsProcessedLastPass of every queue say what this call has seen, for the next call.
/// - DynamicThreadCount is the number of the queue's dynamic threads, never more than EX_MAXIMUM_DYNAMIC_THREADS. A
///   thread that could not be made does not count. A new thread counts before it can end.
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
