// Regions of system space that are mapped page by page: kernel stacks with their guard pages, device registers.
#include "mm/init/layout.h"
#include "mm/mi.h"

namespace {
constexpr ULONG StackPages = (MM_STACK_REGION_END - MM_STACK_REGION) / PAGE_SIZE;
constexpr ULONG IoPages = PTE_PER_PAGE;
constexpr ULONG LargeStackSize = 60 * 1024;

ULONG StackBits[StackPages / 32];
ULONG IoBits[IoPages / 32];

PVOID PageAddress(const MI_REGION& region, ULONG page) {
    return reinterpret_cast<PVOID>(region.Base + ULONG_PTR(page) * PAGE_SIZE);
}
} // namespace

MI_REGION MiStackRegion;
MI_REGION MiIoRegion;

bool MiMakePageTables(ULONG_PTR base, ULONG pages) {
    for (ULONG page = 0; page < pages; page += PTE_PER_PAGE) {
        const PFN_NUMBER frame = MiAllocateFrames(1);
        if (frame == 0) return false;
        auto* const table = static_cast<ULONG*>(MiDirectMap(frame * PAGE_SIZE));
        for (ULONG i = 0; i < PTE_PER_PAGE; i++)
            table[i] = 0;
        auto* const address = reinterpret_cast<PVOID>(base + ULONG_PTR(page) * PAGE_SIZE);
        *MiGetPdeAddress(address) = frame * PAGE_SIZE | MM_PTE_WRITE | MM_PTE_VALID;
    }
    return true;
}

BOOLEAN MiInitializeRegion(MI_REGION* region, ULONG_PTR base, ULONG* bitmap, ULONG pages) {
    region->Base = base;
    RtlInitializeBitMap(&region->Pages, bitmap, pages);
    RtlClearAllBits(&region->Pages);
    return MiMakePageTables(base, pages);
}

static bool MiTakeOverMemory(LOADER_PARAMETER_BLOCK* LoaderBlock) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(MiPageLock);
    if (MiInitializeFrames(LoaderBlock) == 0) return FALSE;
    if (!MiInitializeRegion(&MiStackRegion, MM_STACK_REGION, StackBits, StackPages)) return FALSE;
    if (!MiInitializeRegion(&MiIoRegion, MM_IO_REGION, IoBits, IoPages)) return FALSE;
    // The loader ran below 4 MB; from here on the user half is empty, and a null pointer faults.
    for (ULONG pde = 0; pde < PTE_PER_PAGE / 2; pde++)
        MiGetPdeAddress(nullptr)[pde] = 0;
    MiFlushAll();
    return TRUE;
}

BOOLEAN NTAPI MmInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock) {
    KeInitializeSpinLock(&MiPageLock, KLOCK_RANK::Pool);
    (void)MiInitializeLayout(*LoaderBlock);
    return MiTakeOverMemory(LoaderBlock) && MiInitializePools();
}

PVOID NTAPI MmCreateKernelStack(BOOLEAN LargeStack) {
    const ULONG pages = (LargeStack ? LargeStackSize : KERNEL_STACK_SIZE) / PAGE_SIZE;
    nt::SpinLockGuard guard(MiPageLock);
    // One page more than the stack: the lowest stays unmapped, and an overflow faults there.
    const ULONG first = RtlFindClearBitsAndSet(&MiStackRegion.Pages, pages + 1, 0);
    if (first == RTL_BITMAP_NOT_FOUND) return nullptr;
    const PFN_NUMBER frame = MiAllocateFrames(pages);
    if (frame == 0) {
        RtlClearBits(&MiStackRegion.Pages, first, pages + 1);
        return nullptr;
    }
    for (ULONG i = 0; i < pages; i++) {
        PVOID const address = PageAddress(MiStackRegion, first + 1 + i);
        *MiGetPteAddress(address) = (frame + i) * PAGE_SIZE | MM_PTE_WRITE | MM_PTE_VALID;
    }
    return PageAddress(MiStackRegion, first + 1 + pages);
}

void NTAPI MmDeleteKernelStack(PVOID PointerKernelStack, BOOLEAN LargeStack) {
    const ULONG pages = (LargeStack ? LargeStackSize : KERNEL_STACK_SIZE) / PAGE_SIZE;
    nt::SpinLockGuard guard(MiPageLock);
    const ULONG end = ULONG((reinterpret_cast<ULONG_PTR>(PointerKernelStack) - MiStackRegion.Base) / PAGE_SIZE);
    for (ULONG page = end - pages; page < end; page++) {
        PVOID const address = PageAddress(MiStackRegion, page);
        ULONG* const pte = MiGetPteAddress(address);
        MiFreeFrames(*pte / PAGE_SIZE, 1);
        *pte = 0;
        MiFlushEntry(address);
    }
    RtlClearBits(&MiStackRegion.Pages, end - pages - 1, pages + 1);
}

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    const ULONGLONG first4G = 1ull << 32, start = ULONGLONG(PhysicalAddress.QuadPart);
    if (NumberOfBytes == 0 || start >= first4G || NumberOfBytes > first4G - start) return nullptr;
    const ULONG offset = ULONG(start) % PAGE_SIZE;
    const ULONG pages = ULONG((ULONGLONG(offset) + NumberOfBytes + PAGE_SIZE - 1) / PAGE_SIZE);
    const ULONG uncached = CacheType == MmCached ? 0 : MM_PTE_CACHE_DISABLE | MM_PTE_WRITE_THROUGH;
    nt::SpinLockGuard guard(MiPageLock);
    const ULONG first = RtlFindClearBitsAndSet(&MiIoRegion.Pages, pages, 0);
    if (first == RTL_BITMAP_NOT_FOUND) return nullptr;
    for (ULONG i = 0; i < pages; i++) {
        PVOID const address = PageAddress(MiIoRegion, first + i);
        *MiGetPteAddress(address) = (ULONG(start) - offset + i * PAGE_SIZE) | uncached | MM_PTE_WRITE | MM_PTE_VALID;
    }
    return static_cast<UCHAR*>(PageAddress(MiIoRegion, first)) + offset;
}
