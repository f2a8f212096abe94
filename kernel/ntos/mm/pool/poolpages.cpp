// The pages of both pools: ranges of system space, and what lies behind them.
//
// The non-paged pool begins with a few pages and grows where its free runs do not suffice; what it has once, it keeps. Pages of
// the paged pool are promised while they are allocated: a page comes with its first use, and may leave memory (pagedbacking.cpp).
// The seam to the rest of mm is MiMakePoolTables, MiMapPoolPages and MiUnmapPoolPages; everything else works on page numbers.
// Locks: each pool's own, then MiPageLock or the system's WorkingSetMutex, never two at once. IRQL: <= DISPATCH_LEVEL (paged pages:
// <= APC_LEVEL).
// In the books: "non-paged pool: initial size and expansion", "paged pool". POL-01, POL-02
#include "mm/charge.h"
#include "mm/mi.h"
#include "mm/pool/mipool.h"
#include "rtl/string.h"

namespace {

static_assert(MM_PAGED_POOL_START == EX_PAGED_POOL);
constexpr ULONG EXPANSION_PAGES = 16; ///< the non-paged pool grows by so many at least

MI_NONPAGED_POOL NonPagedRange;
MI_PAGED_POOL PagedRange;
ULONG NonPagedPages, PagedPages; ///< of the ranges; written once

ULONG PagesOf(SIZE_T bytes) { return ULONG((bytes + PAGE_SIZE - 1) / PAGE_SIZE); }

/// MiUnmapPoolPages, by a caller that holds the lock.
void UnmapPages(PVOID address, ULONG pages) REQUIRES_(MiPageLock) {
    for (ULONG i = 0; i < pages; i++) {
        PVOID const page = static_cast<UCHAR*>(address) + SIZE_T(i) * PAGE_SIZE;
        MMPTE* const pte = MiGetPteAddress(page);
        const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
        pte->Long = 0;
        MiFlushEntry(page); // no processor reaches the frame any more before it is free
        MiFreeFrame(frame);
    }
}

/// Makes the non-paged pool larger by so many pages, and takes `pages` of them (or of what has become free meanwhile).
PVOID TakeExpansion(ULONG pages, ULONG more) {
    PVOID address;
    {
        nt::SpinLockGuard guard(NonPagedRange.Lock);
        address = MiExpandNonPagedPool(NonPagedRange, more);
    }
    if (!address) return nullptr;
    const bool mapped = MiMapPoolPages(address, more);
    nt::SpinLockGuard guard(NonPagedRange.Lock);
    if (!mapped) {
        MiAbandonExpansion(NonPagedRange, address, more);
        return nullptr;
    }
    (void)MiPutNonPagedPages(NonPagedRange, address);
    return MiTakeNonPagedPages(NonPagedRange, pages);
}

PVOID AllocateNonPaged(ULONG pages) {
    {
        nt::SpinLockGuard guard(NonPagedRange.Lock);
        if (PVOID const address = MiTakeNonPagedPages(NonPagedRange, pages)) return address;
    }
    if (pages < EXPANSION_PAGES) {
        if (PVOID const address = TakeExpansion(pages, EXPANSION_PAGES)) return address;
    }
    return TakeExpansion(pages, pages);
}

bool IsIn(ULONG_PTR base, ULONG pages, const volatile void* address) {
    return reinterpret_cast<ULONG_PTR>(address) - base < SIZE_T(pages) * PAGE_SIZE;
}
ULONG_PTR NonPagedBase() { return MmNonPagedPoolEnd - SIZE_T(NonPagedPages) * PAGE_SIZE; }
bool IsNonPaged(const volatile void* address) { return IsIn(NonPagedBase(), NonPagedPages, address); }
bool IsPaged(const volatile void* address) { return IsIn(MM_PAGED_POOL_START, PagedPages, address); }

// Pages of the paged pool that were freed one by one and stay as they are: a page that the block level gives back is often wanted
// again at once. Checked builds keep none, so that a use after the free faults; explored kernels neither, as of blocks.
#if defined(MICA_CHECKED) || defined(MICA_EXPLORE)
constexpr ULONG KEPT_PAGES = 0;
#else
constexpr ULONG KEPT_PAGES = 4;
#endif
PVOID Kept[KEPT_PAGES + 1] GUARDED_BY(PagedRange.Lock);
ULONG KeptCount GUARDED_BY(PagedRange.Lock);

PVOID TakeKeptPage() {
    nt::SpinLockGuard guard(PagedRange.Lock);
    return KeptCount != 0 ? Kept[--KeptCount] : nullptr;
}

/// What becomes of an allocation that is freed.
enum class FREED { Free, Kept, KeptAlready };

FREED KeepPage(PVOID address) {
    nt::SpinLockGuard guard(PagedRange.Lock);
    for (ULONG index = 0; index < KeptCount; index++)
        if (Kept[index] == address) return FREED::KeptAlready;
    if (KeptCount == KEPT_PAGES || MiPagedAllocationSize(PagedRange, address) != 1) return FREED::Free;
    Kept[KeptCount++] = address;
    return FREED::Kept;
}

PVOID AllocatePaged(ULONG pages) {
    PVOID const kept = pages == 1 ? TakeKeptPage() : nullptr;
    return kept ? kept : MiAllocatePagedPages(PagedRange, pages);
}

ULONG FreePaged(PVOID address) {
    const FREED freed = KeepPage(address);
    if (freed != FREED::Free) return freed == FREED::Kept ? 1 : 0;
    return MiFreePagedPages(PagedRange, address);
}

} // namespace

