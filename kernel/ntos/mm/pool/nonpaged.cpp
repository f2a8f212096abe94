// Non-paged pool, the page level: free pages in runs, linked in lists by size. The free page itself is the node.
//
// Invariants: MI_NONPAGED_POOL. Lock: the pool's, held by the caller. IRQL: DISPATCH_LEVEL.
// In the books: "non-paged pool: lists of free pages". POL-01
#include "mm/pool/mipool.h"
#include "nt/assert.h"

namespace {

MMFREE_POOL_ENTRY* NodeOf(const MI_NONPAGED_POOL& pool, ULONG page) REQUIRES_(pool.Lock) {
    return reinterpret_cast<MMFREE_POOL_ENTRY*>(pool.Base + SIZE_T(page) * PAGE_SIZE);
}

ULONG PageOf(const MI_NONPAGED_POOL& pool, const void* address) REQUIRES_(pool.Lock) {
    return ULONG((static_cast<const UCHAR*>(address) - pool.Base) / PAGE_SIZE);
}

ULONG ListOf(ULONG pages) { return (pages < MI_MAX_FREE_LIST_HEADS ? pages : MI_MAX_FREE_LIST_HEADS) - 1; }

/// Makes a free run of pages, and puts it on the list of its size.
void InsertRun(MI_NONPAGED_POOL& pool, ULONG page, ULONG pages) REQUIRES_(pool.Lock) {
    MMFREE_POOL_ENTRY* const node = NodeOf(pool, page);
    node->Size = pages;
    node->Signature = MM_FREE_POOL_SIGNATURE;
    node->Owner = node;
    NodeOf(pool, page + pages - 1)->Owner = node;
    InsertHeadList(&pool.FreeList[ListOf(pages)], &node->List);
    pool.FreePages += pages;
}

void RemoveRun(MI_NONPAGED_POOL& pool, MMFREE_POOL_ENTRY* node) REQUIRES_(pool.Lock) {
    NT_ASSERT(node->Signature == MM_FREE_POOL_SIGNATURE && node->Owner == node);
    RemoveEntryList(&node->List);
    node->Signature = 0;
    pool.FreePages -= node->Size;
}

/// The first run on the lists that has so many pages.
MMFREE_POOL_ENTRY* FindRun(MI_NONPAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock) {
    for (ULONG list = ListOf(pages); list < MI_MAX_FREE_LIST_HEADS; list++) {
        for (MMFREE_POOL_ENTRY* node : nt::List<&MMFREE_POOL_ENTRY::List>(pool.FreeList[list])) {
            if (node->Size >= pages) return node;
        }
    }
    return nullptr;
}

void MarkAllocation(MI_NONPAGED_POOL& pool, ULONG page, ULONG pages) REQUIRES_(pool.Lock) {
    RtlSetBit(&pool.Start, page);
    RtlSetBit(&pool.End, page + pages - 1);
}

/// Pages of the allocation that begins at a page.
ULONG SizeOfAllocation(const MI_NONPAGED_POOL& pool, ULONG page) REQUIRES_(pool.Lock) {
    ULONG last = page;
    while (!RtlTestBit(&pool.End, last))
        last++;
    return last - page + 1;
}

} // namespace

void MiInitializeNonPagedPool(MI_NONPAGED_POOL& pool, PVOID base, ULONG pages, ULONG* bits) {
    nt::AssumeHeld(pool.Lock); // no other code knows the pool yet
    KeInitializeSpinLock(&pool.Lock, KLOCK_RANK::Pool);
    pool.Base = static_cast<UCHAR*>(base);
    pool.Pages = pages;
    pool.FreePages = pool.MappedPages = 0;
    RtlInitializeBitMap(&pool.Mapped, bits, pages);
    RtlInitializeBitMap(&pool.Start, bits + MiBitmapWords(pages), pages);
    RtlInitializeBitMap(&pool.End, bits + 2 * MiBitmapWords(pages), pages);
    RtlClearAllBits(&pool.Mapped);
    RtlSetAllBits(&pool.Start);
    RtlSetAllBits(&pool.End);
    for (LIST_ENTRY& head : pool.FreeList)
        InitializeListHead(&head);
}

