// The tagged pool: small blocks from free lists by size, large ones as whole pages.
//
// In the books: "system memory pools", "executive support routines". POL-05, ARC-08
#pragma once

#include "nt/types.h"

/// Whether a pool block may be paged out.
enum class POOL_TYPE : LONG { NonPagedPool = 0, PagedPool = 1 };
inline constexpr POOL_TYPE NonPagedPool = POOL_TYPE::NonPagedPool;
inline constexpr POOL_TYPE PagedPool = POOL_TYPE::PagedPool;

/// What may be added to a pool type.
constexpr ULONG POOL_MUST_SUCCEED = 2;  ///< without memory: a bugcheck (MUST_SUCCEED_POOL_EMPTY)
constexpr ULONG POOL_CACHE_ALIGNED = 4; ///< the block begins at a cache line
constexpr ULONG POOL_QUOTA_FAIL_INSTEAD_OF_RAISE = 8;
constexpr ULONG POOL_RAISE_IF_ALLOCATION_FAILURE = 16; ///< without memory: raises STATUS_INSUFFICIENT_RESOURCES
constexpr POOL_TYPE operator|(POOL_TYPE type, ULONG more) { return POOL_TYPE(ULONG(type) | more); }
constexpr bool operator&(POOL_TYPE type, ULONG flag) { return (ULONG(type) & flag) != 0; }
inline constexpr POOL_TYPE NonPagedPoolMustSucceed = NonPagedPool | POOL_MUST_SUCCEED;
inline constexpr POOL_TYPE NonPagedPoolCacheAligned = NonPagedPool | POOL_CACHE_ALIGNED;
inline constexpr POOL_TYPE PagedPoolCacheAligned = PagedPool | POOL_CACHE_ALIGNED;
inline constexpr POOL_TYPE NonPagedPoolCacheAlignedMustS = NonPagedPoolCacheAligned | POOL_MUST_SUCCEED;

/// How important an allocation is while memory is short.
enum class EX_POOL_PRIORITY : ULONG { LowPoolPriority = 0, NormalPoolPriority = 16, HighPoolPriority = 32 };

/// A four-character pool tag: EX_TAG("Thre").
constexpr ULONG EX_TAG(const char (&text)[5]) {
    return ULONG(UCHAR(text[0])) | ULONG(UCHAR(text[1])) << 8 | ULONG(UCHAR(text[2])) << 16 |
           ULONG(UCHAR(text[3])) << 24;
}

/// Where the pool gets whole pages: the memory manager stands above and registers its routines.
struct EX_PAGE_SOURCE {
    PVOID(NTAPI* Allocate)(ULONG Pages); ///< pages in a row, or nullptr. @irql <= DISPATCH_LEVEL
    void(NTAPI* Free)(PVOID Address, ULONG Pages);
};

extern "C" {
/// @param PageSource stays in use for ever. @irql DISPATCH_LEVEL, boot
NTKERNELAPI BOOLEAN NTAPI ExInitSystem(const EX_PAGE_SOURCE* PageSource);
/// @param NumberOfBytes 0 gives a block like 1: one that no other caller has; the block is aligned to 8, to a page if it is a page or larger.
/// @returns the block, not cleared, or nullptr. @irql <= DISPATCH_LEVEL (PagedPool: <= APC_LEVEL)
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
/// A block that is not one, was freed, or has another tag is a bugcheck (BAD_POOL_CALLER, BAD_POOL_HEADER).
NTKERNELAPI void NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag);
/// @returns the bytes that the block has, at least those that were asked for. @param QuotaCharged receives whether a process
/// was charged for it. @irql <= DISPATCH_LEVEL
NTKERNELAPI SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, BOOLEAN* QuotaCharged);

/// The older names: tag `None`, and a free that looks at no tag. @irql as above
NTKERNELAPI PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes);
NTKERNELAPI void NTAPI ExFreePool(PVOID P);
/// Allocates in the name of the current process: raises STATUS_INSUFFICIENT_RESOURCES instead of returning nullptr, unless
/// POOL_QUOTA_FAIL_INSTEAD_OF_RAISE is in the type. Processes have no quota yet, so nobody is charged.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes);
/// As ExAllocatePoolWithTag. @param Priority a hint: memory is never short enough to tell the priorities apart
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                                      EX_POOL_PRIORITY Priority);
}
