// Entries of the current process's page tables, how many of them are in use, and page tables that come and go.
//
// The entries that are written here are not valid, before and after: no processor remembers them. A page table is mapped
// itself, though. Every processor forgets it before its frame is free.
// In the books: "virtual address translation". MEM-04, MEM-06, POL-06
#include "mm/vad/userpages.h"
#include "ke/bugcheck.h"
#include "mm/mi.h"
#include "mm/slots.h"
#include "rtl/string.h"

namespace {

PVOID AddressOf(ULONG vpn) { return reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT); }

/// Whether there is a page table that holds the entry of a page.
bool HasTable(ULONG vpn) { return MiGetPdeAddress(AddressOf(vpn))->Hard.Valid; }

/// Takes a page of zeros for a page table. @returns 0: memory is short.
PFN_NUMBER AllocateTable() {
    nt::SpinLockGuard guard(MiPageLock);
    const PFN_NUMBER frame = MiAllocateFrame();
    if (frame == 0) return 0;
    const nt::MappedPage table(frame);
    RtlZeroMemory(table.As<UCHAR>(), PAGE_SIZE);
    return frame;
}

void FreeTable(ULONG vpn) {
    MMPTE* const pde = MiGetPdeAddress(AddressOf(vpn));
    const PFN_NUMBER frame = pde->Hard.PageFrameNumber;
    pde->Long = 0;
    MiFlushEntry(MiGetPteAddress(AddressOf(vpn))); // where it was mapped; directory entries are forgotten, too
    nt::SpinLockGuard guard(MiPageLock);
    MiFreeFrame(frame);
}

/// An entry holds a page although nothing brings pages in.
[[noreturn]] void UnexpectedPage(ULONG vpn) {
    KeBugCheckEx(MEMORY_MANAGEMENT, vpn, MiGetPteAddress(AddressOf(vpn))->Long, 0, 0);
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
    const PFN_NUMBER frame = AllocateTable();
    if (frame == 0) return false;
    MMPTE pde = MiPageTablePde(frame);
    pde.Hard.Owner = 1; // user mode may use the pages below it whose own entries say so
    MiGetPdeAddress(AddressOf(vpn))->Long = pde.Long;
    return true;
}

ULONG MI_USER_PAGES::UsedEntries(ULONG vpn) { return m_space.UsedPageTableEntries[vpn / PTE_PER_PAGE]; }

void MI_USER_PAGES::FreeTables(ULONG first, ULONG last) {
    for (ULONG vpn = first; vpn <= last; vpn = (vpn | (PTE_PER_PAGE - 1)) + 1) {
        if (UsedEntries(vpn) == 0 && HasTable(vpn)) FreeTable(vpn);
    }
}

void MI_USER_PAGES::DeletePage(ULONG vpn, MMPTE) { UnexpectedPage(vpn); }

ULONG MI_USER_PAGES::Protection(ULONG vpn) { UnexpectedPage(vpn); }

void MI_USER_PAGES::Protect(ULONG vpn, ULONG) { UnexpectedPage(vpn); }
