// Queues: work for a pool of threads, with a bound on how many of them run at a time.
//
// A thread that has asked a queue for an entry belongs to that queue until it asks another one or ends. A queue counts
// its active threads: those that belong to it and do not wait, for whatever. Entries are given out first in, first out,
// and only while no more than MaximumCount threads are active; so a pool has as many threads as it likes, but a processor
// for each of those that run. A thread of the queue that blocks lets another one in. Once it goes on it is active again,
// even beyond the maximum: the surplus is worked off when threads ask for their next entry.
// Threads are woken last in, first out: the stack and the caches of the latest one are still warm, and the others can
// wait until their time is over.
// Invariants: CurrentCount is the number of threads on ThreadListHead that do not wait. No thread waits for the queue
// while there is an entry and CurrentCount < MaximumCount.
// Locks: KiDispatcherLock. In the books: "dispatcher objects: queues", "I/O completion ports", "system worker threads".
// DSP-06
#pragma once

#include "ke/dispatcher.h"

/// A queue of entries for a pool of threads, which limits how many of them work at a time.
/// shared: KiDispatcherLock guards it; CurrentCount may be read without, as a snapshot; MaximumCount is fixed when the queue is made
struct KQUEUE {
    DISPATCHER_HEADER Header; ///< SignalState: entries in the queue; WaitListHead: threads that wait for one
    LIST_ENTRY EntryListHead GUARDED_BY(KiDispatcherLock); ///< the entries, oldest first
    volatile ULONG CurrentCount;
    ULONG MaximumCount;
    LIST_ENTRY
    ThreadListHead GUARDED_BY(KiDispatcherLock); ///< of KTHREAD::QueueListEntry: threads that belong to the queue
};
using PKQUEUE = KQUEUE*;
using PRKQUEUE = KQUEUE*;
PUBLIC_SIZE(KQUEUE, 40);

extern "C" {
/// Makes a queue. @param Count how many of its threads may be active at a time; 0: as many as there are processors.
/// @irql any
NTKERNELAPI void NTAPI KeInitializeQueue(PRKQUEUE Queue, ULONG Count);
/// Gives the entry to the thread that began to wait last, if one more may be active, else puts it at the tail.
/// @returns the number of entries that were in the queue before. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry);
/// As KeInsertQueue, but the entry goes before all others. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry);
/// Waits for an entry; the calling thread belongs to the queue from now on.
/// @param Timeout as in KeWaitForSingleObject. @returns the entry, its Flink nullptr; or, as a pointer, STATUS_TIMEOUT,
/// STATUS_USER_APC, or STATUS_ABANDONED: the queue was run down (KeIsQueueEntry tells which). @irql <= APC_LEVEL
NTKERNELAPI PLIST_ENTRY NTAPI KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
    EXCLUDES_(AtDispatchLevel);
/// @returns the number of entries in the queue. @irql any
NTKERNELAPI LONG NTAPI KeReadStateQueue(PRKQUEUE Queue);
/// The end of a queue: its threads belong to none any more, those that wait get STATUS_ABANDONED.
/// @returns the first of the entries that were left (they form a ring without a head), or nullptr. @irql <= DISPATCH_LEVEL
NTKERNELAPI PLIST_ENTRY NTAPI KeRundownQueue(PRKQUEUE Queue);
}

/// Whether KeRemoveQueue returned an entry and not a status: no entry has so low an address.
inline bool KeIsQueueEntry(const LIST_ENTRY* Entry) {
    return reinterpret_cast<ULONG_PTR>(Entry) > ULONG_PTR(STATUS_TIMEOUT);
}
