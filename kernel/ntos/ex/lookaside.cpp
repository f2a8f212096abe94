// Look-aside lists: made, deleted, and adjusted once a second.
//
// Lock: LookasideLock, a leaf, guards the list of all lists. IRQL: <= DISPATCH_LEVEL.
// In the books: "look-aside lists". ARC-08, SYH-04, SYS-14
#include "ex/lookaside.h"
#include "ex/explookaside.h"
#include "rtl/string.h"

namespace {

KSPIN_LOCK LookasideLock;
constinit LIST_ENTRY AllLists GUARDED_BY(LookasideLock) = {&AllLists, &AllLists};

void Initialize(GENERAL_LOOKASIDE& list, PALLOCATE_FUNCTION allocate, PFREE_FUNCTION free, POOL_TYPE type, SIZE_T size,
                ULONG tag) {
    RtlZeroMemory(&list, sizeof(list));
    InitializeSListHead(&list.ListHead);
    list.Depth = LOOKASIDE_MINIMUM_DEPTH;
    list.MaximumDepth = LOOKASIDE_MAXIMUM_DEPTH;
    list.Type = type;
    list.Tag = tag;
    list.Size = ULONG(size < sizeof(SLIST_ENTRY) ? sizeof(SLIST_ENTRY) : size);
    list.Allocate = allocate ? allocate : ExAllocatePoolWithTag;
    list.Free = free ? free : ExFreePool;
    nt::SpinLockGuard guard(LookasideLock);
    InsertTailList(&AllLists, &list.ListEntry);
}

void Delete(GENERAL_LOOKASIDE& list) {
    {
        nt::SpinLockGuard guard(LookasideLock);
        RemoveEntryList(&list.ListEntry);
    }
    while (PSLIST_ENTRY const block = InterlockedPopEntrySList(&list.ListHead))
        list.Free(block);
}

/// The depth after a second in which `misses` allocations found the list empty.
USHORT NextDepth(const GENERAL_LOOKASIDE& list, ULONG misses) {
    constexpr ULONG SHARE = 8; // of what is above the minimum, so much is given back
    ULONG depth = list.Depth;
    if (misses) {
        depth += misses < depth ? misses : depth;
        return USHORT(depth < list.MaximumDepth ? depth : list.MaximumDepth);
    }
    depth -= (depth - LOOKASIDE_MINIMUM_DEPTH + SHARE - 1) / SHARE; // rounded up: it arrives at the minimum
    return USHORT(depth);
}

} // namespace

void NTAPI ExpAdjustLookasideDepth(PVOID) {
    nt::SpinLockGuard guard(LookasideLock);
    for (GENERAL_LOOKASIDE* list : nt::List<&GENERAL_LOOKASIDE::ListEntry>(AllLists)) {
        const ULONG misses = list->AllocateMisses; // read once: others count on
        list->Depth = NextDepth(*list, misses - list->LastAllocateMisses);
        list->LastAllocateMisses = misses;
        list->LastTotalAllocates = list->TotalAllocates;
    }
}

extern "C" {

void NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                           PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT) {
    Initialize(Lookaside->L, Allocate, Free, NonPagedPool | Flags, Size, Tag);
}

void NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                          PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT) {
    Initialize(Lookaside->L, Allocate, Free, PagedPool | Flags, Size, Tag);
}

void NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) { Delete(Lookaside->L); }

void NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) { Delete(Lookaside->L); }

PVOID NTAPI ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) {
    return nt::AllocateFromLookaside(Lookaside->L);
}

void NTAPI ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) {
    nt::FreeToLookaside(Lookaside->L, Entry);
}
}
