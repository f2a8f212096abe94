// Physical page frames: a bitmap over the direct map. The PFN database of the memory lab takes its place.
#include "mm/mi.h"
#include "rtl/string.h"

namespace {
ULONG FrameBits[MAXIMUM_PAGES / 32] GUARDED_BY(MiPageLock);
RTL_BITMAP FrameMap GUARDED_BY(MiPageLock) = {MAXIMUM_PAGES, FrameBits}; // set: in use, or not memory at all
ULONG FrameHint GUARDED_BY(MiPageLock);
} // namespace

constinit KSPIN_LOCK MiPageLock = {};
ULONG MiFreePageCount;

ULONG MiInitializeFrames(LOADER_PARAMETER_BLOCK* loaderBlock) {
    const ULONG limit = loaderBlock->DirectMapSize / PAGE_SIZE;
    RtlSetAllBits(&FrameMap);
    for (auto* run : nt::List<&MEMORY_ALLOCATION_DESCRIPTOR::ListEntry>(loaderBlock->MemoryDescriptorListHead)) {
        if (run->MemoryType != LoaderFree) continue;
        const ULONG end = run->BasePage + run->PageCount < limit ? run->BasePage + run->PageCount : limit;
        // The first megabyte is left alone: firmware tables, and the pages that start other processors.
        const ULONG begin = run->BasePage < 256 ? 256 : run->BasePage;
        if (begin >= end) continue;
        RtlClearBits(&FrameMap, begin, end - begin);
        MiFreePageCount += end - begin;
    }
    FrameHint = 256;
    return MiFreePageCount;
}

PFN_NUMBER MiAllocateFrames(ULONG pages) {
    const ULONG frame = RtlFindClearBitsAndSet(&FrameMap, pages, FrameHint);
    if (frame == RTL_BITMAP_NOT_FOUND) return 0;
    FrameHint = frame + pages;
    MiFreePageCount -= pages;
    return frame;
}

void MiFreeFrames(PFN_NUMBER frame, ULONG pages) {
    for (ULONG i = 0; i < pages; i++)
        NT_ASSERT(RtlCheckBit(&FrameMap, frame + i));
    RtlClearBits(&FrameMap, frame, pages);
    MiFreePageCount += pages;
    if (frame < FrameHint) FrameHint = frame;
}

PVOID NTAPI MmAllocateContiguousPages(ULONG Pages) {
    PFN_NUMBER frame;
    {
        nt::SpinLockGuard guard(MiPageLock);
        frame = MiAllocateFrames(Pages);
    }
    if (frame == 0) return nullptr;
    PVOID const address = MiDirectMap(frame * PAGE_SIZE);
    RtlZeroMemory(address, SIZE_T(Pages) * PAGE_SIZE);
    return address;
}

void NTAPI MmFreeContiguousPages(PVOID Address, ULONG Pages) {
    nt::SpinLockGuard guard(MiPageLock);
    MiFreeFrames(PFN_NUMBER((reinterpret_cast<ULONG_PTR>(Address) - MM_SYSTEM_RANGE_START) / PAGE_SIZE), Pages);
}

ULONG NTAPI MmQueryFreePages() {
    nt::SpinLockGuard guard(MiPageLock);
    return MiFreePageCount;
}
