// Private to the pools' page level: runs of non-paged pages, the bitmaps of paged ones.
//
// Both manage page numbers of a fixed virtual range. What lies behind a page, the page source's file knows (poolpages.cpp).
// In the books: "system memory pools", "non-paged pool", "paged pool". POL-01, POL-02
#pragma once

#include "ke/spinlock.h"
#include "nt/list.h"
#include "rtl/bitmap.h"

constexpr ULONG MI_MAX_FREE_LIST_HEADS = 4; ///< runs of 1, 2, 3 pages, and of 4 or more

/// What the first page of a free run holds; the last one holds Owner, so that the run is found from behind, too.
/// shared: the pool's lock
struct MMFREE_POOL_ENTRY {
    LIST_ENTRY List;
    ULONG Size; ///< of the run, in pages
    ULONG Signature;
    MMFREE_POOL_ENTRY* Owner; ///< the run's first page
};
constexpr ULONG MM_FREE_POOL_SIGNATURE = 0x50554C46;

/// Non-paged pages: free ones lie in runs, each on the list of its size; the run's own first page is the node.
///
/// Invariants (MiCheckNonPagedPool): every mapped page is in one allocation or in one free run; two free runs are never
/// neighbours; an allocation has its Start bit at its first page and its End bit at its last; a page that is not mapped has
/// both, so no run grows into it.
/// shared: Lock guards it all
struct MI_NONPAGED_POOL {
    UCHAR* Base;
    ULONG Pages; ///< of the range, mapped or not
    KSPIN_LOCK Lock;
    RTL_BITMAP Mapped; ///< set: the page is mapped, or about to be
    RTL_BITMAP Start;  ///< set: an allocation begins here
    RTL_BITMAP End;    ///< set: an allocation ends here
    ULONG FreePages;   ///< in runs
    ULONG MappedPages;
    LIST_ENTRY FreeList[MI_MAX_FREE_LIST_HEADS];
};

/// @param bits room for three bitmaps of `pages` bits, each rounded up to words
void MiInitializeNonPagedPool(MI_NONPAGED_POOL& pool, PVOID base, ULONG pages, ULONG* bits);
/// Takes pages in a row from a free run. @returns their address, or nullptr
PVOID MiTakeNonPagedPages(MI_NONPAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock);
/// Puts the pages of an allocation back, and joins them with free neighbours. @returns how many; 0: none begins there
ULONG MiPutNonPagedPages(MI_NONPAGED_POOL& pool, PVOID address) REQUIRES_(pool.Lock);
/// Reserves pages in a row that are not mapped; they look like an allocation, so MiPutNonPagedPages makes them a free run once
/// they are mapped. @returns their address, or nullptr
PVOID MiExpandNonPagedPool(MI_NONPAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock);
/// Gives such pages up again: they could not be mapped.
void MiAbandonExpansion(MI_NONPAGED_POOL& pool, PVOID address, ULONG pages) REQUIRES_(pool.Lock);
/// @returns whether the invariants hold
bool MiCheckNonPagedPool(MI_NONPAGED_POOL& pool) REQUIRES_(pool.Lock);

/// Paged pages: a bit for each page that is allocated, and in a second bitmap a bit for each page that an allocation ends at.
///
/// Invariant (MiCheckPagedPool): an end bit is set at an allocated page only, and the last page of a row of allocated ones has it.
/// shared: Lock guards it all
struct MI_PAGED_POOL {
    UCHAR* Base;
    KSPIN_LOCK Lock;
    RTL_BITMAP Allocated;
    RTL_BITMAP EndOfAllocation;
    ULONG Hint; ///< no page before it is free
    ULONG FreePages;
};

/// @param bits room for two bitmaps of `pages` bits, each rounded up to words
void MiInitializePagedPool(MI_PAGED_POOL& pool, PVOID base, ULONG pages, ULONG* bits);
/// Reserves the first run of so many free pages. @returns its address, or nullptr
PVOID MiReservePagedPages(MI_PAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock);
/// @returns how many pages the allocation has that begins at an address; 0: none does
ULONG MiPagedAllocationSize(const MI_PAGED_POOL& pool, const void* address) REQUIRES_(pool.Lock);
/// Gives an allocation of so many pages back.
void MiReleasePagedPages(MI_PAGED_POOL& pool, PVOID address, ULONG pages) REQUIRES_(pool.Lock);
/// @returns whether the invariant holds
bool MiCheckPagedPool(const MI_PAGED_POOL& pool) REQUIRES_(pool.Lock);

/// Phase 0, behind the system PTEs: the special pool, if the boot options ask for it. (special.cpp)
void MiInitializeSpecialPool();
/// @returns the bugcheck of a fault at an address that is one of the special pool's; 0: it is none. @irql any
ULONG MiSpecialPoolFault(PVOID address);

/// Words of a bitmap.
constexpr ULONG MiBitmapWords(ULONG bits) { return (bits + 31) / 32; }
