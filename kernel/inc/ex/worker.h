// System worker threads: a routine of yours runs at PASSIVE_LEVEL in a thread of the system, soon.
//
// For code that must not wait or take long where it is: a DPC, an interrupted thread, a driver without a thread of its
// own. Three queues, each a KQUEUE with a pool of threads: critical (priority 13), delayed (12) and hypercritical (15);
// above most threads, below the real-time ones. As many threads of a pool are active at a time as there are processors.
// A pool begins with a fixed number of threads. Once a second the system looks at it: where items wait, none was begun
// since the last look, and every thread is blocked, one more is made; it ends when it finds nothing to do for ten minutes.
// Invariant: an item is on one queue at most. List.Flink is nullptr while it is on none: as soon as its routine runs, it
// may be queued again, or be freed.
// Locks: that of the KQUEUEs. In the books: "system worker threads". SYS-09, SYS-10, INT-16, INT-07
#pragma once

#include "ke.h"

/// @irql PASSIVE_LEVEL, in the system process; returns at PASSIVE_LEVEL, outside of critical and guarded regions
using WORKER_THREAD_ROUTINE = void NTAPI(PVOID Parameter);
using PWORKER_THREAD_ROUTINE = WORKER_THREAD_ROUTINE*;

/// How urgent a work item is: each kind has a queue and threads of its own.
enum class WORK_QUEUE_TYPE : LONG { CriticalWorkQueue, DelayedWorkQueue, HyperCriticalWorkQueue, MaximumWorkQueue };
inline constexpr WORK_QUEUE_TYPE CriticalWorkQueue = WORK_QUEUE_TYPE::CriticalWorkQueue;
inline constexpr WORK_QUEUE_TYPE DelayedWorkQueue = WORK_QUEUE_TYPE::DelayedWorkQueue;
inline constexpr WORK_QUEUE_TYPE HyperCriticalWorkQueue = WORK_QUEUE_TYPE::HyperCriticalWorkQueue;
constexpr ULONG WORK_QUEUES = ULONG(WORK_QUEUE_TYPE::MaximumWorkQueue);

/// A routine that a worker thread is to call.
/// shared: the queue's lock guards it while it is queued; else it belongs to the code that queues it
struct WORK_QUEUE_ITEM {
    LIST_ENTRY List;
    PWORKER_THREAD_ROUTINE WorkerRoutine;
    PVOID Parameter;
};
using PWORK_QUEUE_ITEM = WORK_QUEUE_ITEM*;

/// One pool of worker threads.
/// shared: the two counters change by interlocked operations; the last pass's figures are the balance check's own
struct EX_WORK_QUEUE {
    KQUEUE WorkerQueue;
    volatile LONG DynamicThreadCount; ///< threads made beyond those of the start
    volatile LONG WorkItemsProcessed; ///< items whose routine has been begun
    LONG WorkItemsProcessedLastPass;
    LONG QueueDepthLastPass;
};

/// How threads are made: processes and threads stand above and register their routine.
struct EX_THREAD_SOURCE {
    NTSTATUS(NTAPI* Create)(PCSTR Name, KPRIORITY Priority, PKSTART_ROUTINE StartRoutine, PVOID StartContext);
};

constexpr KPRIORITY EX_CRITICAL_QUEUE_PRIORITY = 13;
constexpr KPRIORITY EX_DELAYED_QUEUE_PRIORITY = 12;
constexpr KPRIORITY EX_HYPER_CRITICAL_QUEUE_PRIORITY = 15;
constexpr LONG EX_MAXIMUM_DYNAMIC_THREADS = 16;               ///< of one queue
constexpr LONG EX_DYNAMIC_IDLE_MILLISECONDS = 10 * 60 * 1000; ///< after which a dynamic thread ends

extern "C" {
NTKERNELAPI extern EX_WORK_QUEUE ExWorkerQueue[WORK_QUEUES];

/// Has a worker thread call the item's routine. Queuing an item that is queued is a bugcheck (WORKER_INVALID).
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType);
/// Makes the queues, their threads, and the one-second thread (onesecond.h). @returns FALSE: a thread could not be made.
/// @param ThreadSource stays in use for ever. @irql PASSIVE_LEVEL, boot
NTKERNELAPI BOOLEAN NTAPI ExInitializeThreads(const EX_THREAD_SOURCE* ThreadSource);
}

/// Makes a work item. @irql any
inline void ExInitializeWorkItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine, PVOID Context) {
    Item->List.Flink = nullptr;
    Item->WorkerRoutine = Routine;
    Item->Parameter = Context;
}
