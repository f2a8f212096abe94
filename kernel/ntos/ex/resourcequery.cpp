// The life of a resource, and what can be asked about it.
//
// Locks: ExpResourceSpinLock guards the list of all resources; ERESOURCE::SpinLock the rest. IRQL: <= DISPATCH_LEVEL.
// In the books: "executive resources". DSP-20
#include "ex/exp.h"
#include "rtl/string.h"

extern "C" {
constinit LIST_ENTRY ExpSystemResourcesList = {&ExpSystemResourcesList, &ExpSystemResourcesList};
constinit KSPIN_LOCK ExpResourceSpinLock = {};
}

namespace {

/// What the parameter 3 of RESOURCE_NOT_OWNED says.
ULONG_PTR OwnerTableOf(PERESOURCE resource) NO_THREAD_SAFETY_ANALYSIS { // the system stops: no other thread matters
    return reinterpret_cast<ULONG_PTR>(resource->OwnerTable);
}

} // namespace

void ExpResourceNotOwned(PERESOURCE Resource, ERESOURCE_THREAD Thread) {
    KeBugCheckEx(RESOURCE_NOT_OWNED, reinterpret_cast<ULONG_PTR>(Resource), Thread, OwnerTableOf(Resource), 0);
}

// No other thread knows the resource yet.
NTSTATUS NTAPI ExInitializeResourceLite(PERESOURCE Resource) NO_THREAD_SAFETY_ANALYSIS {
    RtlZeroMemory(Resource, sizeof(*Resource));
    KeInitializeSpinLock(&Resource->SpinLock, KLOCK_RANK::Object);
    Resource->Address = __builtin_return_address(0);
    KeSetLockRank(Resource, 0);
    nt::SpinLockGuard guard(ExpResourceSpinLock);
    InsertTailList(&ExpSystemResourcesList, &Resource->SystemResourcesList);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ExReinitializeResourceLite(PERESOURCE Resource) {
    const NTSTATUS status = ExDeleteResourceLite(Resource);
    return NT_SUCCESS(status) ? ExInitializeResourceLite(Resource) : status;
}

NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource) {
    {
        nt::SpinLockGuard guard(ExpResourceSpinLock);
        RemoveEntryList(&Resource->SystemResourcesList);
    }
    OWNER_ENTRY* table;
    {
        nt::SpinLockGuard guard(Resource->SpinLock);
        NT_ASSERT(Resource->ActiveCount == 0);
        table = Resource->OwnerTable;
        Resource->OwnerTable = nullptr;
    }
    if (table) ExFreePoolWithTag(table, ExpOwnerTag);
    ExpDeleteWaiters(Resource);
    KeSetSpinLockRank(&Resource->SpinLock, KLOCK_RANK::None);
    KeSetLockRank(Resource, 0);
    return STATUS_SUCCESS;
}

void NTAPI ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource) {
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(Resource, TRUE);
}

void NTAPI ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource) {
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(Resource, TRUE);
}

void NTAPI ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource) {
    KeEnterCriticalRegion();
    ExAcquireSharedWaitForExclusive(Resource, TRUE);
}

void FASTCALL ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource) {
    ExReleaseResourceLite(Resource);
    KeLeaveCriticalRegion();
}

void NTAPI ExDisableResourceBoostLite(PERESOURCE Resource) {
    nt::SpinLockGuard guard(Resource->SpinLock);
    Resource->Flag |= ResourceDisableBoost;
}

BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource) {
    nt::SpinLockGuard guard(Resource->SpinLock);
    return (Resource->Flag & ResourceOwnedExclusive) != 0 &&
           Resource->OwnerEntry.OwnerThread == ExGetCurrentResourceThread();
}

ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource) {
    nt::SpinLockGuard guard(Resource->SpinLock);
    const ERESOURCE_THREAD thread = ExGetCurrentResourceThread();
    if ((Resource->Flag & ResourceOwnedExclusive) != 0) {
        return Resource->OwnerEntry.OwnerThread == thread ? ULONG(Resource->OwnerEntry.OwnerCount) : 0;
    }
    const OWNER_ENTRY* const entry = ExpFindOwner(Resource, thread);
    return entry ? ULONG(entry->OwnerCount) : 0;
}

ULONG NTAPI ExGetExclusiveWaiterCount(PERESOURCE Resource) {
    nt::SpinLockGuard guard(Resource->SpinLock);
    return Resource->NumberOfExclusiveWaiters;
}

ULONG NTAPI ExGetSharedWaiterCount(PERESOURCE Resource) {
    nt::SpinLockGuard guard(Resource->SpinLock);
    return Resource->NumberOfSharedWaiters;
}
