// The owners of a lock that blocks: as the lock itself says, or, for a push lock, as a checked build's records say.
//
// The lock is read as it is at this moment: a thread that waits for it keeps it in existence, and a picture may be a
// little out of date. Only a resource's table of owners needs the resource's lock, for a larger one may take its place,
// and the old one goes back to the pool. That lock is only tried: its holder may wait for one that the monitor holds.
// IRQL: DISPATCH_LEVEL, or the kernel is stopped.
// In the books: "executive resources", "push locks". TOL-06, DSP-18..21
#include "threadview.h"
#include "ex.h"

namespace {

constexpr ULONG LOCK_TRIES = 1000;

void Add(KD_LOCK_VIEW& view, const KTHREAD* owner) {
    if (!owner) return;
    if (view.OwnerCount < KD_LOCK_OWNERS) view.Owners[view.OwnerCount] = owner;
    view.OwnerCount++;
}

void Add(KD_LOCK_VIEW& view, const OWNER_ENTRY& entry) {
    const bool pointer = (entry.OwnerThread & 3) != 0; // ExSetResourceOwnerPointer: no thread
    if (!pointer) Add(view, reinterpret_cast<const KTHREAD*>(entry.OwnerThread));
}

/// @returns whether the lock is held now
bool TryLock(KSPIN_LOCK* lock) NO_THREAD_SAFETY_ANALYSIS { // a try among several
    for (ULONG i = 0; i < LOCK_TRIES; i++) {
        if (KeTryToAcquireSpinLockAtDpcLevel(lock)) return true;
        YieldProcessor();
    }
    return false;
}

// Whether the lock is held depends on the session, which the analysis cannot see.
void AddResourceOwners(const KD_SESSION& session, KD_LOCK_VIEW& view, ERESOURCE& resource) NO_THREAD_SAFETY_ANALYSIS {
    const bool locked = !session.Stopped() && TryLock(&resource.SpinLock);
    Add(view, resource.OwnerEntry);
    if (!locked && !session.Stopped()) return; // no table rather than one that is gone
    const OWNER_ENTRY* const table = resource.OwnerTable;
    for (ULONG i = 1; table && i < table[0].TableSize; i++)
        Add(view, table[i]);
    if (locked) KefReleaseSpinLockFromDpcLevel(&resource.SpinLock);
}

} // namespace

void KdpFindLockOwners(const KD_SESSION& session, KD_LOCK_VIEW& view) {
    view.OwnerCount = 0;
    switch (view.Kind) {
    case KLOCK_KIND::Resource:
        AddResourceOwners(session, view, *static_cast<ERESOURCE*>(const_cast<PVOID>(view.Lock)));
        break;
    case KLOCK_KIND::FastMutex: Add(view, static_cast<const FAST_MUTEX*>(view.Lock)->Owner); break;
    case KLOCK_KIND::GuardedMutex: Add(view, static_cast<const KGUARDED_MUTEX*>(view.Lock)->Owner); break;
    default: {
        PKTHREAD owners[KD_LOCK_OWNERS];
        const ULONG count = KeQueryLockOwners(view.Lock, session.Stopped() != nullptr, owners, KD_LOCK_OWNERS);
        for (ULONG i = 0; i < count; i++)
            Add(view, owners[i]);
    }
    }
}
