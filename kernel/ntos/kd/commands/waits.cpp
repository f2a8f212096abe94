// waits: the wait-for graph: which threads wait, for what, and for which thread.
//
//     thread -> what it waits for -> the owner of that -> what the owner waits for ...
//
// An object has an owner if only one thread can signal it (a mutant, a thread's end) or if it is a lock; the line goes on
// as long as the owner waits, too. A line that comes back to its beginning is a deadlock.
// In the books: "waiting for dispatcher objects", "low-IRQL synchronization". TOL-06, DSP-15
#include "kd/names.h"
#include "kd/threadview.h"
#include "kd/commands.h"

namespace {

constexpr ULONG MaximumSteps = 16; ///< of one line of the figure

bool IsWaiting(const KD_THREAD_VIEW& view) {
    return view.State == KTHREAD_STATE::Waiting || view.State == KTHREAD_STATE::GateWait;
}

const KD_THREAD_VIEW* Find(const KD_THREAD_VIEW* views, ULONG count, const KTHREAD* thread) {
    for (ULONG i = 0; i < count; i++) {
        if (views[i].Thread == thread) return &views[i];
    }
    return nullptr;
}

/// The object whose owner the figure follows, of a wait for several: the first that has one.
const KD_WAIT_VIEW& MainWait(const KD_THREAD_VIEW& view) {
    for (ULONG i = 0; i < view.WaitCount && i <= THREAD_WAIT_OBJECTS; i++) {
        if (view.Waits[i].Owner) return view.Waits[i];
    }
    return view.Waits[0];
}

/// Prints what the thread waits for. @returns the owner, or nullptr
const KTHREAD* PrintTarget(KD_SESSION& session, const KD_THREAD_VIEW& view) {
    if (view.Lock.Kind != KLOCK_KIND::None) {
        session.Print(" -> %s %p%s", KdpLockName(view.Lock.Kind), view.Lock.Lock,
                      view.Lock.Exclusive ? "" : " (shared)");
        return view.Lock.OwnerCount ? view.Lock.Owners[0] : nullptr;
    }
    const KD_WAIT_VIEW& wait = MainWait(view);
    session.Print(" -> %s %p", KdpObjectName(wait.Type), wait.Object);
    return wait.Owner;
}

/// One line of the figure, from a waiting thread to one that does not wait, or round to the thread itself.
void PrintLine(KD_SESSION& session, const KD_THREAD_VIEW* views, ULONG count, const KD_THREAD_VIEW& first) {
    session.Print("%6u  %-15s ", first.Id, first.Name);
    const KD_THREAD_VIEW* view = &first;
    for (ULONG step = 0; step < MaximumSteps && IsWaiting(*view); step++) {
        const KTHREAD* const owner = PrintTarget(session, *view);
        if (view->Lock.OwnerCount > 1) session.Print(" (one of %u owners)", view->Lock.OwnerCount);
        view = Find(views, count, owner);
        if (!view) break;
        session.Print(" -> %u %s", view->Id, view->Name);
        if (view == &first) {
            session.Print("  *** a circle");
            break;
        }
    }
    session.Print("\n");
}

void PrintObjects(KD_SESSION& session, const KD_THREAD_VIEW& view) {
    constexpr ULONG kept = THREAD_WAIT_OBJECTS + 1;
    session.Print("        %s, %s of %u:\n", KdpWaitReasonName(view.WaitReason),
                  view.WaitType == WaitAll ? "all" : "any", view.WaitCount);
    for (ULONG i = 0; i < view.WaitCount && i < kept; i++) {
        const KD_WAIT_VIEW& wait = view.Waits[i];
        session.Print("        %p  %s, signal state %d\n", wait.Object, KdpObjectName(wait.Type), wait.SignalState);
    }
    if (view.WaitCount > kept) session.Print("        and %u more\n", view.WaitCount - kept);
}

} // namespace

KD_COMMAND(waits, "[all]", "who waits for what and for whom; all: every object of every wait") {
    CHAR word[8];
    const bool all = session.NextWord(word, sizeof(word));
    const KD_THREAD_VIEW* views;
    const ULONG count = KdpViewThreads(session, &views);
    ULONG waiting = 0;
    for (ULONG i = 0; i < count && !session.HasEnough(); i++) {
        if (!IsWaiting(views[i])) continue;
        waiting++;
        PrintLine(session, views, count, views[i]);
        if (all || (views[i].WaitCount > 1 && views[i].Lock.Kind == KLOCK_KIND::None)) PrintObjects(session, views[i]);
    }
    session.Print("%u waiting\n", waiting);
}
