// The tagged pool: memory for the system itself, non-paged or paged, in blocks of any size.
//
// A request that fits a page together with a header of 8 bytes gets a block of a page that it shares with others; a larger one
// gets whole pages. A block is aligned to 8 bytes and lies within a page; one of a page or more is aligned to a page.
// In the books: "system memory pools", "executive support routines". POL-01, POL-02, POL-04, POL-05, ARC-08
#pragma once

#include "nt/types.h"
#include "ntstatus.h"

struct KPRCB;

/// Whether a pool block may be paged out.
enum class POOL_TYPE : LONG { NonPagedPool = 0, PagedPool = 1 };
inline constexpr POOL_TYPE NonPagedPool = POOL_TYPE::NonPagedPool;
inline constexpr POOL_TYPE PagedPool = POOL_TYPE::PagedPool;

/// What may be added to a pool type.
constexpr ULONG POOL_MUST_SUCCEED = 2;  ///< no longer supported: a bugcheck (BAD_POOL_CALLER, 0x9A)
constexpr ULONG POOL_CACHE_ALIGNED = 4; ///< the block begins at a cache line
constexpr ULONG POOL_QUOTA_FAIL_INSTEAD_OF_RAISE = 8;
constexpr ULONG POOL_RAISE_IF_ALLOCATION_FAILURE = 16; ///< without memory: raises STATUS_INSUFFICIENT_RESOURCES
constexpr POOL_TYPE operator|(POOL_TYPE type, ULONG more) { return POOL_TYPE(ULONG(type) | more); }
constexpr bool operator&(POOL_TYPE type, ULONG flag) { return (ULONG(type) & flag) != 0; }
inline constexpr POOL_TYPE NonPagedPoolMustSucceed = NonPagedPool | POOL_MUST_SUCCEED;
inline constexpr POOL_TYPE NonPagedPoolCacheAligned = NonPagedPool | POOL_CACHE_ALIGNED;
inline constexpr POOL_TYPE PagedPoolCacheAligned = PagedPool | POOL_CACHE_ALIGNED;
inline constexpr POOL_TYPE NonPagedPoolCacheAlignedMustS = NonPagedPoolCacheAligned | POOL_MUST_SUCCEED;

/// NonPagedPool or PagedPool, without what was added.
constexpr POOL_TYPE ExBasePoolType(POOL_TYPE type) { return POOL_TYPE(ULONG(type) & 1); }

/// How important an allocation is while memory is short.
enum class EX_POOL_PRIORITY : ULONG { LowPoolPriority = 0, NormalPoolPriority = 16, HighPoolPriority = 32 };

/// A four-character pool tag: EX_TAG("Thre").
constexpr ULONG EX_TAG(const char (&text)[5]) {
    return ULONG(UCHAR(text[0])) | ULONG(UCHAR(text[1])) << 8 | ULONG(UCHAR(text[2])) << 16 |
           ULONG(UCHAR(text[3])) << 24;
}

/// Non-paged pool lies below this address, paged pool above it: mm lays system space out so.
constexpr ULONG_PTR EX_PAGED_POOL = 0xE1000000;

/// Where the pool gets whole pages: the memory manager stands above and registers its routines. The pool calls them without
/// a lock of its own. @irql of all: <= DISPATCH_LEVEL for non-paged pages, <= APC_LEVEL for paged ones
struct EX_PAGE_SOURCE {
    PVOID(NTAPI* Allocate)(POOL_TYPE PoolType, ULONG Pages); ///< pages in a row, or nullptr
    ULONG(NTAPI* Free)(PVOID Address); ///< frees the pages of one allocation. @returns how many; 0: none begins here
    BOOLEAN(NTAPI* TypeOf)
    (const volatile void* Address,
     POOL_TYPE* PoolType); ///< FALSE: not in a page of a pool that is allocated (or, non-paged, mapped). @irql any
    ULONG(NTAPI* Available)(POOL_TYPE PoolType); ///< pages that it could still give, as a hint
};

/// A block of the special pool, as its page knows it.
struct POOL_SPECIAL {
    SIZE_T Bytes; ///< that were asked for, 1 or more
    ULONG Tag;
    POOL_TYPE PoolType;
};

/// The special pool: each block at the end of a page of its own, in front of a page that is not there.
struct EX_SPECIAL_SOURCE {
    SIZE_T LargestBlock;                                   ///< bytes
    PVOID(NTAPI* Allocate)(const POOL_SPECIAL* Wanted);    ///< nullptr: none for this. @irql <= DISPATCH_LEVEL
    BOOLEAN(NTAPI* IsBlock)(const volatile void* Address); ///< whether it may be one, by where it lies. @irql any
    void(NTAPI* Query)(PVOID Block, POOL_SPECIAL* Found);
    void(NTAPI* Free)(
        PVOID Block); ///< looks at the bytes around the block; its page is gone afterwards. @irql <= DISPATCH_LEVEL
};