bool MiMakePoolTables(PVOID address, ULONG pages) {
    nt::SpinLockGuard guard(MiPageLock);
    return MiMakePageTables(reinterpret_cast<ULONG_PTR>(address), pages);
}

bool MiMapPoolPages(PVOID address, ULONG pages) {
    if (IsPaged(address)) return MiPromisePagedPages(address, pages);
    nt::SpinLockGuard guard(MiPageLock);
    if (pages > MmQueryFreePages()) return false;
    for (ULONG i = 0; i < pages; i++) {
        const PFN_NUMBER frame = MiAllocateFrame();
        if (frame == 0) { // another processor was faster
            UnmapPages(address, i);
            return false;
        }
        PVOID const page = static_cast<UCHAR*>(address) + SIZE_T(i) * PAGE_SIZE;
        MiGetPteAddress(page)->Long = MiKernelPte(frame).Long;
    }
    return true;
}

void MiUnmapPoolPages(PVOID address, ULONG pages) {
    if (IsPaged(address)) return MiDeletePagedPages(address, pages);
    nt::SpinLockGuard guard(MiPageLock);
    UnmapPages(address, pages);
}

bool MiInitializePools() {
    PagedPages = PagesOf(MmPagedPoolEnd + 1 - MmPagedPoolStart);
    constexpr ULONG first = PTE_PER_PAGE; // it grows by page tables
    if (!MiMakePoolTables(reinterpret_cast<PVOID>(MM_PAGED_POOL_START), first)) return false;
    // The bitmaps of both lie in the non-paged pool's first pages, which are mapped, and before its range.
    const ULONG pages = PagesOf(MmNonPagedPoolEnd - MmNonPagedPoolStart);
    const ULONG words = 3 * MiBitmapWords(pages) + 2 * MiBitmapWords(PagedPages);
    const ULONG_PTR base = MmNonPagedPoolStart + PagesOf(words * sizeof(ULONG)) * PAGE_SIZE;
    auto* const bits = reinterpret_cast<ULONG*>(MmNonPagedPoolStart);
    NonPagedPages = PagesOf(MmNonPagedPoolEnd - base);
    MiInitializeNonPagedPool(NonPagedRange, reinterpret_cast<PVOID>(base), NonPagedPages, bits);
    MiInitializePagedPool(PagedRange, reinterpret_cast<PVOID>(MM_PAGED_POOL_START), first, PagedPages,
                          bits + 3 * MiBitmapWords(pages));
    nt::SpinLockGuard guard(NonPagedRange.Lock);
    PVOID const pagesAtBoot = MiExpandNonPagedPool(NonPagedRange, PagesOf(MmNonPagedPoolExpansionStart - base));
    return pagesAtBoot && MiPutNonPagedPages(NonPagedRange, pagesAtBoot) != 0;
}

