// Look-aside lists: blocks of one size that were freed and are kept for the next allocation.
//
// A list is a sequenced stack (slist.h) in front of a pool: taking a block from it or putting one back is one interlocked
// step, without the pool's lock. It keeps at most Depth blocks; what is freed beyond that goes back to the pool.
// Once a second the system adjusts the depth of each list: a list that ran empty grows by what it lacked, at most to twice
// its depth and to MaximumDepth; one that did not gives an eighth back.
// Invariant: a block is on the list or with its user, never both. The counts are statistics: lost updates are harmless.
// Locks: none for blocks; a spin lock of the executive's guards the list of all look-aside lists (L.ListEntry).
// In the books: "look-aside lists". ARC-08, SYH-04
#pragma once

#include "ex/fastmutex.h"
#include "ex/pool.h"
#include "ex/slist.h"
#include "ke/spinlock.h"

using ALLOCATE_FUNCTION = PVOID NTAPI(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
using PALLOCATE_FUNCTION = ALLOCATE_FUNCTION*;
using FREE_FUNCTION = void NTAPI(PVOID Buffer);
using PFREE_FUNCTION = FREE_FUNCTION*;

constexpr USHORT LOOKASIDE_MINIMUM_DEPTH = 4; ///< also the depth of a new list
constexpr USHORT LOOKASIDE_MAXIMUM_DEPTH = 256;

/// What both kinds of look-aside lists have.
/// shared: ListHead by interlocked steps; Depth is written by the once-a-second scan; counts without a lock
struct GENERAL_LOOKASIDE {
    SLIST_HEADER ListHead;
    USHORT Depth; ///< most blocks that are kept
    USHORT MaximumDepth;
    ULONG TotalAllocates;
    ULONG AllocateMisses; ///< of these, the list was empty
    ULONG TotalFrees;
    ULONG FreeMisses; ///< of these, the list was full
    POOL_TYPE Type;
    ULONG Tag;
    ULONG Size; ///< of a block, in bytes
    PALLOCATE_FUNCTION Allocate;
    PFREE_FUNCTION Free;
    LIST_ENTRY ListEntry;
    ULONG LastTotalAllocates; ///< as the last scan saw them
    ULONG LastAllocateMisses;
    ULONG Future[2];
};
using PGENERAL_LOOKASIDE = GENERAL_LOOKASIDE*;
#if defined(__i386__)
static_assert(sizeof(GENERAL_LOOKASIDE) == 0x48 && offsetof(GENERAL_LOOKASIDE, Tag) == 0x20 &&
              offsetof(GENERAL_LOOKASIDE, ListEntry) == 0x30);
#endif

/// A look-aside list in front of non-paged pool.
/// shared: as L; how long a driver's is depends on its headers, so the kernel touches nothing behind L
struct NPAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
    KSPIN_LOCK Lock__ObsoleteButDoNotDelete;
};
using PNPAGED_LOOKASIDE_LIST = NPAGED_LOOKASIDE_LIST*;

/// A look-aside list in front of paged pool.
/// shared: as NPAGED_LOOKASIDE_LIST
struct PAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
    FAST_MUTEX Lock__ObsoleteButDoNotDelete;
};
using PPAGED_LOOKASIDE_LIST = PAGED_LOOKASIDE_LIST*;

extern "C" {
/// Makes an empty list. @param Allocate, Free: nullptr for the pool's routines. @param Flags 0 or
/// POOL_RAISE_IF_ALLOCATION_FAILURE. @param Size of a block in bytes; at least a pointer. @param Depth not used.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                                       PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag,
                                                       USHORT Depth);
/// Gives the kept blocks back; nobody uses the list any more. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
/// As the two above, for paged pool. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                                      PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag,
                                                      USHORT Depth);
NTKERNELAPI void NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
/// @returns a block, or nullptr. @irql <= APC_LEVEL
NTKERNELAPI PVOID NTAPI ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
/// @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);
}

namespace nt {

/// A block from the list, or else from its pool.
inline PVOID AllocateFromLookaside(GENERAL_LOOKASIDE& list) {
    list.TotalAllocates++;
    if (PVOID const block = InterlockedPopEntrySList(&list.ListHead)) return block;
    list.AllocateMisses++;
    return list.Allocate(list.Type, list.Size, list.Tag);
}

inline void FreeToLookaside(GENERAL_LOOKASIDE& list, PVOID block) {
    list.TotalFrees++;
    if (ExQueryDepthSList(&list.ListHead) < list.Depth) {
        InterlockedPushEntrySList(&list.ListHead, static_cast<PSLIST_ENTRY>(block));
    } else {
        list.FreeMisses++;
        list.Free(block);
    }
}

} // namespace nt

/// @returns a block, or nullptr. @irql <= DISPATCH_LEVEL
inline PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) {
    return nt::AllocateFromLookaside(Lookaside->L);
}
/// @irql <= DISPATCH_LEVEL
inline void ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) {
    nt::FreeToLookaside(Lookaside->L, Entry);
}
