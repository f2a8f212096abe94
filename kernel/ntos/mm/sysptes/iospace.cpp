// Device registers, and devices' memory: physical addresses that are seen through system PTEs. No page of RAM is counted for it.
//
// In the books: "mapping device memory", "I/O space". MEM-04, HAL-04
#include "mm/mi.h"
#include "mm/sysptes/systemspace.h"

static ULONG PagesOf(ULONG offset, SIZE_T bytes) {
    return ULONG((ULONGLONG(offset) + bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    const ULONGLONG first4G = 1ull << 32, start = ULONGLONG(PhysicalAddress.QuadPart);
    if (NumberOfBytes == 0 || start >= first4G || NumberOfBytes > first4G - start) return nullptr;
    const ULONG offset = ULONG(start) % PAGE_SIZE;
    const ULONG pages = PagesOf(offset, NumberOfBytes);
    MMPTE* const run = MiReserveSystemSpace(pages);
    if (!run) return nullptr;
    for (ULONG i = 0; i < pages; i++) {
        MMPTE pte = MiKernelPte(ULONG(start) / PAGE_SIZE + i);
        pte.Hard.CacheDisable = pte.Hard.WriteThrough = CacheType != MmCached;
        run[i].Long = pte.Long;
    }
    return static_cast<UCHAR*>(MiGetVirtualAddressMappedByPte(run)) + offset;
}

void NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes) {
    const ULONG pages = PagesOf(reinterpret_cast<ULONG_PTR>(BaseAddress) % PAGE_SIZE, NumberOfBytes);
    MMPTE* const run = MiGetPteAddress(BaseAddress);
    MiUnmapSystemRun(run, pages);
    MiReleaseSystemSpace(run, pages);
}
