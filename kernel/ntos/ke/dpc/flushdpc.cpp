// KeFlushQueuedDpcs: waiting until everything that is queued has run.
//
// A queue is first in, first out but for DPCs of high importance, which go in front. So a DPC of medium importance that is
// queued now runs after all that are queued already, and when one has run on every processor, they all have. The same
// with a threaded one for the DPC threads.
// IRQL: PASSIVE_LEVEL.
// In the books: "DPCs". INT-05, INT-07
#include "ke/ki.h"

namespace {

/// shared: Missing is interlocked; the event ends the wait of the one thread that owns it
struct Flush {
    KEVENT Done;
    volatile LONG Missing; ///< DPCs that have not run
    KDPC Dpcs[2 * MAXIMUM_PROCESSORS];
};

void NTAPI Arrive(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    auto& flush = *static_cast<Flush*>(DeferredContext);
    if (InterlockedDecrement(&flush.Missing) == 0) KeSetEvent(&flush.Done, 0, FALSE);
}

/// To the tail of the processor's queue, and run at once.
void Queue(PKDPC dpc, ULONG number) {
    KeSetImportanceDpc(dpc, KDPC_IMPORTANCE::MediumHighImportance);
    KeSetTargetProcessorDpc(dpc, CHAR(number));
    KeInsertQueueDpc(dpc, nullptr, nullptr);
}

} // namespace

void NTAPI KeFlushQueuedDpcs() {
    Flush flush;
    const KAFFINITY all = KeActiveProcessors;
    KeInitializeEvent(&flush.Done, SynchronizationEvent, FALSE);
    flush.Missing = 2 * __builtin_popcount(all);
    for (KAFFINITY rest = all; rest; rest &= rest - 1) {
        const ULONG number = ULONG(__builtin_ctz(rest));
        KDPC* const ordinary = &flush.Dpcs[2 * number];
        KDPC* const threaded = ordinary + 1;
        KeInitializeDpc(ordinary, Arrive, &flush);
        KeInitializeThreadedDpc(threaded, Arrive, &flush);
        Queue(ordinary, number);
        Queue(threaded, number);
    }
    // The last DPC is done with the event before the database is free again, and this thread goes on only then.
    (void)KeWaitForSingleObject(&flush.Done, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}
