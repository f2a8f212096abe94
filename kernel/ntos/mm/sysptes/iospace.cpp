// Device registers, and devices' memory: physical addresses that are seen through system PTEs. No page of RAM is counted for it.
//
// In the books: "mapping device memory", "I/O space". MEM-04, HAL-04
#include "mm/sysptes/systemspace.h"

static ULONG PagesOf(ULONG offset, SIZE_T bytes) {
    return ULONG((ULONGLONG(offset) + bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    const ULONGLONG first4G = 1ull << 32, start = ULONGLONG(PhysicalAddress.QuadPart);
    if (NumberOfBytes == 0 || start >= first4G || NumberOfBytes > first4G - start) return nullptr;
    const ULONG offset = ULONG(start) % PAGE_SIZE;
    const PFN_NUMBER first = PFN_NUMBER(start / PAGE_SIZE);
    PVOID const mapped =
        MiMapInSystemSpace(PagesOf(offset, NumberOfBytes), CacheType, [first](ULONG i) { return first + i; });
    return mapped ? static_cast<UCHAR*>(mapped) + offset : nullptr;
}

void NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes) {
    MiUnmapInSystemSpace(BaseAddress, PagesOf(reinterpret_cast<ULONG_PTR>(BaseAddress) % PAGE_SIZE, NumberOfBytes));
}
