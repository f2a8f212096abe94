// The tagged pool: small blocks from free lists by size, large ones as whole pages.
//
// In the books: "system memory pools", "executive support routines". POL-05, ARC-08
#pragma once

#include "nt/types.h"

/// Whether a pool block may be paged out.
enum class POOL_TYPE : LONG { NonPagedPool = 0, PagedPool = 1 };
inline constexpr POOL_TYPE NonPagedPool = POOL_TYPE::NonPagedPool;
inline constexpr POOL_TYPE PagedPool = POOL_TYPE::PagedPool;

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
}
