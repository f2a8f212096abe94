// Regions of system space that are mapped page by page: kernel stacks with their guard pages, device registers.
#include "mm/mi.h"

namespace {
constexpr ULONG LargestRegion = ULONG((MM_HAL_START - MM_SYSTEM_PTE_START) / PAGE_SIZE);
constexpr ULONG LargeStackSize = 60 * 1024;

ULONG SystemPteBits[LargestRegion / 32];

PVOID PageAddress(const MI_REGION& region, ULONG page) {
    return reinterpret_cast<PVOID>(region.Base + ULONG_PTR(page) * PAGE_SIZE);
}

void Unmap(PVOID address) REQUIRES_(MiPageLock) {
    MMPTE* const pte = MiGetPteAddress(address);
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
    pte->Long = 0;
    MiFlushEntry(address);
    MiFreeFrame(frame);
}

/// Maps a new page at each address of the row. @returns false, with none mapped, if memory is short.
bool MapNewPages(ULONG first, ULONG pages) REQUIRES_(MiPageLock) {
    for (ULONG page = first; page < first + pages; page++) {
        const PFN_NUMBER frame = MiAllocateFrame();
        if (frame == 0) {
            while (page-- > first)
                Unmap(PageAddress(MiSystemPtes, page));
            return false;
        }
        MiGetPteAddress(PageAddress(MiSystemPtes, page))->Long = MiKernelPte(frame).Long;
    }
    return true;
}
} // namespace

MI_REGION MiSystemPtes;

void MiInitializeRegions() {
    MiSystemPtes.Base = MmSystemPteStart;
    RtlInitializeBitMap(&MiSystemPtes.Pages, SystemPteBits, ULONG((MmSystemPteEnd + 1 - MmSystemPteStart) / PAGE_SIZE));
    RtlClearAllBits(&MiSystemPtes.Pages);
}

PVOID NTAPI MmCreateKernelStack(BOOLEAN LargeStack) {
    const ULONG pages = (LargeStack ? LargeStackSize : KERNEL_STACK_SIZE) / PAGE_SIZE;
    nt::SpinLockGuard guard(MiPageLock);
    // One page more than the stack: the lowest stays unmapped, and an overflow faults there.
    const ULONG first = RtlFindClearBitsAndSet(&MiSystemPtes.Pages, pages + 1, 0);
    if (first == RTL_BITMAP_NOT_FOUND) return nullptr;
    if (!MapNewPages(first + 1, pages)) {
        RtlClearBits(&MiSystemPtes.Pages, first, pages + 1);
        return nullptr;
    }
    return PageAddress(MiSystemPtes, first + 1 + pages);
}

void NTAPI MmDeleteKernelStack(PVOID PointerKernelStack, BOOLEAN LargeStack) {
    const ULONG pages = (LargeStack ? LargeStackSize : KERNEL_STACK_SIZE) / PAGE_SIZE;
    nt::SpinLockGuard guard(MiPageLock);
    const ULONG end = ULONG((reinterpret_cast<ULONG_PTR>(PointerKernelStack) - MiSystemPtes.Base) / PAGE_SIZE);
    for (ULONG page = end - pages; page < end; page++)
        Unmap(PageAddress(MiSystemPtes, page));
    RtlClearBits(&MiSystemPtes.Pages, end - pages - 1, pages + 1);
}

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    const ULONGLONG first4G = 1ull << 32, start = ULONGLONG(PhysicalAddress.QuadPart);
    if (NumberOfBytes == 0 || start >= first4G || NumberOfBytes > first4G - start) return nullptr;
    const ULONG offset = ULONG(start) % PAGE_SIZE;
    const ULONG pages = ULONG((ULONGLONG(offset) + NumberOfBytes + PAGE_SIZE - 1) / PAGE_SIZE);
    nt::SpinLockGuard guard(MiPageLock);
    const ULONG first = RtlFindClearBitsAndSet(&MiSystemPtes.Pages, pages, 0);
    if (first == RTL_BITMAP_NOT_FOUND) return nullptr;
    for (ULONG i = 0; i < pages; i++) {
        MMPTE pte = MiKernelPte(ULONG(start) / PAGE_SIZE + i);
        pte.Hard.CacheDisable = pte.Hard.WriteThrough = CacheType != MmCached;
        MiGetPteAddress(PageAddress(MiSystemPtes, first + i))->Long = pte.Long;
    }
    return static_cast<UCHAR*>(PageAddress(MiSystemPtes, first)) + offset;
}
