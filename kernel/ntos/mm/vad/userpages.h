// The page tables of the current process, as the services of virtual memory use them.
//
// How many entries of each page table are in use, MM_ADDRESS_SPACE counts: a page table whose last entry becomes 0 can go.
// Pages that are deleted are free once FreeTables has been called, or the object is gone.
// Locks, IRQL: see pagetable.h. In the books: "virtual address translation". MEM-04, POL-06
#pragma once

#include "mm/addressspace.h"
#include "mm/fault/deletepage.h"
#include "mm/vad/pagetable.h"

/// Whether an address of the user's half has a page table.
inline bool MiHasUserPageTable(PVOID address) { return MiGetPdeAddress(address)->Hard.Valid; }
/// The entry of an address; 0 if its page table does not exist.
inline MMPTE MiReadUserPte(PVOID address) {
    return MMPTE{MiHasUserPageTable(address) ? __atomic_load_n(&MiGetPteAddress(address)->Long, __ATOMIC_RELAXED) : 0};
}
/// Writes an entry that is not valid over one that is not; counts it. Its page table exists.
void MiWriteUserPte(MM_ADDRESS_SPACE& space, MMPTE* pte, MMPTE value);
/// Makes the page table that holds the entry of an address, unless it exists. @returns false: memory is short.
bool MiMakeUserPageTable(PVOID address);

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

    /// Whether a page table could not be made because no page was at hand.
    [[nodiscard]] bool IsShort() const { return m_short; }

private:
    MM_ADDRESS_SPACE& m_space;
    MI_DELETED_PAGES m_deleted;
    bool m_short = false;
};
