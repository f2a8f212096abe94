// Decommitting pages of a range, and releasing a range or a part of it.
//
// A decommitted page of a range with MemCommit needs an entry that says so; so even a decommit may need memory, for a
// page table. A part that is released in the middle leaves two ranges. A call that fails has changed nothing.
// Locks, IRQL: see services.h. In the books: "reserving and committing pages". POL-06
#include "ke/bugcheck.h"
#include "mm/charge.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/virtual.h"

namespace {

// LAB(2.5) begin
/// Gives the charge for pages of a range back.
void ReturnCharge(MM_ADDRESS_SPACE& space, MMVAD* vad, ULONG pages) {
    NT_ASSERT(vad->Flags.CommitCharge >= pages);
    vad->Flags.CommitCharge -= pages;
    MiReturnCommitment(pages, &space);
}
// LAB(2.5) end

/// Takes the commitment of pages of a private range back. Post: they are reserved, what they held is given back, and so is the charge
/// of those that were committed. The range's other pages are as they were. No page table is without a used entry.
/// @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES: no memory for a page table, never if the pages are all of the range's
NTSTATUS Decommit(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages) {
    // LAB(2.5) begin
    const bool whole = pages.First == vad->Node.StartingVpn && pages.Last == vad->Node.EndingVpn;
    const bool marked = vad->Flags.MemCommit && !whole;
    if (marked && !MiMakeTables(table, pages)) return STATUS_INSUFFICIENT_RESOURCES;
    ReturnCharge(space, vad, MiCountCommitted(vad, table, pages));
    MiDeletePages(table, pages, marked ? MI_DECOMMITTED_PTE : MI_ZERO_PTE);
    if (whole) vad->Flags.MemCommit = 0;
    table.FreeTables(pages.First, pages.Last);
    return STATUS_SUCCESS;
    // LAB(2.5) else
    //| LAB_NOT_IMPLEMENTED("2.5");
    // LAB(2.5) end
}

/// Takes the pages out of a private range: all of it, its start, its end, or its middle. Post: no range has them, their entries are
/// 0, what they held and their charge are given back, VirtualSize is less. What is left, one range or two, is as it was: flags, pages,
/// charge. No page table is without a used entry. @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES: no memory for a second VAD
NTSTATUS Release(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages) {
    // LAB(2.5) begin
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
    // LAB(2.5) else
    //| LAB_NOT_IMPLEMENTED("2.5");
    // LAB(2.5) end
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