/// The charge for pool: the process structure stands above and registers its routines. @irql of both: <= DISPATCH_LEVEL
struct EX_QUOTA_SOURCE {
    /// Charges the current process. @param Process receives it, or nullptr: it is not charged at all (the system's own process)
    NTSTATUS(NTAPI* Charge)(POOL_TYPE PoolType, SIZE_T Bytes, PVOID* Process);
    void(NTAPI* Return)(PVOID Process, POOL_TYPE PoolType, SIZE_T Bytes);
};

/// What one tag has: a row of PoolTrackTable.
/// shared: Key is written once; the counts change by interlocked operations
struct POOL_TRACKER_TABLE {
    volatile LONG Key; ///< the tag; 0: the row is free
    volatile LONG NonPagedAllocs;
    volatile LONG NonPagedFrees;
    volatile LONG NonPagedBytes; ///< of blocks that are in use, headers included
    volatile LONG PagedAllocs;
    volatile LONG PagedFrees;
    volatile LONG PagedBytes;
};
constexpr ULONG POOL_TRACK_ROWS = 512;

/// What a pool has at a moment.
struct POOL_USAGE {
    ULONG BlockPages; ///< pages that are cut into blocks
    ULONG BigPages;   ///< pages of allocations of whole pages
    ULONG BlockBytes; ///< of blocks that are in use or kept for the next allocation, with their headers
};

extern "C" {
/// Rows of tags, in no order. Tags that found no row share the last one, whose key is `Ovfl`. What processors have counted in
/// their look-aside lists since, KPRCB::PoolLookaside has; ExQueryPoolTag adds it.
NTKERNELAPI extern POOL_TRACKER_TABLE PoolTrackTable[POOL_TRACK_ROWS];

/// @param PageSource stays in use for ever. @irql DISPATCH_LEVEL, boot
NTKERNELAPI BOOLEAN NTAPI ExInitSystem(const EX_PAGE_SOURCE* PageSource);
/// From now on the special pool takes what /SPECIALPOOL says. @param Source stays in use for ever. @irql boot
void NTAPI ExInitializeSpecialPool(const EX_SPECIAL_SOURCE* Source);
/// From now on allocations with quota charge processes. @param Source stays in use for ever. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI ExRegisterQuotaSource(const EX_QUOTA_SOURCE* Source);
/// Lets a processor keep freed blocks for its next allocations. @irql boot, before the processor runs
void NTAPI ExInitializeProcessorPool(KPRCB* Prcb);
/// @param NumberOfBytes 0 gives a block like 1: one that no other caller has. @param Tag not 0
/// @returns the block, not cleared, or nullptr. @irql <= DISPATCH_LEVEL (PagedPool: <= APC_LEVEL)
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
/// @param Tag the tag of the allocation; 0: any. A block that is none, was freed, or has another tag is a bugcheck
/// (BAD_POOL_CALLER, BAD_POOL_HEADER). @irql as for the allocation
NTKERNELAPI void NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag);
/// @returns the bytes that the block has, at least those that were asked for. @param QuotaCharged receives whether a process
/// was charged for it. @irql <= DISPATCH_LEVEL
NTKERNELAPI SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, BOOLEAN* QuotaCharged);

/// Reads what a pool has, without a lock. @irql any
NTKERNELAPI void NTAPI ExQueryPoolUsage(POOL_TYPE PoolType, POOL_USAGE* Usage);
/// Counts of one tag, as they are at a moment. @param Row receives them; its Key is 0 if the tag was never used. @irql any
NTKERNELAPI void NTAPI ExQueryPoolTag(ULONG Tag, POOL_TRACKER_TABLE* Row);
/// Gives the blocks that this processor keeps back to the non-paged pool. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExDrainPoolLookaside();
/// Walks the free lists of both pools. @returns whether each block is what its list says. @irql <= APC_LEVEL
NTKERNELAPI BOOLEAN NTAPI ExCheckPools();

/// The older names: tag `None`, and a free that looks at no tag. @irql as above
NTKERNELAPI PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes);
NTKERNELAPI void NTAPI ExFreePool(PVOID P);
/// Allocates at the cost of the current process. Raises instead of returning nullptr, unless POOL_QUOTA_FAIL_INSTEAD_OF_RAISE is in
/// the type: STATUS_INSUFFICIENT_RESOURCES, or the status of the charge (STATUS_QUOTA_EXCEEDED). @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes);
/// As ExAllocatePoolWithTag, but it fails earlier. @param Priority Low: while memory is short; Normal: while it is nearly gone;
/// High: when there is none
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                                      EX_POOL_PRIORITY Priority);
}
