// Page tables of i386 without PAE: 10 bits of directory, 10 of table, 12 of offset. MEM-04
#include "mm/mi.h"
#include "rtl/string.h"

ULONG_PTR NTAPI MmGetPageDirectory() {
    ULONG_PTR directory;
    __asm__ __volatile__("movl %%cr3, %0" : "=r"(directory));
    return directory & ~(PAGE_SIZE - 1);
}

void MiFlushAll() { __asm__ __volatile__("movl %0, %%cr3" ::"r"(MmGetPageDirectory()) : "memory"); }

ULONG* MiGetPdeAddress(const volatile void* address) {
    return static_cast<ULONG*>(MiDirectMap(MmGetPageDirectory())) +
           (reinterpret_cast<ULONG_PTR>(address) >> LARGE_PAGE_SHIFT);
}

ULONG* MiGetPteAddress(const volatile void* address) {
    const ULONG pde = *MiGetPdeAddress(address);
    if ((pde & MM_PTE_VALID) == 0 || (pde & MM_PTE_LARGE_PAGE) != 0) return nullptr;
    return static_cast<ULONG*>(MiDirectMap(pde & ~(PAGE_SIZE - 1))) +
           ((reinterpret_cast<ULONG_PTR>(address) >> PAGE_SHIFT) & (PTE_PER_PAGE - 1));
}

void MiFlushEntry(PVOID address) { KeFlushSingleTb(address, TRUE); }

/// @returns the address's physical one, 0 if it is not mapped.
static ULONG MiTranslate(const volatile void* virtualAddress) {
    const ULONG_PTR address = reinterpret_cast<ULONG_PTR>(virtualAddress);
    const ULONG pde = *MiGetPdeAddress(virtualAddress);
    if ((pde & MM_PTE_VALID) == 0) return 0;
    constexpr ULONG largeOffset = (1u << LARGE_PAGE_SHIFT) - 1;
    if (pde & MM_PTE_LARGE_PAGE) return (pde & ~largeOffset) | (address & largeOffset);
    const ULONG pte = *MiGetPteAddress(virtualAddress);
    return pte & MM_PTE_VALID ? (pte & ~(PAGE_SIZE - 1)) | (address & (PAGE_SIZE - 1)) : 0;
}

PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress) { return {.QuadPart = MiTranslate(BaseAddress)}; }

BOOLEAN NTAPI MmIsAddressValid(const volatile void* VirtualAddress) {
    const ULONG pde = *MiGetPdeAddress(VirtualAddress);
    if ((pde & MM_PTE_VALID) == 0) return FALSE;
    return (pde & MM_PTE_LARGE_PAGE) != 0 || (*MiGetPteAddress(VirtualAddress) & MM_PTE_VALID) != 0;
}

ULONG_PTR NTAPI MmCreatePageDirectory() {
    auto* const directory = static_cast<ULONG*>(MmAllocateContiguousPages(1));
    if (!directory) return 0;
    // The user half is empty, all page directories share the system half. MEM-06
    constexpr ULONG half = PTE_PER_PAGE / 2;
    RtlCopyMemory(directory + half, MiGetPdeAddress(nullptr) + half, half * sizeof(ULONG));
    return reinterpret_cast<ULONG_PTR>(directory) - MM_SYSTEM_RANGE_START;
}
