// ERESOURCE, the executive resource: one thread exclusively, or several shared.
//
// Invariants, while SpinLock is free:
//   - ActiveCount is 1 while a thread owns the resource, else 0;
//   - ResourceOwnedExclusive is set exactly while it is owned exclusively: OwnerEntry is the owner and how often it
//     acquired (OwnerThread 0: handed over to a thread that has not run yet);
//   - otherwise every shared owner has one entry with its count: OwnerEntry or one of OwnerTable, and ActiveEntries
//     is the number of shared owners, with threads that it was handed to and that have not run yet;
//   - SharedWaiters and ExclusiveWaiters exist while a thread waits for them: the first one that must wait makes them;
//   - no thread waits while the resource is free.
// Starvation: a thread that wants shared access waits behind those that wait for exclusive access; but when an exclusive
// owner releases, all that wait for shared access come first. So neither side waits for ever.
// A thread that waits long for a resource lends its owners a priority (boost).
// Locks: SpinLock guards all fields. Callers are at PASSIVE_LEVEL with normal kernel APCs disabled, or at APC_LEVEL: an
// APC routine must not find the resource owned by the thread that it interrupted.
// In the books: "executive resources", "priority boosts for executive resources". DSP-20, SCH-19
#pragma once

#include "ke/dispatcher.h"
#include "ke/spinlock.h"
#include "ke/thread.h"

/// A KTHREAD's address, or a pointer of ExSetResourceOwnerPointer with both low bits set.
using ERESOURCE_THREAD = ULONG_PTR;

/// One owner of an executive resource.
/// shared: ERESOURCE::SpinLock guards it
struct OWNER_ENTRY {
    ERESOURCE_THREAD OwnerThread; ///< 0: the entry is free
    union {
        LONG OwnerCount; ///< how often it acquired
        ULONG TableSize; ///< in OwnerTable[0], which is no entry: entries of the table, this one included
    };
};
using POWNER_ENTRY = OWNER_ENTRY*;
PUBLIC_SIZE(OWNER_ENTRY, 8);

// ERESOURCE::Flag
constexpr USHORT ResourceDisableBoost = 0x08;   ///< its owners get no boost
constexpr USHORT ResourceOwnedExclusive = 0x80; ///< owned by one thread

/// An executive resource: a lock that many threads may share, or one has alone, and may have several times.
struct ERESOURCE {
    LIST_ENTRY SystemResourcesList;               ///< ExpResourceSpinLock; of all resources
    POWNER_ENTRY OwnerTable GUARDED_BY(SpinLock); ///< nullptr until a second thread shares the resource
    SHORT ActiveCount GUARDED_BY(SpinLock);
    USHORT Flag GUARDED_BY(SpinLock);
    PKSEMAPHORE volatile SharedWaiters; ///< a unit for each thread that shared access is handed to. Set under SpinLock
    PKEVENT volatile ExclusiveWaiters;  ///< signaled when exclusive access is handed to one thread. Set under SpinLock
    OWNER_ENTRY OwnerEntry GUARDED_BY(SpinLock);
    ULONG ActiveEntries GUARDED_BY(SpinLock);
    ULONG ContentionCount GUARDED_BY(SpinLock); ///< waits so far
    ULONG NumberOfSharedWaiters GUARDED_BY(SpinLock);
    ULONG NumberOfExclusiveWaiters GUARDED_BY(SpinLock);
    PVOID Address; ///< the code that made it
    KSPIN_LOCK SpinLock;
};
using PERESOURCE = ERESOURCE*;
PUBLIC_SIZE(ERESOURCE, 56);
PUBLIC_OFFSET(ERESOURCE, SharedWaiters, 16);
PUBLIC_OFFSET(ERESOURCE, OwnerEntry, 24);
PUBLIC_OFFSET(ERESOURCE, ContentionCount, 36);
PUBLIC_OFFSET(ERESOURCE, Address, 48);

extern "C" {

/// Makes a resource. @irql <= DISPATCH_LEVEL. @returns STATUS_SUCCESS
NTKERNELAPI NTSTATUS NTAPI ExInitializeResourceLite(PERESOURCE Resource);
/// Makes a resource that no thread owns as it was after ExInitializeResourceLite. @returns STATUS_SUCCESS
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI ExReinitializeResourceLite(PERESOURCE Resource);
/// The end of a resource that no thread owns or waits for; then its memory may be freed. @returns STATUS_SUCCESS
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource);

/// Acquires the resource for the calling thread alone; again if it owns it exclusively already.
/// @param Wait FALSE: returns FALSE at once instead of waiting. @irql <= APC_LEVEL, normal kernel APCs disabled
NTKERNELAPI BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait) EXCLUDES_(AtDispatchLevel);
/// Acquires the resource shared. A thread that has it already gets it again at once; another one waits behind threads
/// that wait for exclusive access. @irql as ExAcquireResourceExclusiveLite
NTKERNELAPI BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait) EXCLUDES_(AtDispatchLevel);
/// As ExAcquireResourceSharedLite, but does not wait behind those that wait for exclusive access: it starves them.
NTKERNELAPI BOOLEAN NTAPI ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait) EXCLUDES_(AtDispatchLevel);
/// As ExAcquireResourceSharedLite, but waits behind them even if the thread shares the resource already: a caller that
/// does must not wait (it would wait for itself).
NTKERNELAPI BOOLEAN NTAPI ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait) EXCLUDES_(AtDispatchLevel);

/// A critical region around the acquisition that waits. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource) EXCLUDES_(AtDispatchLevel);
NTKERNELAPI void NTAPI ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource) EXCLUDES_(AtDispatchLevel);
NTKERNELAPI void NTAPI ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource)
    EXCLUDES_(AtDispatchLevel);
NTKERNELAPI void FASTCALL ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource) EXCLUDES_(AtDispatchLevel);

/// Gives back one acquisition of the calling thread. Not owned: bugcheck RESOURCE_NOT_OWNED. @irql <= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL ExReleaseResourceLite(PERESOURCE Resource);
/// Gives back one acquisition of another thread, or of an owner pointer. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId);
/// Exclusive access of the calling thread becomes shared, and those that wait for shared access join it. On a
/// resource that no thread owns exclusively it has no effect (checked builds assert); on another thread's it is bugcheck
/// RESOURCE_NOT_OWNED. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource);
/// The calling thread's acquisitions belong to `OwnerPointer` from now on, so that another thread may give them back
/// with ExReleaseResourceForThreadLite, and this one may end.
/// @param OwnerPointer a system address with both low bits set. Not owned: bugcheck RESOURCE_NOT_OWNED.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer);
/// The owners of this resource get no boost. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExDisableResourceBoostLite(PERESOURCE Resource);

/// @irql <= DISPATCH_LEVEL, as all that follow
NTKERNELAPI BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource);
/// @returns how often the calling thread acquired the resource, shared or exclusively.
NTKERNELAPI ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource);
NTKERNELAPI ULONG NTAPI ExGetExclusiveWaiterCount(PERESOURCE Resource);
NTKERNELAPI ULONG NTAPI ExGetSharedWaiterCount(PERESOURCE Resource);

/// Every resource of the system: of ERESOURCE::SystemResourcesList.
NTKERNELAPI extern LIST_ENTRY ExpSystemResourcesList;
NTKERNELAPI extern KSPIN_LOCK ExpResourceSpinLock;
}

/// @returns the calling thread as an owner of resources. @irql <= DISPATCH_LEVEL
inline ERESOURCE_THREAD ExGetCurrentResourceThread() {
    return reinterpret_cast<ERESOURCE_THREAD>(KeGetCurrentThread());
}
