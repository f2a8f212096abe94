// ready: the ready queues of every processor, highest priority first, and what it runs.
//
// Locks: each processor's PrcbLock while its queues are copied.
#include "kd/threadview.h"
#include "kd/commands.h"
#include "rtl/string.h"

namespace {

/// A thread may end before it is printed.
struct NAME {
    ULONG Id;
    CHAR Text[16];
};

/// A processor's scheduling state at one moment.
struct QUEUE_VIEW {
    static constexpr ULONG LIMIT = 64;

    ULONG Summary;
    NAME Current;
    NAME Next;
    ULONG Count;
    const KTHREAD* Threads[LIMIT]; ///< queue 31 first, each in its order
    NAME Names[LIMIT];
    UCHAR Priority[LIMIT];
};
QUEUE_VIEW View;

NAME NameOf(const KTHREAD* thread) {
    NAME name = {0, "none"};
    if (!thread) return name;
    const ETHREAD* const outer = CONTAINING_RECORD(thread, const ETHREAD, Tcb);
    name.Id = outer->UniqueThreadId;
    memcpy(name.Text, outer->ThreadName, sizeof(name.Text));
    return name;
}

void CopyQueues(const KD_SESSION& session, KPRCB& prcb, QUEUE_VIEW& view) {
    KdpLock lock(session, prcb.PrcbLock);
    view.Summary = prcb.ReadySummary;
    view.Current = NameOf(prcb.CurrentThread);
    view.Next = NameOf(prcb.NextThread);
    view.Count = 0;
    for (ULONG priority = MAXIMUM_PRIORITY; priority-- > 0;) {
        for (const KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(prcb.DispatcherReadyListHead[priority])) {
            if (view.Count == QUEUE_VIEW::LIMIT) return;
            view.Priority[view.Count] = static_cast<UCHAR>(priority);
            view.Names[view.Count] = NameOf(thread);
            view.Threads[view.Count++] = thread;
        }
    }
}

} // namespace

KD_COMMAND(ready, "", "ready queues of every processor") {
    for (KPRCB* prcb : KiProcessorBlock) {
        if (!prcb) continue;
        CopyQueues(session, *prcb, View);
        session.Print("processor %u: current %s, next %s, ready summary 0x%08x\n", prcb->Number, View.Current.Text,
                      View.Next.Text, View.Summary);
        for (ULONG i = 0; i < View.Count && !session.HasEnough(); i++) {
            session.Print("  %2u  %p  %u %s\n", View.Priority[i], static_cast<const void*>(View.Threads[i]),
                          View.Names[i].Id, View.Names[i].Text);
        }
    }
}