PVOID MiTakeNonPagedPages(MI_NONPAGED_POOL& pool, ULONG pages) {
    MMFREE_POOL_ENTRY* const node = FindRun(pool, pages);
    if (!node) return nullptr;
    const ULONG first = PageOf(pool, node), rest = node->Size - pages;
    RemoveRun(pool, node);
    if (rest != 0) InsertRun(pool, first, rest); // the end is taken: the node stays where it is
    MarkAllocation(pool, first + rest, pages);
    return NodeOf(pool, first + rest);
}

ULONG MiPutNonPagedPages(MI_NONPAGED_POOL& pool, PVOID address) {
    ULONG page = PageOf(pool, address);
    if (page >= pool.Pages || !RtlTestBit(&pool.Mapped, page) || !RtlTestBit(&pool.Start, page)) return 0;
    const ULONG freed = SizeOfAllocation(pool, page);
    RtlClearBit(&pool.Start, page);
    RtlClearBit(&pool.End, page + freed - 1);
    ULONG pages = freed;
    const ULONG behind = page + freed;
    if (behind < pool.Pages && !RtlTestBit(&pool.Start, behind)) {
        MMFREE_POOL_ENTRY* const next = NodeOf(pool, behind);
        RemoveRun(pool, next);
        pages += next->Size;
    }
    if (page > 0 && !RtlTestBit(&pool.End, page - 1)) {
        MMFREE_POOL_ENTRY* const previous = NodeOf(pool, page - 1)->Owner;
        RemoveRun(pool, previous);
        pages += previous->Size;
        page -= previous->Size;
    }
    InsertRun(pool, page, pages);
    return freed;
}

PVOID MiExpandNonPagedPool(MI_NONPAGED_POOL& pool, ULONG pages) {
    const ULONG page = RtlFindClearBitsAndSet(&pool.Mapped, pages, 0);
    if (page == RTL_BITMAP_NOT_FOUND) return nullptr;
    RtlClearBits(&pool.Start, page, pages);
    RtlClearBits(&pool.End, page, pages);
    MarkAllocation(pool, page, pages);
    pool.MappedPages += pages;
    return NodeOf(pool, page);
}

void MiAbandonExpansion(MI_NONPAGED_POOL& pool, PVOID address, ULONG pages) {
    const ULONG page = PageOf(pool, address);
    RtlSetBits(&pool.Start, page, pages);
    RtlSetBits(&pool.End, page, pages);
    RtlClearBits(&pool.Mapped, page, pages);
    pool.MappedPages -= pages;
}

bool MiCheckNonPagedPool(MI_NONPAGED_POOL& pool) {
    ULONG page = 0, freePages = 0;
    bool previousIsFree = false;
    while (page < pool.Pages) {
        const bool starts = RtlTestBit(&pool.Start, page);
        if (starts) { // an allocation, or a page that is not mapped
            if (!RtlTestBit(&pool.Mapped, page) && !RtlTestBit(&pool.End, page)) return false;
            const ULONG size = SizeOfAllocation(pool, page);
            for (ULONG at = page + 1; at < page + size; at++) {
                if (RtlTestBit(&pool.Start, at) || !RtlTestBit(&pool.Mapped, at)) return false;
            }
            page += size;
        } else {
            const MMFREE_POOL_ENTRY* const node = NodeOf(pool, page);
            if (previousIsFree || !RtlTestBit(&pool.Mapped, page)) return false;
            if (node->Signature != MM_FREE_POOL_SIGNATURE || node->Owner != node || node->Size == 0) return false;
            for (ULONG at = page; at < page + node->Size; at++) {
                if (at >= pool.Pages || RtlTestBit(&pool.Start, at) || RtlTestBit(&pool.End, at)) return false;
            }
            if (NodeOf(pool, page + node->Size - 1)->Owner != node) return false;
            freePages += node->Size;
            page += node->Size;
        }
        previousIsFree = !starts;
    }
    ULONG listed = 0;
    for (ULONG list = 0; list < MI_MAX_FREE_LIST_HEADS; list++) {
        for (const MMFREE_POOL_ENTRY* node : nt::List<&MMFREE_POOL_ENTRY::List>(pool.FreeList[list])) {
            if (ListOf(node->Size) != list) return false;
            listed += node->Size;
        }
    }
    return page == pool.Pages && freePages == pool.FreePages && listed == freePages &&
           RtlNumberOfSetBits(&pool.Mapped) == pool.MappedPages;
}
