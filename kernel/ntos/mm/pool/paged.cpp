// Paged pool, the page level: a bitmap of the pages, and a bitmap of where allocations end.
//
// Pages that are free are not mapped, so they cannot hold a list as those of the non-paged pool do.
// Invariants: MI_PAGED_POOL. Lock: the pool's, held by the caller. IRQL: DISPATCH_LEVEL, the bitmaps are not paged.
// In the books: "paged pool: the allocation bitmap". POL-02
#include "ke/bugcheck.h"
#include "mm/i386/pte.h"
#include "mm/pool/mipool.h"
#include "nt/assert.h"

// LAB(2.4) begin
namespace {

constexpr ULONG BitsOfWord = 32, FullWord = ~0u;
constexpr ULONG NotFound = ~0u; ///< no page

bool IsSet(const RTL_BITMAP& bitmap, ULONG page) {
    return (bitmap.Buffer[page / BitsOfWord] >> page % BitsOfWord & 1) != 0;
}
void Set(RTL_BITMAP& bitmap, ULONG page) { bitmap.Buffer[page / BitsOfWord] |= 1u << page % BitsOfWord; }
void Clear(RTL_BITMAP& bitmap, ULONG page) { bitmap.Buffer[page / BitsOfWord] &= ~(1u << page % BitsOfWord); }

ULONG PageOf(const MI_PAGED_POOL& pool, const void* address) REQUIRES_(pool.Lock) {
    return ULONG(static_cast<const UCHAR*>(address) - pool.Base) / PAGE_SIZE;
}

/// The first page of the lowest run of so many free pages.
ULONG FindFree(const MI_PAGED_POOL& pool, ULONG pages) REQUIRES_(pool.Lock) {
    ULONG run = 0; // free pages before `page`, in a row
    for (ULONG page = pool.Hint; page < pool.Allocated.SizeOfBitMap; page++) {
        if (page % BitsOfWord == 0 && pool.Allocated.Buffer[page / BitsOfWord] == FullWord) {
            run = 0;
            page += BitsOfWord - 1;
            continue;
        }
        run = IsSet(pool.Allocated, page) ? 0 : run + 1;
        if (run == pages) return page + 1 - pages;
    }
    return NotFound;
}

/// The free pages at the end of the pool.
ULONG FreeAtEnd(const MI_PAGED_POOL& pool) REQUIRES_(pool.Lock) {
    const ULONG size = pool.Allocated.SizeOfBitMap;
    ULONG page = size;
    while (page > 0 && !IsSet(pool.Allocated, page - 1))
        page--;
    return size - page;
}

} // namespace
// LAB(2.4) end

PVOID MiReservePagedPages(MI_PAGED_POOL& pool, ULONG pages) {
    // LAB(2.4) begin
    const ULONG page = FindFree(pool, pages);
    if (page == NotFound) return nullptr;
    for (ULONG i = 0; i < pages; i++)
        Set(pool.Allocated, page + i);
    Set(pool.EndOfAllocation, page + pages - 1);
    if (page == pool.Hint) pool.Hint = page + pages; // no page before the hint is free, so the lowest run is found
    pool.FreePages -= pages;
    return pool.Base + SIZE_T(page) * PAGE_SIZE;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}

ULONG MiPagedAllocationSize(const MI_PAGED_POOL& pool, const void* address) {
    // LAB(2.4) begin
    const ULONG page = PageOf(pool, address);
    if (page >= pool.Allocated.SizeOfBitMap || pool.Base + SIZE_T(page) * PAGE_SIZE != address) return 0;
    if (!IsSet(pool.Allocated, page)) return 0;
    const bool begins = page == 0 || !IsSet(pool.Allocated, page - 1) || IsSet(pool.EndOfAllocation, page - 1);
    if (!begins) return 0;
    ULONG last = page;
    while (!IsSet(pool.EndOfAllocation, last))
        last++;
    return last - page + 1;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}

void MiReleasePagedPages(MI_PAGED_POOL& pool, PVOID address, ULONG pages) {
    NT_ASSERT(MiPagedAllocationSize(pool, address) == pages);
    // LAB(2.4) begin
    const ULONG page = PageOf(pool, address);
    Clear(pool.EndOfAllocation, page + pages - 1);
    for (ULONG i = 0; i < pages; i++)
        Clear(pool.Allocated, page + i);
    if (page < pool.Hint) pool.Hint = page;
    pool.FreePages += pages;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}

ULONG MiPagedGrowth(const MI_PAGED_POOL& pool, ULONG pages) {
    // LAB(2.4) begin
    const ULONG left = pool.Limit - pool.Allocated.SizeOfBitMap, missing = pages - FreeAtEnd(pool);
    if (missing > left) return 0;
    const ULONG whole = (missing + PTE_PER_PAGE - 1) / PTE_PER_PAGE * PTE_PER_PAGE;
    return whole < left ? whole : left;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}

void MiExpandPagedPool(MI_PAGED_POOL& pool, ULONG pages) {
    // LAB(2.4) begin
    pool.Allocated.SizeOfBitMap += pages;
    pool.EndOfAllocation.SizeOfBitMap += pages;
    pool.FreePages += pages;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}
