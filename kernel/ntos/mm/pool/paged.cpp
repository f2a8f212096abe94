// Paged pool, the page level: a bitmap of the pages, and a bitmap of where allocations end.
//
// Pages that are free are not mapped, so they cannot hold a list as those of the non-paged pool do.
// Invariant: MI_PAGED_POOL. Lock: the pool's, held by the caller. IRQL: DISPATCH_LEVEL, the bitmaps are not paged.
// In the books: "paged pool: the allocation bitmap". POL-02
#include "mm/pool/mipool.h"
#include "nt/assert.h"

namespace {

ULONG PageOf(const MI_PAGED_POOL& pool, const void* address) REQUIRES_(pool.Lock) {
    return ULONG((static_cast<const UCHAR*>(address) - pool.Base) / PAGE_SIZE);
}

} // namespace

void MiInitializePagedPool(MI_PAGED_POOL& pool, PVOID base, ULONG pages, ULONG* bits) {
    nt::AssumeHeld(pool.Lock); // no other code knows the pool yet
    KeInitializeSpinLock(&pool.Lock, KLOCK_RANK::Pool);
    pool.Base = static_cast<UCHAR*>(base);
    RtlInitializeBitMap(&pool.Allocated, bits, pages);
    RtlInitializeBitMap(&pool.EndOfAllocation, bits + MiBitmapWords(pages), pages);
    RtlClearAllBits(&pool.Allocated);
    RtlClearAllBits(&pool.EndOfAllocation);
    pool.Hint = 0;
    pool.FreePages = pages;
}

PVOID MiReservePagedPages(MI_PAGED_POOL& pool, ULONG pages) {
    const ULONG page = RtlFindClearBitsAndSet(&pool.Allocated, pages, pool.Hint);
    if (page == RTL_BITMAP_NOT_FOUND) return nullptr;
    RtlSetBit(&pool.EndOfAllocation, page + pages - 1);
    if (page == pool.Hint) pool.Hint = page + pages; // no page before the hint is free, so the first run is found
    pool.FreePages -= pages;
    return pool.Base + SIZE_T(page) * PAGE_SIZE;
}

ULONG MiPagedAllocationSize(const MI_PAGED_POOL& pool, const void* address) {
    const ULONG page = PageOf(pool, address);
    if (page >= pool.Allocated.SizeOfBitMap || !RtlTestBit(&pool.Allocated, page)) return 0;
    const bool begins =
        page == 0 || !RtlTestBit(&pool.Allocated, page - 1) || RtlTestBit(&pool.EndOfAllocation, page - 1);
    if (!begins) return 0;
    ULONG last = page;
    while (!RtlTestBit(&pool.EndOfAllocation, last))
        last++;
    return last - page + 1;
}

void MiReleasePagedPages(MI_PAGED_POOL& pool, PVOID address, ULONG pages) {
    const ULONG page = PageOf(pool, address);
    NT_ASSERT(MiPagedAllocationSize(pool, address) == pages);
    RtlClearBit(&pool.EndOfAllocation, page + pages - 1);
    RtlClearBits(&pool.Allocated, page, pages);
    if (page < pool.Hint) pool.Hint = page;
    pool.FreePages += pages;
}

bool MiCheckPagedPool(const MI_PAGED_POOL& pool) {
    const ULONG pages = pool.Allocated.SizeOfBitMap;
    for (ULONG page = 0; page < pages; page++) {
        const bool allocated = RtlTestBit(&pool.Allocated, page), ends = RtlTestBit(&pool.EndOfAllocation, page);
        const bool nextAllocated = page + 1 < pages && RtlTestBit(&pool.Allocated, page + 1);
        if (ends && !allocated) return false;
        if (allocated && !ends && !nextAllocated) return false;
    }
    return RtlNumberOfClearBits(&pool.Allocated) == pool.FreePages;
}
