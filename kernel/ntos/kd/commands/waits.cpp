// waits: which threads wait, for what, and why.
#include "kd/names.h"
#include "kd/threadview.h"
#include "kd/commands.h"

static void PrintObjects(KD_SESSION& session, const KD_THREAD_VIEW& view) {
    constexpr ULONG kept = THREAD_WAIT_OBJECTS + 1;
    for (ULONG i = 0; i < view.WaitCount && i < kept; i++) {
        const KD_WAIT_VIEW& wait = view.Waits[i];
        session.Print("        %p  %s, signal state %d\n", wait.Object, KdpObjectName(wait.Type), wait.SignalState);
    }
    if (view.WaitCount > kept) session.Print("        and %u more\n", view.WaitCount - kept);
}

KD_COMMAND(waits, "", "waiting threads and the objects they wait for") {
    const KD_THREAD_VIEW* views;
    const ULONG count = KdpViewThreads(session, &views);
    ULONG waiting = 0;
    for (ULONG i = 0; i < count && !session.HasEnough(); i++) {
        const KD_THREAD_VIEW& view = views[i];
        if (view.State != KTHREAD_STATE::Waiting) continue;
        waiting++;
        session.Print("%6u  %-15s  %s, %s of %u:\n", view.Id, view.Name, KdpWaitReasonName(view.WaitReason),
                      view.WaitType == WaitAll ? "all" : "any", view.WaitCount);
        PrintObjects(session, view);
    }
    session.Print("%u waiting\n", waiting);
}
