// Decommitting pages of a range, and releasing a range or a part of it.
//
// A decommitted page of a range with MemCommit needs an entry that says so; so even a decommit may need memory, for a
// page table. It gets it before it changes anything. A part that is released in the middle leaves two ranges.
// Locks, IRQL: see services.h. In the books: "reserving and committing pages". POL-06
#include "mm/charge.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/virtual.h"

namespace {

/// Gives the charge for pages of a range back.
void ReturnCharge(MM_ADDRESS_SPACE& space, MMVAD* vad, ULONG pages) {
    NT_ASSERT(vad->Flags.CommitCharge >= pages);
    vad->Flags.CommitCharge -= pages;
    MiReturnCommitment(pages, &space);
}

NTSTATUS Decommit(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages) {
    const bool whole = pages.First == vad->Node.StartingVpn && pages.Last == vad->Node.EndingVpn;
    const bool marked = vad->Flags.MemCommit && !whole;
    if (marked && !MiMakeTables(table, pages)) return STATUS_INSUFFICIENT_RESOURCES;
    ReturnCharge(space, vad, MiCountCommitted(vad, table, pages));
    MiDeletePages(table, pages, marked ? MI_DECOMMITTED_PTE : MI_ZERO_PTE);
    if (whole) vad->Flags.MemCommit = 0;
    table.FreeTables(pages.First, pages.Last);
    return STATUS_SUCCESS;
}

/// Takes the pages out of the range: all of it, its start, its end, or its middle.
NTSTATUS Release(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages) {
    const MI_PAGES all = MiPagesOf(vad);
    MMVAD* rest = nullptr; // what lies behind pages from the middle
    if (pages.First != all.First && pages.Last != all.Last) {
        rest = MiAllocatePrivateVad({pages.Last + 1, all.Last}, vad->Flags.Protection);
        if (!rest) return STATUS_INSUFFICIENT_RESOURCES;
        rest->Flags = vad->Flags;
        rest->Flags.CommitCharge = MiCountCommitted(vad, table, MiPagesOf(rest));
        vad->Flags.CommitCharge -= rest->Flags.CommitCharge;
    }
    ReturnCharge(space, vad, MiCountCommitted(vad, table, pages));
    MiDeletePages(table, pages, MI_ZERO_PTE);
    table.FreeTables(pages.First, pages.Last);
    space.VirtualSize -= pages.Bytes();

    if (pages.First == all.First && pages.Last == all.Last) {
        MiRemoveNode(&vad->Node, &space.VadRoot);
        MiFreeVad(vad);
    } else if (pages.First == all.First) {
        vad->Node.StartingVpn = pages.Last + 1;
    } else {
        vad->Node.EndingVpn = pages.First - 1;
        if (rest) MiInsertNode(&rest->Node, &space.VadRoot);
    }
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS MiFreeVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR* base, SIZE_T* size, ULONG type) {
    if (type != MEM_DECOMMIT && type != MEM_RELEASE) return STATUS_INVALID_PARAMETER_4;
    if (*base >= MI_END_OF_USER) return STATUS_INVALID_PARAMETER_2;
    if (*size > MI_END_OF_USER - *base) return STATUS_INVALID_PARAMETER_3;

    MI_SPACE_GUARD guard(space);
    MMVAD* const vad = MiLocateVad(space, ULONG(*base >> PAGE_SHIFT));
    if (!vad) return STATUS_MEMORY_NOT_ALLOCATED;
    if (!vad->Flags.PrivateMemory) return STATUS_UNABLE_TO_DELETE_SECTION;
    if (vad->Flags.NoChange) return STATUS_INVALID_PAGE_PROTECTION;

    MI_PAGES pages = MiPagesOf(vad);
    if (*size == 0) {
        if (ULONG(*base >> PAGE_SHIFT) != pages.First) return STATUS_FREE_VM_NOT_AT_BASE;
    } else {
        pages = MiPagesOf(*base, *size);
        if (pages.Last > vad->Node.EndingVpn) return STATUS_UNABLE_TO_FREE_VM;
    }
    NT_TRY(type == MEM_DECOMMIT ? Decommit(space, vad, table, pages) : Release(space, vad, table, pages));
    *base = pages.Base();
    *size = pages.Bytes();
    return STATUS_SUCCESS;
}

void MiDeletePrivateRanges(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table) {
    MI_SPACE_GUARD guard(space);
    space.Deleted = TRUE;
    while (MMADDRESS_NODE* const node = space.VadRoot.Root)
        (void)Release(space, MiVadOf(node), table, MiPagesOf(MiVadOf(node))); // a whole range: it cannot fail
}
