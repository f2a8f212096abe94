// The state of the pages of a range, as range and entries tell together: reserved or committed, and how it may be used.
//
// An entry of 0 says that all is as the range says (MemCommit, Protection); any other entry speaks for its page alone.
// Locks, IRQL: as services.h. In the books: "reserving and committing pages". POL-06
#pragma once

#include "mm/addressspace.h"
#include "mm/vad/pagetable.h"
#include "mm/vad/vad.h"

constexpr ULONG MI_VAD_TAG = 0x20646156; // "Vad "

/// The pages First..Last.
struct MI_PAGES {
    ULONG First, Last;
    [[nodiscard]] ULONG Count() const { return Last - First + 1; }
    [[nodiscard]] ULONG_PTR Base() const { return ULONG_PTR(First) << PAGE_SHIFT; }
    [[nodiscard]] SIZE_T Bytes() const { return SIZE_T(Count()) << PAGE_SHIFT; }
};

/// The pages that hold the `size` bytes (1 or more) from `base` on.
inline MI_PAGES MiPagesOf(ULONG_PTR base, SIZE_T size) {
    return {ULONG(base >> PAGE_SHIFT), ULONG((base + size - 1) >> PAGE_SHIFT)};
}

/// The state of a page.
struct MI_PAGE_STATE {
    bool Committed;
    ULONG Protection; ///< MM_PROTECTION; 0 unless committed
    bool operator==(const MI_PAGE_STATE&) const = default;
};

/// Whether an entry holds a page, or knows where it is. One that leads to a prototype PTE does not: the section has the page.
bool MiHoldsPage(MMPTE pte);
/// An entry for a page that is committed and has not been used.
inline MMPTE MiDemandZeroPte(ULONG protection) { return MMPTE{protection << 5}; }
inline constexpr MMPTE MI_DECOMMITTED_PTE{MM_DECOMMIT << 5};
inline constexpr MMPTE MI_ZERO_PTE{0};

MI_PAGE_STATE MiPageState(const MMVAD* vad, MI_PAGE_TABLE& table, ULONG vpn);

/// @returns the last page up to which pages without page tables are alike: at most the last one of the page table.
ULONG MiLastPageAlike(const MMVAD* vad, ULONG vpn);

/// Calls visit(run, state) for runs of pages of one state, in order, until it returns false. Pages without a page table are one
/// run, so a large range costs little.
template <typename VISIT> void MiVisitPages(const MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, VISIT visit) {
    for (ULONG vpn = pages.First; vpn <= pages.Last;) {
        ULONG last = vpn;
        if (table.UsedEntries(vpn) == 0) last = MiLastPageAlike(vad, vpn);
        if (last > pages.Last) last = pages.Last;
        if (!visit(MI_PAGES{vpn, last}, MiPageState(vad, table, vpn))) return;
        vpn = last + 1;
    }
}

/// Where a new range goes. @param base 0: where there is room, from below, or from above if `type` has MEM_TOP_DOWN; else there, and
/// on a multiple of 64 KB. @param zeroBits, size of the range, in bytes. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER_2;
/// STATUS_CONFLICTING_ADDRESSES; STATUS_NO_MEMORY: no room
NTSTATUS MiChoosePages(const MM_ADDRESS_SPACE& space, ULONG_PTR base, ULONG_PTR zeroBits, SIZE_T size, ULONG type,
                       MI_PAGES* pages);
/// How many of the pages are committed.
ULONG MiCountCommitted(const MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages);
/// Makes the page tables of the pages. @returns false: memory is short; then those without a used entry are gone again.
bool MiMakeTables(MI_PAGE_TABLE& table, MI_PAGES pages);
/// Gives back what the pages' entries hold. All entries are `after` then; unless that is 0, their page tables exist.
void MiDeletePages(MI_PAGE_TABLE& table, MI_PAGES pages, MMPTE after);

/// The range of a node.
inline MMVAD* MiVadOf(MMADDRESS_NODE* node) { return CONTAINING_RECORD(node, MMVAD, Node); }
inline MI_PAGES MiPagesOf(const MMVAD* vad) { return {vad->Node.StartingVpn, vad->Node.EndingVpn}; }
/// @returns the range that holds the first page, or nullptr.
MMVAD* MiLocateVad(MM_ADDRESS_SPACE& space, ULONG vpn);
/// @returns a new private range that is in no tree, or nullptr.
MMVAD* MiAllocatePrivateVad(MI_PAGES pages, ULONG protection);
void MiFreeVad(MMVAD* vad);
/// Adds a range to the tree, and its pages to VirtualSize.
void MiInsertVad(MM_ADDRESS_SPACE& space, MMVAD* vad);

/// Holds both locks of an address space: AddressCreationLock, then WorkingSetMutex.
class MI_SPACE_GUARD {
public:
    explicit MI_SPACE_GUARD(MM_ADDRESS_SPACE& space) : m_space(space) {
        ExAcquireFastMutex(&space.AddressCreationLock);
        ExAcquireFastMutex(&space.Vm.WorkingSetMutex);
    }
    ~MI_SPACE_GUARD() {
        ExReleaseFastMutex(&m_space.Vm.WorkingSetMutex);
        ExReleaseFastMutex(&m_space.AddressCreationLock);
    }
    MI_SPACE_GUARD(const MI_SPACE_GUARD&) = delete;
    MI_SPACE_GUARD& operator=(const MI_SPACE_GUARD&) = delete;

private:
    MM_ADDRESS_SPACE& m_space;
};
