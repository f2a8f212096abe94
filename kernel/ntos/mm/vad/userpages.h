// The page tables of the current process, as the services of virtual memory use them.
//
// How many entries of each page table are in use, MM_ADDRESS_SPACE counts: a page table whose last entry becomes 0 can go.
// Pages that are deleted are free once FreeTables has been called, or the object is gone.
// Locks, IRQL: see pagetable.h. In the books: "virtual address translation". MEM-04, POL-06
#pragma once

#include "mm/addressspace.h"
#include "mm/fault/deletepage.h"
#include "mm/vad/pagetable.h"

/// The page tables that the processor uses now. They belong to the address space that is given.
class MI_USER_PAGES final : public MI_PAGE_TABLE {
public:
    explicit MI_USER_PAGES(MM_ADDRESS_SPACE& space) : m_space(space) {}

    MMPTE Read(ULONG vpn) override;
    void Write(ULONG vpn, MMPTE pte) override;
    bool MakeTable(ULONG vpn) override;
    ULONG UsedEntries(ULONG vpn) override;
    void FreeTables(ULONG first, ULONG last) override;
    void DeletePage(ULONG vpn, MMPTE after) override;
    ULONG Protection(ULONG vpn) override;
    void Protect(ULONG vpn, ULONG protection) override;

private:
    MM_ADDRESS_SPACE& m_space;
    MI_DELETED_PAGES m_deleted;
};
