// Page tables of i386 without PAE: 10 bits of directory, 10 of table, 12 of offset.
//
// The page directory is one of its own page tables, so every page table of the current address space is mapped at MM_PTE_BASE
// and the directory at MM_PDE_BASE: an entry is found by arithmetic. An entry of the directory that maps 4 MB has no page table.
// System space has one set of page tables for all. A directory that was made before one of them lacks its entry: the first
// use faults, and MmLoadSystemPde copies the entry from the system's directory.
// In the books: "virtual address translation", "page directories". MEM-04, MEM-06
#include "ke/bugcheck.h"
#include "mm/mi.h"
#include "mm/slots.h"
#include "rtl/string.h"

namespace {

// LAB(2.1) begin
constexpr ULONG LARGE_PAGE_SIZE = 1u << PDE_SHIFT;
// LAB(2.1) end

MMPTE* SystemPde(ULONG_PTR address) { return reinterpret_cast<MMPTE*>(MM_SYSTEM_DIRECTORY) + (address >> PDE_SHIFT); }

// LAB(2.1) begin
/// Page tables and hyperspace: each process has its own.
bool IsPrivate(ULONG_PTR address) { return address >= MM_PTE_BASE && address <= MM_HYPERSPACE_END; }

/// Whether there is a page, by entries that the processor may read at this moment.
bool IsMapped(const volatile void* address) {
    const MMPTE pde = *MiGetPdeAddress(address);
    return pde.Hard.Valid && (pde.Hard.LargePage || MiGetPteAddress(address)->Hard.Valid);
}
// LAB(2.1) end

} // namespace

void MiMapSystemDirectory(PFN_NUMBER directory) {
    *MiGetPteAddress(reinterpret_cast<PVOID>(MM_SYSTEM_DIRECTORY)) = MiKernelPte(directory);
}

void MiSetSystemPde(const volatile void* address, MMPTE pde) {
    SystemPde(reinterpret_cast<ULONG_PTR>(address))->Long = pde.Long;
    MiGetPdeAddress(address)->Long = pde.Long;
}

/// Copies the system's entry into the current directory, where that lacks the one that the address needs: the entry for the address,
/// or, if the address is in a page table of system space, the entry for that table. User space, page tables of the process's own and
/// hyperspace have no entry to copy. @returns whether an entry of system space is there for the address, and the page, too: a use that
/// faulted can be tried again. IRQL: any.
BOOLEAN NTAPI MmLoadSystemPde(ULONG_PTR Address) {
    // LAB(2.1) begin
    const auto* const touched = reinterpret_cast<const void*>(Address);
    // An entry of a page table that is not there: it is the table's that is missing.
    if (Address >= MM_PTE_BASE && Address < MM_HYPERSPACE)
        Address = reinterpret_cast<ULONG_PTR>(MiGetVirtualAddressMappedByPte(reinterpret_cast<const MMPTE*>(Address)));
    if (Address < MM_SYSTEM_RANGE_START || IsPrivate(Address)) return FALSE;
    MMPTE* const pde = MiGetPdeAddress(reinterpret_cast<const void*>(Address));
    if (!pde->Hard.Valid) {
        if (!SystemPde(Address)->Hard.Valid) return FALSE;
        pde->Long = SystemPde(Address)->Long;
    }
    return IsMapped(touched);
    // LAB(2.1) else
    //| LAB_NOT_IMPLEMENTED("2.1");
    // LAB(2.1) end
}

bool MiIsPdeValid(const volatile void* address) {
    if (MiGetPdeAddress(address)->Hard.Valid) return true;
    (void)MmLoadSystemPde(reinterpret_cast<ULONG_PTR>(address));
    return MiGetPdeAddress(address)->Hard.Valid;
}

bool MiMakePageTables(ULONG_PTR base, ULONG pages) {
    for (ULONG page = 0; page < pages; page += PTE_PER_PAGE) {
        auto* const address = reinterpret_cast<PVOID>(base + ULONG_PTR(page) * PAGE_SIZE);
        if (MiIsPdeValid(address)) continue;
        const PFN_NUMBER frame = MiAllocateFrame();
        if (frame == 0) return false;
        {
            const nt::MappedPage table(frame);
            RtlZeroMemory(table.As<UCHAR>(), PAGE_SIZE);
        }
        MiSetSystemPde(address, MiPageTablePde(frame));
    }
    return true;
}

void MiFlushEntry(PVOID address) { KeFlushSingleTb(address, TRUE); }

/// Whether the address can be used: there is a page, in the current address space or in system space. Reads no page table that is not
/// there. IRQL: any.
BOOLEAN NTAPI MmIsAddressValid(const volatile void* VirtualAddress) {
    // LAB(2.1) begin
    return MiIsPdeValid(VirtualAddress) && IsMapped(VirtualAddress);
    // LAB(2.1) else
    //| LAB_NOT_IMPLEMENTED("2.1");
    // LAB(2.1) end
}

/// @returns the physical address of the byte; 0 if the address cannot be used. IRQL: any.
PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress) {
    // LAB(2.1) begin
    if (!MmIsAddressValid(BaseAddress)) return {.QuadPart = 0};
    const ULONG_PTR address = reinterpret_cast<ULONG_PTR>(BaseAddress);
    const MMPTE pde = *MiGetPdeAddress(BaseAddress);
    const MMPTE entry = pde.Hard.LargePage ? pde : *MiGetPteAddress(BaseAddress);
    const ULONG offset = address & (pde.Hard.LargePage ? LARGE_PAGE_SIZE - 1 : PAGE_SIZE - 1);
    return {.QuadPart = LONGLONG(ULONGLONG(entry.Hard.PageFrameNumber) * PAGE_SIZE + offset)};
    // LAB(2.1) else
    //| LAB_NOT_IMPLEMENTED("2.1");
    // LAB(2.1) end
}