PVOID NTAPI MmAllocatePoolPages(POOL_TYPE PoolType, ULONG Pages) {
    if (Pages == 0 || Pages > (PoolType == PagedPool ? PagedPages : NonPagedPages)) return nullptr;
    return PoolType == PagedPool ? AllocatePaged(Pages) : AllocateNonPaged(Pages);
}

ULONG NTAPI MmFreePoolPages(PVOID Address) {
    if (IsPaged(Address)) return FreePaged(Address);
    if (!IsNonPaged(Address)) return 0;
    nt::SpinLockGuard guard(NonPagedRange.Lock);
    return MiPutNonPagedPages(NonPagedRange, Address);
}

/// Reads one bit without the lock: the page of a block that the caller has stays allocated.
BOOLEAN NTAPI MmDeterminePoolType(const volatile void* Address, POOL_TYPE* PoolType) {
    const ULONG_PTR address = reinterpret_cast<ULONG_PTR>(Address);
    *PoolType = IsPaged(Address) ? PagedPool : NonPagedPool;
    if (IsPaged(Address)) {
        nt::AssumeSnapshot(PagedRange.Lock);
        const ULONG page = ULONG((address - MM_PAGED_POOL_START) / PAGE_SIZE);
        return page < PagedRange.Allocated.SizeOfBitMap && RtlTestBit(&PagedRange.Allocated, page);
    }
    if (!IsNonPaged(Address)) return FALSE;
    nt::AssumeSnapshot(NonPagedRange.Lock);
    return RtlTestBit(&NonPagedRange.Mapped, ULONG((address - NonPagedBase()) / PAGE_SIZE));
}

ULONG NTAPI MmQueryPoolPages(POOL_TYPE PoolType) {
    if (PoolType == PagedPool) {
        const ULONG promised = ULONG(MmTotalCommitLimit - MmTotalCommittedPages);
        nt::SpinLockGuard guard(PagedRange.Lock);
        const ULONG free = PagedRange.FreePages + PagedRange.Limit - PagedRange.Allocated.SizeOfBitMap;
        return free < promised ? free : promised;
    }
    const ULONG frames = MmQueryFreePages();
    nt::SpinLockGuard guard(NonPagedRange.Lock);
    const ULONG unmapped = NonPagedRange.Pages - NonPagedRange.MappedPages;
    return NonPagedRange.FreePages + (unmapped < frames ? unmapped : frames);
}

BOOLEAN NTAPI MmCheckPools() {
    {
        nt::SpinLockGuard guard(PagedRange.Lock);
        if (!MiCheckPagedPool(PagedRange)) return FALSE;
    }
    nt::SpinLockGuard guard(NonPagedRange.Lock);
    return MiCheckNonPagedPool(NonPagedRange);
}

PVOID NTAPI MmAllocateContiguousPages(ULONG Pages) {
    PVOID const address = MmAllocatePoolPages(NonPagedPool, Pages);
    if (address) RtlZeroMemory(address, SIZE_T(Pages) * PAGE_SIZE);
    return address;
}

void NTAPI MmFreeContiguousPages(PVOID Address, ULONG Pages) {
    const ULONG freed = MmFreePoolPages(Address);
    NT_ASSERT(freed == Pages);
}
