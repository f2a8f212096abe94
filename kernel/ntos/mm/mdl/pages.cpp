// Pages for a device: taken from a range of physical addresses and described by an MDL, or in a row and mapped.
#include "ex/inject.h"
#include "ex/pool.h"
#include "mm/charge.h"
#include "mm/contiguous.h"
#include "mm/mdl.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"
#include "mm/sysptes/systemspace.h"

namespace {

constexpr ULONGLONG FIRST_4G = 1ull << 32;

/// The frame that holds a physical address, or the last one of all.
PFN_NUMBER FrameOf(PHYSICAL_ADDRESS address) {
    const auto at = ULONGLONG(address.QuadPart);
    return at >= FIRST_4G ? PFN_NUMBER(FIRST_4G / PAGE_SIZE - 1) : PFN_NUMBER(at / PAGE_SIZE);
}

PFN_NUMBER TakeRun(PFN_NUMBER low, PFN_NUMBER high, ULONG boundary, ULONG pages) {
    if (high > MmHighestPhysicalPage) high = MmHighestPhysicalPage;
    if (low > high || ExInjectFailure(EX_ALLOCATION::Page)) return MM_EMPTY_LIST;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MiFindContiguousPages(low, high, boundary, pages);
}

void FreeFrames(const PFN_NUMBER* frames, ULONG pages) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    for (ULONG i = 0; i < pages; i++)
        MiDeletePfn(frames[i]);
}

void FreeRun(PFN_NUMBER first, ULONG pages) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    for (ULONG i = 0; i < pages; i++)
        MiDeletePfn(first + i);
}

/// Says in the database where the run ends, so that its address is enough to free it.
void MarkRun(PFN_NUMBER first, ULONG pages) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiPfnElement(first)->u4.PoolStart = 1;
    MiPfnElement(first + pages - 1)->u4.PoolEnd = 1;
}

ULONG LengthOfRun(PFN_NUMBER first) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    NT_ASSERT(MiPfnElement(first)->u4.PoolStart);
    ULONG pages = 1;
    while (!MiPfnElement(first + pages - 1)->u4.PoolEnd)
        pages++;
    return pages;
}

constexpr ULONG PagesOf(SIZE_T bytes) { return ULONG((ULONGLONG(bytes) + PAGE_SIZE - 1) / PAGE_SIZE); }

PVOID Allocate(SIZE_T bytes, PFN_NUMBER low, PFN_NUMBER high, ULONG boundary, MEMORY_CACHING_TYPE cacheType) {
    const ULONG pages = PagesOf(bytes);
    if (pages == 0 || !NT_SUCCESS(MiChargeCommitment(pages, nullptr))) return nullptr;
    const PFN_NUMBER first = TakeRun(low, high, boundary, pages);
    PVOID const address =
        first != MM_EMPTY_LIST ? MiMapInSystemSpace(pages, cacheType, [first](ULONG i) { return first + i; }) : nullptr;
    if (address) {
        MarkRun(first, pages);
        return address;
    }
    if (first != MM_EMPTY_LIST) FreeRun(first, pages);
    MiReturnCommitment(pages, nullptr);
    return nullptr;
}

} // namespace

PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                   PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                   PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                   MEMORY_CACHING_TYPE CacheType) {
    const auto boundary = ULONG(ULONGLONG(BoundaryAddressMultiple.QuadPart) / PAGE_SIZE);
    return Allocate(NumberOfBytes, FrameOf({.QuadPart = LowestAcceptableAddress.QuadPart + PAGE_SIZE - 1}),
                    FrameOf(HighestAcceptableAddress), boundary, CacheType);
}

PVOID NTAPI MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress) {
    return Allocate(NumberOfBytes, 0, FrameOf(HighestAcceptableAddress), 0, MmCached);
}

void NTAPI MmFreeContiguousMemory(PVOID BaseAddress) {
    const PFN_NUMBER first = MiGetPteAddress(BaseAddress)->Hard.PageFrameNumber;
    const ULONG pages = LengthOfRun(first);
    MiUnmapInSystemSpace(BaseAddress, pages);
    FreeRun(first, pages);
    MiReturnCommitment(pages, nullptr);
}

void NTAPI MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    MmFreeContiguousMemory(BaseAddress);
}

PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T NumberOfBytes) {
    return Allocate(NumberOfBytes, 0, MmHighestPhysicalPage, 0, MmNonCached);
}

void NTAPI MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes) { MmFreeContiguousMemory(BaseAddress); }

PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress, PHYSICAL_ADDRESS SkipBytes,
                                 SIZE_T TotalBytes) {
    PMDL const mdl = MmCreateMdl(nullptr, nullptr, TotalBytes);
    if (!mdl) return nullptr;
    const ULONG wanted = PagesOf(TotalBytes);
    PFN_NUMBER* const frames = MmGetMdlPfnArray(mdl);
    ULONG pages = 0;
    while (pages < wanted && NT_SUCCESS(MiChargeCommitment(1, nullptr))) {
        frames[pages] = TakeRun(FrameOf({.QuadPart = LowAddress.QuadPart + PAGE_SIZE - 1}), FrameOf(HighAddress), 0, 1);
        if (frames[pages] == MM_EMPTY_LIST) {
            MiReturnCommitment(1, nullptr);
            break;
        }
        MiZeroPhysicalPage(frames[pages++]);
    }
    if (pages == 0) {
        ExFreePool(mdl);
        return nullptr;
    }
    if (pages < wanted) mdl->ByteCount = pages * PAGE_SIZE;
    mdl->Process = nullptr;
    mdl->MdlFlags = SHORT(mdl->MdlFlags | MDL_PAGES_LOCKED);
    return mdl;
}

void NTAPI MmFreePagesFromMdl(PMDL Mdl) {
    NT_ASSERT(Mdl->MdlFlags & MDL_PAGES_LOCKED);
    if (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    const ULONG pages = PagesOf(Mdl->ByteCount);
    FreeFrames(MmGetMdlPfnArray(Mdl), pages);
    MiReturnCommitment(pages, nullptr);
    Mdl->MdlFlags = SHORT(Mdl->MdlFlags & ~MDL_PAGES_LOCKED);
}
