// Entries of the current process's page tables, how many of them are in use, and page tables that come and go.
//
// The entries that Write changes are not valid, before and after: no processor remembers them. A page table is mapped
// itself, though. Every processor forgets it before its frame is free. Entries of pages: mm/fault.
// In the books: "virtual address translation". MEM-04, MEM-06, POL-06
#include "mm/vad/userpages.h"
#include "mm/fault/fault.h"
#include "mm/mi.h"
#include "mm/pfn/pageaccess.h"

namespace {

PVOID AddressOf(ULONG vpn) { return reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT); }

/// Takes a page for the page table of a directory entry, and clears it: pages that are zeros already are for programs, which need
/// many more. @returns MM_EMPTY_LIST: memory is short.
PFN_NUMBER AllocateTable(MMPTE* pde) {
    PFN_NUMBER frame;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        if (!MiMayTakePage()) return MM_EMPTY_LIST;
        frame = MiRemoveAnyPage();
        MiInitializePfn(frame, pde, true);
    }
    MiZeroPhysicalPage(frame);
    return frame;
}

void FreeTable(ULONG vpn) {
    MMPTE* const pde = MiGetPdeAddress(AddressOf(vpn));
    const PFN_NUMBER frame = pde->Hard.PageFrameNumber;
    pde->Long = 0;
    MiFlushEntry(MiGetPteAddress(AddressOf(vpn))); // where it was mapped; directory entries are forgotten, too
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiDeletePfn(frame);
}

} // namespace

void MiWriteUserPte(MM_ADDRESS_SPACE& space, MMPTE* pte, MMPTE value) {
    const ULONG table = ULONG((reinterpret_cast<ULONG_PTR>(pte) - MM_PTE_BASE) / PAGE_SIZE);
    USHORT& used = space.UsedPageTableEntries[table];
    used = USHORT(used + (value.Long != 0) - (pte->Long != 0));
    __atomic_store_n(&pte->Long, value.Long, __ATOMIC_RELAXED);
}

bool MiMakeUserPageTable(PVOID address) {
    MMPTE* const entry = MiGetPdeAddress(address);
    if (entry->Hard.Valid) return true;
    const PFN_NUMBER frame = AllocateTable(entry);
    if (frame == MM_EMPTY_LIST) return false;
    MMPTE pde = MiPageTablePde(frame);
    pde.Hard.Owner = 1; // user mode may use the pages below it whose own entries say so
    entry->Long = pde.Long;
    return true;
}

MMPTE MI_USER_PAGES::Read(ULONG vpn) { return MiReadUserPte(AddressOf(vpn)); }

void MI_USER_PAGES::Write(ULONG vpn, MMPTE pte) { MiWriteUserPte(m_space, MiGetPteAddress(AddressOf(vpn)), pte); }

bool MI_USER_PAGES::MakeTable(ULONG vpn) {
    if (MiMakeUserPageTable(AddressOf(vpn))) return true;
    m_short = true;
    return false;
}

ULONG MI_USER_PAGES::UsedEntries(ULONG vpn) { return m_space.UsedPageTableEntries[vpn / PTE_PER_PAGE]; }

void MI_USER_PAGES::FreeTables(ULONG first, ULONG last) {
    m_deleted.Free(); // a page table is shared by the pages that its entries made valid
    for (ULONG vpn = first; vpn <= last; vpn = (vpn | (PTE_PER_PAGE - 1)) + 1) {
        if (UsedEntries(vpn) == 0 && MiHasUserPageTable(AddressOf(vpn))) FreeTable(vpn);
    }
}

void MI_USER_PAGES::DeletePage(ULONG vpn, MMPTE after) {
    MiDeletePte(m_space, MiGetPteAddress(AddressOf(vpn)), after, m_deleted);
    if (after.Long == 0) m_space.UsedPageTableEntries[vpn / PTE_PER_PAGE]--;
}

ULONG MI_USER_PAGES::Protection(ULONG vpn) { return MiPteProtection(m_space, MiGetPteAddress(AddressOf(vpn))); }

void MI_USER_PAGES::Protect(ULONG vpn, ULONG protection) {
    MiProtectPte(m_space, MiGetPteAddress(AddressOf(vpn)), protection);
}
