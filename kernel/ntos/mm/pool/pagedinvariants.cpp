// The paged pool as it begins, and what holds of its bitmaps whenever its lock is free.
//
// Lock: the pool's, held by the caller. IRQL: DISPATCH_LEVEL. POL-02
#include "mm/pool/mipool.h"
#include "nt/assert.h"

void MiInitializePagedPool(MI_PAGED_POOL& pool, PVOID base, ULONG pages, ULONG limit, ULONG* bits) {
    NT_ASSERT(pages <= limit);
    nt::AssumeHeld(pool.Lock); // no other code knows the pool yet
    KeInitializeSpinLock(&pool.Lock, KLOCK_RANK::Pool);
    pool.Base = static_cast<UCHAR*>(base);
    pool.Limit = limit;
    for (ULONG word = 0; word < 2 * MiBitmapWords(limit); word++)
        bits[word] = 0; // also the bits that are not the pool's yet
    RtlInitializeBitMap(&pool.Allocated, bits, pages);
    RtlInitializeBitMap(&pool.EndOfAllocation, bits + MiBitmapWords(limit), pages);
    pool.Hint = 0;
    pool.FreePages = pages;
}

bool MiCheckPagedPool(const MI_PAGED_POOL& pool) {
    const ULONG pages = pool.Allocated.SizeOfBitMap;
    if (pages > pool.Limit || pool.EndOfAllocation.SizeOfBitMap != pages) return false;
    for (ULONG page = 0; page < pages; page++) {
        const bool allocated = RtlTestBit(&pool.Allocated, page), ends = RtlTestBit(&pool.EndOfAllocation, page);
        const bool nextAllocated = page + 1 < pages && RtlTestBit(&pool.Allocated, page + 1);
        if (ends && !allocated) return false;
        if (allocated && !ends && !nextAllocated) return false;
        if (!allocated && page < pool.Hint) return false;
    }
    return RtlNumberOfClearBits(&pool.Allocated) == pool.FreePages;
}
