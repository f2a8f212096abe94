// Private to the pools' page level: runs of non-paged pages, the bitmaps of paged ones.
//
// Both manage page numbers of a fixed virtual range. What lies behind a page, poolpages.cpp knows.
// In the books: "system memory pools", "non-paged pool", "paged pool". POL-01, POL-02
#pragma once

#include "ke/spinlock.h"
#include "nt/list.h"
#include "rtl/bitmap.h"

extern KSPIN_LOCK MiPageLock;

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
/// The bitmaps cover the pages that have page tables; they grow with these, up to Limit.
///
/// Invariants (MiCheckPagedPool): an end bit is set at an allocated page only, and the last page of a row of allocated ones has
/// it; FreePages is the number of bits that are clear in Allocated; no page before Hint is free; both bitmaps have the same size.
/// shared: Lock guards it all
struct MI_PAGED_POOL {
    UCHAR* Base;
    KSPIN_LOCK Lock;
    RTL_BITMAP Allocated;
    RTL_BITMAP EndOfAllocation;
    ULONG Hint; ///< no page before it is free
    ULONG FreePages;
    ULONG Limit; ///< of the range, in pages: the bitmaps have room for so many
};

/// @param pages that the pool has at first, and that have page tables. @param limit pages of the range
/// @param bits room for two bitmaps of `limit` bits, each rounded up to words
void MiInitializePagedPool(MI_PAGED_POOL& pool, PVOID base, ULONG pages, ULONG limit, ULONG* bits);
/// @returns whether the invariants hold
bool MiCheckPagedPool(const MI_PAGED_POOL& pool) REQUIRES_(pool.Lock);

// The bitmaps (paged.cpp). IRQL: DISPATCH_LEVEL.

/// Allocates the lowest run of so many free pages: the bits say so. @param pages at least 1. @returns the run's address; nullptr if
/// there is none: nothing has changed. Postcondition: if the run begins at Hint, Hint is behind the run.
PVOID MiReservePagedPages(MI_PAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock);
/// @returns how many pages the allocation has that begins at an address; 0: none does. @param address any
ULONG MiPagedAllocationSize(const MI_PAGED_POOL& pool, const void* address) REQUIRES_(pool.Lock);
/// Frees the pages of an allocation. @param pages all of it, as MiPagedAllocationSize says
void MiReleasePagedPages(MI_PAGED_POOL& pool, PVOID address, ULONG pages) REQUIRES_(pool.Lock);
/// @returns by how many pages the pool must grow to have a run of so many free pages at its end: a multiple of PTE_PER_PAGE, or all
/// that is left of the range where that is less; the least that suffices. 0: the range has no room for such a run at its end.
/// Precondition: the pool has no run of so many free pages.
ULONG MiPagedGrowth(const MI_PAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock);
/// The next pages of the range are the pool's, and free. @param pages at most those that are left of the range. Their page tables
/// exist.
void MiExpandPagedPool(MI_PAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock);

// The pages behind the bits (pagedpages.cpp). IRQL: <= APC_LEVEL. Several threads call them at once; the pool's lock is free while
// MiMakePoolTables, MiMapPoolPages or MiUnmapPoolPages runs.

/// Allocates pages in a row, and has them mapped (MiMapPoolPages). Where no run has room the pool grows by MiPagedGrowth, and its
/// bitmaps never reach a page whose page table nobody has made (MiMakePoolTables). Pages look allocated before they are mapped.
/// @returns their address; nullptr if the range has no room, or memory is short for the pages or their tables: then no page is
/// allocated
PVOID MiAllocatePagedPages(MI_PAGED_POOL& pool, ULONG pages) EXCLUDES_(pool.Lock);
/// Frees the allocation that begins at an address, and has its pages unmapped (MiUnmapPoolPages). They look allocated until that is
/// done. @returns how many pages it had; 0: none begins there, and nothing has changed
ULONG MiFreePagedPages(MI_PAGED_POOL& pool, PVOID address) EXCLUDES_(pool.Lock);

// What knows frames and page tables (poolpages.cpp). IRQL: <= DISPATCH_LEVEL.

/// Makes the page tables of so many pages, where there are none. @returns false if memory is short; some may be made then
bool MiMakePoolTables(PVOID address, ULONG pages) EXCLUDES_(MiPageLock);
/// Puts frames behind pages that have none; paged ones are promised, and each gets a frame with its first use. @returns false if memory
/// is short: nothing has changed
bool MiMapPoolPages(PVOID address, ULONG pages) EXCLUDES_(MiPageLock);
/// Ends the mapping of pages, on all processors, and gives back what is behind them.
void MiUnmapPoolPages(PVOID address, ULONG pages) EXCLUDES_(MiPageLock);

/// pagedbacking.cpp: these two, for paged pages. @irql <= APC_LEVEL
bool MiPromisePagedPages(PVOID address, ULONG pages);
void MiDeletePagedPages(PVOID address, ULONG pages);

/// Phase 0, behind the system PTEs: the special pool, if the boot options ask for it. (special.cpp)
void MiInitializeSpecialPool();
/// @returns the bugcheck of a fault at an address that is one of the special pool's; 0: it is none. @irql any
ULONG MiSpecialPoolFault(PVOID address);

/// Words of a bitmap.
constexpr ULONG MiBitmapWords(ULONG bits) { return (bits + 31) / 32; }
