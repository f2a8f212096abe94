// Who has a lock that blocks: as the lock itself says, or, for a push lock, as a checked build's records say.
//
// The lock is read as it is at this moment, without its own lock: a thread that waits for it keeps it in existence, and a
// picture may be a little out of date.
// In the books: "executive resources", "push locks". TOL-06, DSP-18..21
#include "threadview.h"
#include "ex.h"

namespace {

void Add(KD_LOCK_VIEW& view, const KTHREAD* owner) {
    if (!owner) return;
    if (view.OwnerCount < KD_LOCK_OWNERS) view.Owners[view.OwnerCount] = owner;
    view.OwnerCount++;
}

void Add(KD_LOCK_VIEW& view, const OWNER_ENTRY& entry) {
    const bool pointer = (entry.OwnerThread & 3) != 0; // ExSetResourceOwnerPointer: no thread
    if (!pointer) Add(view, reinterpret_cast<const KTHREAD*>(entry.OwnerThread));
}

// A picture of the moment: nothing is changed, and the table is memory that stays.
void AddResourceOwners(KD_LOCK_VIEW& view, const ERESOURCE& resource) NO_THREAD_SAFETY_ANALYSIS {
    for (const OWNER_ENTRY& entry : resource.OwnerThreads)
        Add(view, entry);
    const OWNER_ENTRY* const table = resource.OwnerTable;
    for (ULONG i = 1; table && i < table[0].TableSize; i++)
        Add(view, table[i]);
}

} // namespace

void KdpFindLockOwners(const KD_SESSION& session, KD_LOCK_VIEW& view) {
    view.OwnerCount = 0;
    switch (view.Kind) {
    case KLOCK_KIND::Resource: AddResourceOwners(view, *static_cast<const ERESOURCE*>(view.Lock)); break;
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
