// Executive resources: acquire, release, hand over.
//
// A resource is never free while a thread waits for it: the thread that releases it last makes the next thread, or all
// that wait for shared access, its owners at once, and wakes them. A woken thread owns the resource already and only
// writes its name into the owner's place.
// Locks: ERESOURCE::SpinLock; a wait happens outside of it. IRQL: <= APC_LEVEL with normal kernel APCs disabled; a
// release <= DISPATCH_LEVEL.
// In the books: "executive resources". DSP-20
#include "ex/exp.h"

namespace {

/// How a request for shared access treats those that wait for exclusive access.
enum class SHARED_RULE {
    Fair,    ///< waits behind them, unless the thread shares the resource already
    Starve,  ///< does not wait for them
    WaitFor, ///< waits behind them in any case
};

bool IsOwnedExclusive(const ERESOURCE* resource) REQUIRES_(resource->SpinLock) {
    return (resource->Flag & ResourceOwnedExclusive) != 0;
}

/// Makes the resource `thread`'s alone. @param thread 0: a thread that waits and will write its name itself
[[maybe_unused]] void OwnExclusive(ERESOURCE* resource, ERESOURCE_THREAD thread) REQUIRES_(resource->SpinLock) {
    resource->ActiveCount = 1;
    resource->Flag |= ResourceOwnedExclusive;
    resource->OwnerEntry.OwnerThread = thread;
    resource->OwnerEntry.OwnerCount = 1;
}

/// Adds one to what `thread` has of a shared resource. @returns false if there is no free entry for a new owner.
bool CountShared(ERESOURCE* resource, ERESOURCE_THREAD thread) REQUIRES_(resource->SpinLock) {
    OWNER_ENTRY* entry = ExpFindOwner(resource, thread);
    if (!entry) {
        entry = ExpFindOwner(resource, 0);
        if (!entry) return false;
        entry->OwnerThread = thread;
        entry->OwnerCount = 0;
    }
    entry->OwnerCount++;
    return true;
}

/// Hands shared access to all threads that wait for it; without one nothing changes. They are owners from now on, and
/// counted as such (ActiveEntries, ActiveCount), though each writes its name into the table when it runs. They do not
/// count as waiting any more. They sleep until SharedWaiters has a unit for each (the boost is ExpLockIncrement).
void HandOverShared(ERESOURCE* resource) REQUIRES_(resource->SpinLock) {
    // LAB(3.10) begin
    const LONG waiters = resource->NumberOfSharedWaiters;
    if (waiters == 0) return;
    resource->ActiveCount = 1;
    resource->ActiveEntries += ULONG(waiters);
    resource->NumberOfSharedWaiters = 0;
    KeReleaseSemaphore(resource->SharedWaiters, ExpLockIncrement, waiters, FALSE);
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// Hands exclusive access to the thread that waits longest for it. It is the owner from now on (OwnExclusive: given),
/// under the name 0 until it runs and writes its own, and does not count as waiting any more. It sleeps until
/// ExclusiveWaiters is signaled (the boost is ExpLockIncrement).
[[maybe_unused]] void HandOverExclusive(ERESOURCE* resource) REQUIRES_(resource->SpinLock) {
    // LAB(3.10) begin
    resource->NumberOfExclusiveWaiters--;
    OwnExclusive(resource, 0);
    KeSetEvent(resource->ExclusiveWaiters, ExpLockIncrement, FALSE);
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// The exclusive owner has given back its last acquisition. The resource is handed over: to all that wait for shared
/// access if there are any, else to one that waits for exclusive access. If no thread waits, no thread owns it: the
/// invariants of ex/resource.h say what that means. The other flags are not this routine's.
[[maybe_unused]] void LeaveExclusive(ERESOURCE* resource) REQUIRES_(resource->SpinLock) {
    // LAB(3.10) begin
    resource->Flag &= USHORT(~ResourceOwnedExclusive);
    resource->OwnerEntry.OwnerThread = 0;
    resource->ActiveCount = 0;
    if (resource->NumberOfSharedWaiters != 0) {
        HandOverShared(resource);
    } else if (resource->NumberOfExclusiveWaiters != 0) {
        HandOverExclusive(resource);
    }
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// A shared owner, which has this entry, has given back its last acquisition: the entry is free. If it was the last
/// shared owner, the resource is handed over to one that waits for exclusive access; if no thread does, no thread owns
/// it. (While an owner shares, a thread waits for shared access only behind one that waits for exclusive access.)
[[maybe_unused]] void LeaveShared(ERESOURCE* resource, OWNER_ENTRY* entry) REQUIRES_(resource->SpinLock) {
    // LAB(3.10) begin
    entry->OwnerThread = 0;
    if (--resource->ActiveEntries != 0) return;
    resource->ActiveCount = 0;
    if (resource->NumberOfExclusiveWaiters != 0) HandOverExclusive(resource);
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

enum class GRANT { Granted, TableFull, MustWait, NobodyWaitedYet };

/// Grants shared access to `thread` now, or says why not. An answer other than Granted has changed nothing.
///
/// - The exclusive owner gets it, as one more of its own acquisitions. Every other thread must wait for the exclusive
///   owner.
/// - While threads wait for exclusive access, `rule` says which threads must wait behind them.
/// - A shared owner is noted with the number of its acquisitions (CountShared). Without room for its name the answer is
///   TableFull.
/// - ActiveEntries is the number of threads that share the resource.
GRANT TryShared(ERESOURCE* resource, ERESOURCE_THREAD thread, SHARED_RULE rule) REQUIRES_(resource->SpinLock) {
    // LAB(3.10) begin
    if (IsOwnedExclusive(resource)) {
        if (resource->OwnerEntry.OwnerThread != thread) return GRANT::MustWait;
        resource->OwnerEntry.OwnerCount++; // the exclusive owner: counted as another exclusive acquisition
        return GRANT::Granted;
    }
    const bool owner = ExpFindOwner(resource, thread) != nullptr;
    if (resource->NumberOfExclusiveWaiters != 0) {
        if (rule == SHARED_RULE::WaitFor) return GRANT::MustWait;
        if (rule == SHARED_RULE::Fair && !owner) return GRANT::MustWait;
    }
    if (!CountShared(resource, thread)) return GRANT::TableFull;
    resource->ActiveCount = 1;
    if (!owner) resource->ActiveEntries++;
    return GRANT::Granted;
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// Grants exclusive access now, if the resource is nobody's or this thread's alone.
GRANT TryExclusive(ERESOURCE* resource, ERESOURCE_THREAD thread) REQUIRES_(resource->SpinLock) {
    if (resource->ActiveCount == 0) {
        OwnExclusive(resource, thread);
    } else if (IsOwnedExclusive(resource) && resource->OwnerEntry.OwnerThread == thread) {
        resource->OwnerEntry.OwnerCount++;
    } else {
        return GRANT::MustWait;
    }
    return GRANT::Granted;
}

/// Shared access was handed to this thread while it waited: it is counted, but its name is nowhere yet.
void WriteSharedOwner(ERESOURCE* resource, ERESOURCE_THREAD thread) {
    for (;;) {
        {
            nt::SpinLockGuard guard(resource->SpinLock);
            if (CountShared(resource, thread)) return;
        }
        ExpGrowOwnerTable(resource);
    }
}

BOOLEAN AcquireShared(ERESOURCE* resource, BOOLEAN wait, SHARED_RULE rule) {
    ExpBeginAcquire(resource, wait);
    const ERESOURCE_THREAD thread = ExGetCurrentResourceThread();
    GRANT grant;
    do {
        {
            nt::SpinLockGuard guard(resource->SpinLock);
            grant = TryShared(resource, thread, rule);
            if (grant == GRANT::MustWait) {
                if (!wait) return FALSE;
                if (!resource->SharedWaiters) {
                    grant = GRANT::NobodyWaitedYet;
                } else {
                    resource->NumberOfSharedWaiters++;
                    resource->ContentionCount++;
                }
            }
        }
        if (grant == GRANT::TableFull) ExpGrowOwnerTable(resource);
        if (grant == GRANT::NobodyWaitedYet) ExpMakeWaiters(resource);
    } while (grant == GRANT::TableFull || grant == GRANT::NobodyWaitedYet);

    if (grant == GRANT::MustWait) {
        ExpWaitForResource(resource, resource->SharedWaiters);
        WriteSharedOwner(resource, thread);
    }
    ExpNoteAcquired(resource, FALSE);
    return TRUE;
}

} // namespace

BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait) {
    ExpBeginAcquire(Resource, Wait);
    const ERESOURCE_THREAD thread = ExGetCurrentResourceThread();
    GRANT grant;
    do {
        {
            nt::SpinLockGuard guard(Resource->SpinLock);
            grant = TryExclusive(Resource, thread);
            if (grant == GRANT::MustWait) {
                if (!Wait) return FALSE;
                if (!Resource->ExclusiveWaiters) {
                    grant = GRANT::NobodyWaitedYet;
                } else {
                    Resource->NumberOfExclusiveWaiters++;
                    Resource->ContentionCount++;
                }
            }
        }
        if (grant == GRANT::NobodyWaitedYet) ExpMakeWaiters(Resource);
    } while (grant == GRANT::NobodyWaitedYet);

    if (grant == GRANT::MustWait) {
        ExpWaitForResource(Resource, Resource->ExclusiveWaiters);
        nt::SpinLockGuard guard(Resource->SpinLock);
        Resource->OwnerEntry.OwnerThread = thread;
    }
    ExpNoteAcquired(Resource, TRUE);
    return TRUE;
}

BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait) {
    return AcquireShared(Resource, Wait, SHARED_RULE::Fair);
}

BOOLEAN NTAPI ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait) {
    return AcquireShared(Resource, Wait, SHARED_RULE::Starve);
}

BOOLEAN NTAPI ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait) {
    return AcquireShared(Resource, Wait, SHARED_RULE::WaitFor);
}

/// Gives back one acquisition of a thread, exclusive or shared; with its last one the thread owns the resource no
/// longer (LeaveExclusive, LeaveShared). A thread that does not own it: ExpResourceNotOwned. ExpNoteReleased, which
/// looks for waiting threads, is called while the thread still owns the resource and the caller does not hold SpinLock.
void NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId) {
    // LAB(3.10) begin
    ExpNoteReleased(Resource, ResourceThreadId);
    nt::SpinLockGuard guard(Resource->SpinLock);
    const bool exclusive = IsOwnedExclusive(Resource);
    OWNER_ENTRY* const entry = exclusive ? &Resource->OwnerEntry : ExpFindOwner(Resource, ResourceThreadId);
    if (!entry || entry->OwnerThread != ResourceThreadId) ExpResourceNotOwned(Resource, ResourceThreadId);
    if (--entry->OwnerCount != 0) return;
    if (exclusive) {
        LeaveExclusive(Resource);
    } else {
        LeaveShared(Resource, entry);
    }
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

void FASTCALL ExReleaseResourceLite(PERESOURCE Resource) {
    ExReleaseResourceForThreadLite(Resource, ExGetCurrentResourceThread());
}

void NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource) {
    const ERESOURCE_THREAD thread = ExGetCurrentResourceThread();
    ExpNoteConverted(Resource);
    nt::SpinLockGuard guard(Resource->SpinLock);
    NT_ASSERT(IsOwnedExclusive(Resource));
    if (!IsOwnedExclusive(Resource)) return; // a free build leaves what is shared as it is
    if (Resource->OwnerEntry.OwnerThread != thread) ExpResourceNotOwned(Resource, thread);
    Resource->Flag &= USHORT(~ResourceOwnedExclusive); // and the entry of the exclusive owner is that of a shared one
    Resource->ActiveEntries = 1;
    HandOverShared(Resource);
}
