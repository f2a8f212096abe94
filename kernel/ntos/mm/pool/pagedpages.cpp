// Pages of the paged pool: bits first, then what lies behind them, and back in the reverse order.
//
// The lock guards the bits only. A page that is being mapped or unmapped looks allocated, so no other thread touches it.
// Lock: the pool's, taken here; it is free while page tables and frames are made or given back. IRQL: <= APC_LEVEL.
// In the books: "paged pool: expansion". POL-02
#include "ke/bugcheck.h"
#include "mm/pool/mipool.h"

// LAB(2.4) begin
namespace {

/// What an attempt to take pages has come to.
struct Attempt {
    PVOID Address; ///< of the pages; nullptr: no run has room
    ULONG Size;    ///< of the pool at that moment, in pages
    ULONG Growth;  ///< what it needs then
};

Attempt Reserve(MI_PAGED_POOL& pool, ULONG pages) EXCLUDES_(pool.Lock) {
    nt::SpinLockGuard guard(pool.Lock);
    PVOID const address = MiReservePagedPages(pool, pages);
    return {address, pool.Allocated.SizeOfBitMap, address ? 0 : MiPagedGrowth(pool, pages)};
}

/// Makes the page tables of the pages behind a pool of `size` pages, and gives it these pages. @returns false if memory is short
bool Grow(MI_PAGED_POOL& pool, ULONG size, ULONG pages) EXCLUDES_(pool.Lock) {
    if (!MiMakePoolTables(pool.Base + SIZE_T(size) * PAGE_SIZE, pages)) return false;
    nt::SpinLockGuard guard(pool.Lock);
    if (pool.Allocated.SizeOfBitMap == size) MiExpandPagedPool(pool, pages); // else another thread was faster
    return true;
}

} // namespace
// LAB(2.4) end

PVOID MiAllocatePagedPages(MI_PAGED_POOL& pool, ULONG pages) {
    // LAB(2.4) begin
    Attempt attempt = Reserve(pool, pages);
    while (!attempt.Address) {
        if (attempt.Growth == 0 || !Grow(pool, attempt.Size, attempt.Growth)) return nullptr;
        attempt = Reserve(pool, pages); // others may have taken what is new
    }
    if (MiMapPoolPages(attempt.Address, pages)) return attempt.Address;
    nt::SpinLockGuard guard(pool.Lock);
    MiReleasePagedPages(pool, attempt.Address, pages);
    return nullptr;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}

ULONG MiFreePagedPages(MI_PAGED_POOL& pool, PVOID address) {
    // LAB(2.4) begin
    ULONG pages;
    {
        nt::SpinLockGuard guard(pool.Lock);
        pages = MiPagedAllocationSize(pool, address);
    }
    if (pages == 0) return 0;
    MiUnmapPoolPages(address, pages);
    nt::SpinLockGuard guard(pool.Lock); // the pages are allocated until here
    MiReleasePagedPages(pool, address, pages);
    return pages;
    // LAB(2.4) else
    //| LAB_NOT_IMPLEMENTED("2.4");
    // LAB(2.4) end
}
