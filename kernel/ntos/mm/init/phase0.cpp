// Phase 0: from what the loader mapped to the address space of mm/layout.h.
//
// The loader brought page tables for its own memory and for the last 4 MB, and the page directory is mapped. The rest is built
// here, of pages from the largest free run: first page tables, which a mapping slot clears, then what they map. Page tables of
// the non-paged pool and of system PTEs all exist from the start: a kernel stack lies there, and a fault on a stack that is not
// mapped cannot be handled.
// IRQL: DISPATCH_LEVEL, the first processor alone. Lock: MiPageLock, for form's sake.
// In the books: "startup: memory manager phase 0", "large pages". MEM-02, MEM-04, MEM-05
#include "i386/cpu.h"
#include "ke/bugcheck.h"
#include "mm/charge.h"
#include "mm/init/layout.h"
#include "mm/mi.h"
#include "mm/pool/mipool.h"
#include "mm/section/shareddata.h"
#include "mm/section/systemview.h"
#include "mm/slots.h"
#include "mm/sysptes/systemspace.h"
#include "mm/writer/pagefile.h"
#include "mm/ws/systemset.h"
#include "rtl/string.h"

namespace {

constexpr ULONG_PTR LARGE_PAGE = ULONG_PTR(1) << PDE_SHIFT;
constexpr ULONG LARGE_PAGE_FRAMES = ULONG(LARGE_PAGE / PAGE_SIZE);

/// Of the free pages, one in so many is not promised: page tables and pools, which are not charged, come from them.
constexpr ULONG RESERVE_SHARE = 8;

/// The free run that phase 0 takes pages from: single ones at its lower end, large ones at its upper end.
struct EarlyMemory {
    PFN_NUMBER First, Next; ///< taken: First .. Next - 1
    PFN_NUMBER End;         ///< the frame behind those that are free
    PFN_NUMBER LargeEnd;    ///< taken for large pages: End .. LargeEnd - 1, once there is one
} Early;

void FindEarlyMemory(LOADER_PARAMETER_BLOCK& block) {
    constexpr PFN_NUMBER low = LDR_LOW_MEMORY / PAGE_SIZE;
    for (auto* run : nt::List<&MEMORY_ALLOCATION_DESCRIPTOR::ListEntry>(block.MemoryDescriptorListHead)) {
        if (run->MemoryType != LoaderFree || run->BasePage < low || run->BasePage > MmHighestPhysicalPage) continue;
        const PFN_NUMBER behind = run->BasePage + run->PageCount;
        const PFN_NUMBER end = behind <= MmHighestPhysicalPage ? behind : MmHighestPhysicalPage + 1;
        if (end - run->BasePage > Early.End - Early.Next) Early = {run->BasePage, run->BasePage, end, end};
    }
}

PFN_NUMBER TakePage() {
    if (Early.Next == Early.End) KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, MmNumberOfPhysicalPages, Early.First, 0, 0);
    return Early.Next++;
}

/// @returns the first of the frames of a large page; 0 if there is none.
PFN_NUMBER TakeLargePage() {
    const PFN_NUMBER frame = (Early.End & ~(LARGE_PAGE_FRAMES - 1)) - LARGE_PAGE_FRAMES;
    if (Early.End < 2 * LARGE_PAGE_FRAMES || frame < Early.Next) return 0;
    if (Early.End == Early.LargeEnd) Early.LargeEnd = frame + LARGE_PAGE_FRAMES; // what is behind stays free
    Early.End = frame;
    return frame;
}

PVOID At(ULONG_PTR address) { return reinterpret_cast<PVOID>(address); }

/// The page table of an address, if there is none yet.
void MakePageTable(ULONG_PTR address) REQUIRES_(MiPageLock, AtDispatchLevel) {
    if (MiGetPdeAddress(At(address))->Hard.Valid) return;
    const PFN_NUMBER frame = TakePage();
    {
        const nt::MappedPage table(frame);
        RtlZeroMemory(table.As<UCHAR>(), PAGE_SIZE);
    }
    MiSetSystemPde(At(address), MiPageTablePde(frame));
}

void MakePageTables(ULONG_PTR start, ULONG_PTR end) REQUIRES_(MiPageLock, AtDispatchLevel) {
    for (ULONG_PTR address = start & ~(LARGE_PAGE - 1); address < end; address += LARGE_PAGE)
        MakePageTable(address);
}

/// One large page at the address. @returns false if none is free.
bool MapLargePage(ULONG_PTR address) REQUIRES_(MiPageLock) {
    const PFN_NUMBER frame = TakeLargePage();
    if (frame == 0) return false;
    MMPTE pde = MiKernelPte(frame);
    pde.Hard.LargePage = 1;
    MiSetSystemPde(At(address), pde);
    return true;
}

/// Maps new pages of zeros, large ones where a whole one fits.
void MapMemory(ULONG_PTR start, ULONG_PTR end) REQUIRES_(MiPageLock, AtDispatchLevel) {
    for (ULONG_PTR address = start; address < end;) {
        if (address % LARGE_PAGE == 0 && end - address >= LARGE_PAGE && MapLargePage(address)) {
            address += LARGE_PAGE;
            continue;
        }
        MakePageTable(address);
        MiGetPteAddress(At(address))->Long = MiKernelPte(TakePage()).Long;
        address += PAGE_SIZE;
    }
    RtlZeroMemory(At(start), end - start);
}

/// The loader ran below 4 MB; from here on the user half is empty, and a null pointer faults.
void DropUserHalf() {
    for (ULONG_PTR address = 0; address < MM_SYSTEM_RANGE_START; address += LARGE_PAGE)
        MiGetPdeAddress(At(address))->Long = 0;
    nt::cpu::WriteCr3(nt::cpu::ReadCr3());
}

void BuildSystemSpace(LOADER_PARAMETER_BLOCK& block) REQUIRES_(MiPageLock, AtDispatchLevel) {
    MiMapSystemDirectory(PFN_NUMBER(block.PageDirectory / PAGE_SIZE));
    FindEarlyMemory(block);
    MapMemory(MM_PFN_DATABASE, MmNonPagedPoolExpansionStart);
    MakePageTables(MmNonPagedPoolExpansionStart, MmNonPagedPoolEnd);
    MakePageTables(MmSystemPteStart, MmSystemPteEnd);
    MakePageTable(MM_HYPERSPACE);
    DropUserHalf();
    MiInitializeFrames(&block);
    MiClaimFrames(Early.First, Early.Next - Early.First);
    MiClaimFrames(Early.End, Early.LargeEnd - Early.End);
}

void TakeOverMemory(LOADER_PARAMETER_BLOCK& block) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(MiPageLock);
    BuildSystemSpace(block);
}

} // namespace

BOOLEAN NTAPI MmInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock) {
    KeInitializeSpinLock(&MiPageLock, KLOCK_RANK::SystemSpace);
    (void)MiInitializeLayout(*LoaderBlock);
    TakeOverMemory(*LoaderBlock);
    MiMapSharedUserData();
    MiInitializeSystemViews();
    MiInitializeSystemSpace();
    MiInitializePageFiles();
    MiInitializeSpecialPool();
    if (!MiInitializePools() || !MiCreateSystemWorkingSet()) return FALSE;
    const ULONG free = MmQueryFreePages();
    MiExtendCommitLimit(free - free / RESERVE_SHARE); // page files add theirs when they come
    return TRUE;
}
