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

/// Whether there is a page table that holds the entry of a page.
bool HasTable(ULONG vpn) { return MiGetPdeAddress(AddressOf(vpn))->Hard.Valid; }

/// Takes a page of zeros for the page table of a directory entry. @returns MM_EMPTY_LIST: memory is short.
PFN_NUMBER AllocateTable(MMPTE* pde) {
    PFN_NUMBER frame;
    bool zeroed = false;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        if (!MiMayTakePage()) return MM_EMPTY_LIST;
        frame = MiRemoveZeroPage(&zeroed);
        MiInitializePfn(frame, pde, true);
    }
    if (!zeroed) MiZeroPhysicalPage(frame);
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

MMPTE MI_USER_PAGES::Read(ULONG vpn) {
    return HasTable(vpn) ? MMPTE{__atomic_load_n(&MiGetPteAddress(AddressOf(vpn))->Long, __ATOMIC_RELAXED)} : MMPTE{0};
}

void MI_USER_PAGES::Write(ULONG vpn, MMPTE pte) {
    ULONG* const entry = &MiGetPteAddress(AddressOf(vpn))->Long;
    USHORT& used = m_space.UsedPageTableEntries[vpn / PTE_PER_PAGE];
    used = USHORT(used + (pte.Long != 0) - (*entry != 0));
    __atomic_store_n(entry, pte.Long, __ATOMIC_RELAXED);
}

bool MI_USER_PAGES::MakeTable(ULONG vpn) {
    if (HasTable(vpn)) return true;
    MMPTE* const entry = MiGetPdeAddress(AddressOf(vpn));
    const PFN_NUMBER frame = AllocateTable(entry);
    if (frame == MM_EMPTY_LIST) return false;
    MMPTE pde = MiPageTablePde(frame);
    pde.Hard.Owner = 1; // user mode may use the pages below it whose own entries say so
    entry->Long = pde.Long;
    return true;
}

ULONG MI_USER_PAGES::UsedEntries(ULONG vpn) { return m_space.UsedPageTableEntries[vpn / PTE_PER_PAGE]; }

void MI_USER_PAGES::FreeTables(ULONG first, ULONG last) {
    m_deleted.Free(); // a page table is shared by the pages that its entries made valid
    for (ULONG vpn = first; vpn <= last; vpn = (vpn | (PTE_PER_PAGE - 1)) + 1) {
        if (UsedEntries(vpn) == 0 && HasTable(vpn)) FreeTable(vpn);
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
