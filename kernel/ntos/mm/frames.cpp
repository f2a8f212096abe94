// Physical page frames: a bitmap, where the PFN database will lie. The lists of the PFN database take its place.
#include "mm/mi.h"

namespace {
RTL_BITMAP FrameMap GUARDED_BY(MiPageLock); // set: in use, or not memory at all
ULONG FrameHint GUARDED_BY(MiPageLock);
} // namespace

constinit KSPIN_LOCK MiPageLock = {};
ULONG MiFreePageCount;

ULONG MiInitializeFrames(LOADER_PARAMETER_BLOCK* loaderBlock) {
    constexpr ULONG lowPages = LDR_LOW_MEMORY / PAGE_SIZE;
    const ULONG limit = MmHighestPhysicalPage + 1;
    RtlInitializeBitMap(&FrameMap, reinterpret_cast<ULONG*>(MM_PFN_DATABASE), limit);
    RtlSetAllBits(&FrameMap);
    for (auto* run : nt::List<&MEMORY_ALLOCATION_DESCRIPTOR::ListEntry>(loaderBlock->MemoryDescriptorListHead)) {
        if (run->MemoryType != LoaderFree) continue;
        const ULONG end = run->BasePage + run->PageCount < limit ? run->BasePage + run->PageCount : limit;
        // The first megabyte is left alone: firmware tables, and the pages that start other processors.
        const ULONG begin = run->BasePage < lowPages ? lowPages : run->BasePage;
        if (begin >= end) continue;
        RtlClearBits(&FrameMap, begin, end - begin);
        MiFreePageCount += end - begin;
    }
    FrameHint = lowPages;
    return MiFreePageCount;
}

void MiClaimFrames(PFN_NUMBER frame, ULONG pages) {
    RtlSetBits(&FrameMap, frame, pages);
    MiFreePageCount -= pages;
}

PFN_NUMBER MiAllocateFrame() {
    const ULONG frame = RtlFindClearBitsAndSet(&FrameMap, 1, FrameHint);
    if (frame == RTL_BITMAP_NOT_FOUND) return 0;
    FrameHint = frame + 1;
    MiFreePageCount--;
    return frame;
}

void MiFreeFrame(PFN_NUMBER frame) {
    NT_ASSERT(RtlCheckBit(&FrameMap, frame));
    RtlClearBits(&FrameMap, frame, 1);
    MiFreePageCount++;
    if (frame < FrameHint) FrameHint = frame;
}

ULONG NTAPI MmQueryFreePages() {
    nt::SpinLockGuard guard(MiPageLock);
    return MiFreePageCount;
}
