// locks: the resources that are owned, and, in a checked build, every lock that a thread holds.
//
// Copies first, printing afterwards: printing is slow. A resource is read as it is at this moment, without its own lock.
// In the books: "executive resources". TOL-06, DSP-18..21
#include "ex.h"
#include "ke/heldlocks.h"
#include "kd/kdp.h"
#include "kd/names.h"
#include "kd/threadview.h"
#include "kd/commands.h"

namespace {

constexpr ULONG MaximumResources = 64;
constexpr ULONG MaximumHeld = 16;

struct RESOURCE_VIEW {
    KD_LOCK_VIEW Lock; ///< Exclusive: owned by one thread
    ULONG SharedWaiters;
    ULONG ExclusiveWaiters;
    ULONG ContentionCount;
};
RESOURCE_VIEW Resources[MaximumResources]; ///< the monitor is used by one person at a time

/// Copies the resources that threads own. @returns how many
ULONG CopyResources(const KD_SESSION& session, ULONG* all) {
    KdpLock guard(session, ExpResourceSpinLock);
    ULONG count = 0;
    *all = 0;
    for (const ERESOURCE* resource : nt::List<&ERESOURCE::SystemResourcesList>(ExpSystemResourcesList)) {
        (*all)++;
        nt::AssumeSnapshot(resource->SpinLock); // the list's lock keeps it in existence
        if (resource->ActiveCount == 0 || count == MaximumResources) continue;
        RESOURCE_VIEW& view = Resources[count++];
        view = {.Lock = {.Lock = resource,
                         .Kind = KLOCK_KIND::Resource,
                         .Exclusive = (resource->Flag & ResourceOwnedExclusive) != 0},
                .SharedWaiters = resource->NumberOfSharedWaiters,
                .ExclusiveWaiters = resource->NumberOfExclusiveWaiters,
                .ContentionCount = resource->ContentionCount};
        KdpFindLockOwners(session, view.Lock);
    }
    return count;
}

void PrintThread(KD_SESSION& session, const KD_THREAD_VIEW* views, ULONG count, const KTHREAD* thread) {
    for (ULONG i = 0; i < count; i++) {
        if (views[i].Thread == thread) {
            session.Print(" %u %s", views[i].Id, views[i].Name);
            return;
        }
    }
    session.Print(" %p", static_cast<const void*>(thread));
}

void PrintResource(KD_SESSION& session, const RESOURCE_VIEW& view, const KD_THREAD_VIEW* views, ULONG count) {
    session.Print("resource %p  %s:", view.Lock.Lock, view.Lock.Exclusive ? "exclusive" : "shared");
    for (ULONG i = 0; i < view.Lock.OwnerCount && i < KD_LOCK_OWNERS; i++)
        PrintThread(session, views, count, view.Lock.Owners[i]);
    if (view.Lock.OwnerCount > KD_LOCK_OWNERS) session.Print(" and %u more", view.Lock.OwnerCount - KD_LOCK_OWNERS);
    session.Print("\n        %u waits for exclusive, %u for shared access; %u waits so far\n", view.ExclusiveWaiters,
                  view.SharedWaiters, view.ContentionCount);
}

void PrintHeld(KD_SESSION& session, const KD_THREAD_VIEW& view) {
    KLOCK_HELD held[MaximumHeld];
    const ULONG count = KeQueryHeldLocks(view.Thread, session.Stopped() != nullptr, held, MaximumHeld);
    if (count == 0) return;
    session.Print("%6u  %s holds\n", view.Id, view.Name);
    for (ULONG i = 0; i < count; i++) {
        session.Print("        %s %p%s, %u times\n", KdpLockName(held[i].Kind), held[i].Lock,
                      held[i].Exclusive ? "" : " (shared)", held[i].Count);
        if (held[i].AcquiredFrom) KdpPrintFrame(session, 0, held[i].AcquiredFrom);
    }
}

} // namespace

KD_COMMAND(locks, "", "resources that are owned; in a checked build every lock of every thread") {
    const KD_THREAD_VIEW* views;
    const ULONG count = KdpViewThreads(session, &views);
    ULONG all;
    const ULONG owned = CopyResources(session, &all);
    for (ULONG i = 0; i < owned && !session.HasEnough(); i++)
        PrintResource(session, Resources[i], views, count);
    for (ULONG i = 0; i < count && !session.HasEnough(); i++)
        PrintHeld(session, views[i]);
    session.Print("%u resources, %u of them owned\n", all, owned);
}
