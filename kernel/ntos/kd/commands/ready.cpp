// ready: the ready queues of every processor, highest priority first, and what it runs.
//
// Locks: each processor's PrcbLock while its queues are copied.
#include "kd/threadview.h"
#include "kd/commands.h"

namespace {

/// A processor's scheduling state at one moment.
struct QUEUE_VIEW {
    static constexpr ULONG LIMIT = 64;

    ULONG Summary;
    const KTHREAD* Current;
    const KTHREAD* Next;
    ULONG Count;
    const KTHREAD* Threads[LIMIT]; ///< queue 31 first, each in its order
    UCHAR Priority[LIMIT];
};
QUEUE_VIEW View;

void CopyQueues(const KD_SESSION& session, KPRCB& prcb, QUEUE_VIEW& view) NO_THREAD_SAFETY_ANALYSIS {
    KdpLock lock(session, prcb.PrcbLock);
    view.Summary = prcb.ReadySummary;
    view.Current = prcb.CurrentThread;
    view.Next = prcb.NextThread;
    view.Count = 0;
    for (ULONG priority = MAXIMUM_PRIORITY; priority-- > 0;) {
        for (const KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(prcb.DispatcherReadyListHead[priority])) {
            if (view.Count == QUEUE_VIEW::LIMIT) return;
            view.Priority[view.Count] = static_cast<UCHAR>(priority);
            view.Threads[view.Count++] = thread;
        }
    }
}

PCSTR NameOf(const KTHREAD* thread) {
    return thread ? CONTAINING_RECORD(thread, const ETHREAD, Tcb)->ThreadName : "none";
}

} // namespace

KD_COMMAND(ready, "", "ready queues of every processor") {
    for (KPRCB* prcb : KiProcessorBlock) {
        if (!prcb) continue;
        CopyQueues(session, *prcb, View);
        session.Print("processor %u: current %s, next %s, ready summary 0x%08x\n", prcb->Number, NameOf(View.Current),
                      NameOf(View.Next), View.Summary);
        for (ULONG i = 0; i < View.Count && !session.HasEnough(); i++) {
            const ETHREAD* const thread = CONTAINING_RECORD(View.Threads[i], const ETHREAD, Tcb);
            session.Print("  %2u  %p  %u %s\n", View.Priority[i], static_cast<const void*>(thread),
                          thread->UniqueThreadId, thread->ThreadName);
        }
    }
}
