// The owners of a resource: their table, what threads wait for, and the priority that a thread which waits long lends them.
//
// The first shared owner has a place in the resource itself; the table is made when a second one comes, and doubled when
// it is full. It never shrinks before the resource is deleted.
// Locks: ERESOURCE::SpinLock. The pool is asked outside of it, so another thread may have been faster.
// In the books: "executive resources", "priority boosts for executive resources". DSP-20, SCH-19
#include "ex/exp.h"
#include "rtl/string.h"

namespace {

constexpr ULONG FirstTable = 4; ///< entries of the first table; entry 0 holds the size
constexpr LONG MaximumWaiters = 0x7FFF'FFFF;
constexpr LONG RetryMilliseconds = 10;  ///< between two tries to get memory
constexpr LONG BoostMilliseconds = 500; ///< how long a thread waits before its priority is lent to the owners
constexpr KPRIORITY BoostPriority = 14; ///< what an owner is raised to

/// The thread that owns through `entry`, or nullptr: free, handed over but not taken, or an owner pointer.
PKTHREAD OwnerOf(const OWNER_ENTRY& entry) {
    if ((entry.OwnerThread & ExpOwnerPointerBits) != 0) return nullptr;
    return reinterpret_cast<PKTHREAD>(entry.OwnerThread);
}

// An owner cannot end or release while the resource's lock is held, so its KTHREAD is there.
void Boost(const OWNER_ENTRY& entry, KPRIORITY waiting) {
    KTHREAD* const owner = OwnerOf(entry);
    if (!owner || owner->DisableBoost) return;
    const KPRIORITY priority = KeQueryPriorityThread(owner);
    if (priority < waiting && priority < BoostPriority) KeBoostPriorityThread(owner, BoostPriority - priority);
}

void BoostOwners(PERESOURCE resource) {
    const KPRIORITY waiting = KeQueryPriorityThread(KeGetCurrentThread());
    nt::SpinLockGuard guard(resource->SpinLock);
    if ((resource->Flag & ResourceDisableBoost) != 0) return;
    Boost(resource->OwnerEntry, waiting);
    if (!resource->OwnerTable) return;
    for (ULONG i = 1; i < resource->OwnerTable[0].TableSize; i++)
        Boost(resource->OwnerTable[i], waiting);
}

/// An acquisition cannot fail for lack of memory: it tries again when other threads have freed some.
void WaitForMemory() {
    LARGE_INTEGER interval = KeRelativeMilliseconds(RetryMilliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

template <typename T> T* NewWaitObject() {
    return static_cast<T*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(T), ExpWaiterTag));
}

void FreeWaitObject(PVOID object) {
    if (object) ExFreePoolWithTag(object, ExpWaiterTag);
}

} // namespace

void ExpMakeWaiters(PERESOURCE Resource) {
    KSEMAPHORE* semaphore = NewWaitObject<KSEMAPHORE>();
    KEVENT* event = NewWaitObject<KEVENT>();
    if (semaphore && event) {
        KeInitializeSemaphore(semaphore, 0, MaximumWaiters);
        KeInitializeEvent(event, SynchronizationEvent, FALSE);
        nt::SpinLockGuard guard(Resource->SpinLock);
        if (!Resource->SharedWaiters) { // else another thread was faster
            Resource->SharedWaiters = semaphore;
            Resource->ExclusiveWaiters = event;
            return;
        }
    } else {
        WaitForMemory();
    }
    FreeWaitObject(semaphore);
    FreeWaitObject(event);
}

void ExpDeleteWaiters(PERESOURCE Resource) {
    FreeWaitObject(Resource->SharedWaiters);
    FreeWaitObject(Resource->ExclusiveWaiters);
    Resource->SharedWaiters = nullptr;
    Resource->ExclusiveWaiters = nullptr;
}

POWNER_ENTRY ExpFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Thread) {
    if (Resource->OwnerEntry.OwnerThread == Thread) return &Resource->OwnerEntry;
    if (!Resource->OwnerTable) return nullptr;
    for (ULONG i = 1; i < Resource->OwnerTable[0].TableSize; i++) {
        if (Resource->OwnerTable[i].OwnerThread == Thread) return &Resource->OwnerTable[i];
    }
    return nullptr;
}

void ExpGrowOwnerTable(PERESOURCE Resource) {
    ULONG oldSize;
    {
        nt::SpinLockGuard guard(Resource->SpinLock);
        oldSize = Resource->OwnerTable ? Resource->OwnerTable[0].TableSize : 0;
    }
    const ULONG newSize = oldSize ? oldSize * 2 : FirstTable;
    auto* const table =
        static_cast<OWNER_ENTRY*>(ExAllocatePoolWithTag(NonPagedPool, newSize * sizeof(OWNER_ENTRY), ExpOwnerTag));
    if (!table) return WaitForMemory();
    RtlZeroMemory(table, newSize * sizeof(OWNER_ENTRY));

    OWNER_ENTRY* unused = table;
    {
        nt::SpinLockGuard guard(Resource->SpinLock);
        OWNER_ENTRY* const old = Resource->OwnerTable;
        if ((old ? old[0].TableSize : 0) == oldSize) {
            for (ULONG i = 1; i < oldSize; i++)
                table[i] = old[i];
            table[0].TableSize = newSize;
            Resource->OwnerTable = table;
            unused = old;
        }
    }
    if (unused) ExFreePoolWithTag(unused, ExpOwnerTag);
}

void ExpWaitForResource(PERESOURCE Resource, PVOID Waiters) {
    KLOCK_NOTE note;
    KeInitializeLockNote(&note, Resource, KLOCK_KIND::Resource, Waiters == Resource->ExclusiveWaiters, Waiters);
    KeBeginLockWait(&note);
    LARGE_INTEGER timeout = KeRelativeMilliseconds(BoostMilliseconds);
    while (KeWaitForSingleObject(Waiters, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout) == STATUS_TIMEOUT)
        BoostOwners(Resource);
    KeEndLockWait(&note);
}

void NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer) {
    const auto pointer = reinterpret_cast<ERESOURCE_THREAD>(OwnerPointer);
    NT_ASSERT((pointer & ExpOwnerPointerBits) == ExpOwnerPointerBits);
    const ERESOURCE_THREAD thread = ExGetCurrentResourceThread();
    KeForgetLock(Resource, KeGetCurrentThread());
    nt::SpinLockGuard guard(Resource->SpinLock);
    if ((Resource->Flag & ResourceOwnedExclusive) != 0) {
        if (Resource->OwnerEntry.OwnerThread != thread) ExpResourceNotOwned(Resource, thread);
        Resource->OwnerEntry.OwnerThread = pointer;
        return;
    }
    OWNER_ENTRY* const entry = ExpFindOwner(Resource, thread);
    if (!entry) ExpResourceNotOwned(Resource, thread);
    OWNER_ENTRY* const same = ExpFindOwner(Resource, pointer);
    if (!same) {
        entry->OwnerThread = pointer;
        return;
    }
    same->OwnerCount += entry->OwnerCount; // the pointer shares it already: one owner less
    entry->OwnerThread = 0;
    Resource->ActiveEntries--;
}
