// Private to ex: worker threads and the one-second thread.
//
// In the books: "system worker threads". SYS-09..12
#pragma once

#include "ex/worker.h"

/// What a worker thread is told when it starts.
struct EXP_WORKER_CONTEXT {
    WORK_QUEUE_TYPE QueueType;
    bool Dynamic; ///< made under load: ends when there is nothing to do
};
inline constexpr LARGE_INTEGER ExpDynamicThreadTimeout = KeRelativeMilliseconds(EX_DYNAMIC_IDLE_MILLISECONDS);

extern "C" {
/// A worker thread, with its EXP_WORKER_CONTEXT in StartContext. @irql PASSIVE_LEVEL
void NTAPI ExpWorkerThread(PVOID StartContext);
/// The duty, once a second, that makes more threads where all are blocked. @irql PASSIVE_LEVEL
void NTAPI ExpBalanceWorkerThreads(PVOID Context);
}

EXP_WORKER_CONTEXT ExpWorkerContext(PVOID StartContext);
/// Makes a thread for a queue. @irql PASSIVE_LEVEL
NTSTATUS ExpCreateWorkerThread(EXP_WORKER_CONTEXT Context);
/// Makes any other thread of the executive's own.
NTSTATUS ExpCreateThread(PCSTR Name, KPRIORITY Priority, PKSTART_ROUTINE StartRoutine);
/// After an item's routine: the thread is as it was, or this is a bugcheck (WORKER_THREAD_RETURNED_AT_BAD_IRQL) or, for
/// what only checked builds look at, a broken assertion. @param Item for the message only: it may be gone
void ExpCheckWorkerThread(const WORK_QUEUE_ITEM* Item, PWORKER_THREAD_ROUTINE Routine, PVOID Parameter);
/// Part of ExInitializeThreads.
NTSTATUS ExpStartOneSecondThread();
