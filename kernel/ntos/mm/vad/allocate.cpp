// Reserving a range and committing its pages.
//
// A reservation is a VAD and nothing else. A commit is a charge, and a word that says so: MemCommit for a range that is
// committed when it is made, else an entry a page. Pages of memory come with the first use, by a page fault.
// A call that fails has changed nothing.
// Locks, IRQL: see services.h. In the books: "reserving and committing pages". POL-06
#include "ke/bugcheck.h"
#include "mm/charge.h"
#include "mm/protect.h"
#include "mm/section/views.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"

namespace {

constexpr ULONG MAXIMUM_ZERO_BITS = 20;

/// What is wrong with the arguments. @param protection[out] MM_PROTECTION.
NTSTATUS CheckArguments(ULONG_PTR base, ULONG_PTR zeroBits, SIZE_T size, ULONG type, ULONG protect, ULONG* protection) {
    if (zeroBits > MAXIMUM_ZERO_BITS) return STATUS_INVALID_PARAMETER_3;
    if (type & ~(MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_TOP_DOWN)) return STATUS_INVALID_PARAMETER_5;
    if (!(type & (MEM_COMMIT | MEM_RESERVE | MEM_RESET))) return STATUS_INVALID_PARAMETER_5;
    if ((type & MEM_RESET) && type != MEM_RESET) return STATUS_INVALID_PARAMETER_5;

    *protection = MiMakeProtectionMask(protect);
    if (*protection == MM_INVALID_PROTECTION) return STATUS_INVALID_PAGE_PROTECTION;
    if (protect & (PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY)) return STATUS_INVALID_PAGE_PROTECTION;

    if (base >= MI_END_OF_USER) return STATUS_INVALID_PARAMETER_2;
    if (size == 0 || size > MI_END_OF_USER - base) return STATUS_INVALID_PARAMETER_4;
    return STATUS_SUCCESS;
}

/// Makes a private range, committed if the type says so. Pre: the pages are free. Post: the range is in the tree and in
/// VirtualSize; with MEM_COMMIT its pages are charged, and MemCommit and CommitCharge say so. No entry is written, no page table
/// made. @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES: no memory for the VAD; what MiChargeCommitment returns
NTSTATUS Reserve(MM_ADDRESS_SPACE& space, MI_PAGES pages, ULONG type, ULONG protection) {
    // LAB(2.5) begin
    MMVAD* const vad = MiAllocatePrivateVad(pages, protection);
    if (!vad) return STATUS_INSUFFICIENT_RESOURCES;
    if (type & MEM_COMMIT) {
        if (const NTSTATUS status = MiChargeCommitment(pages.Count(), &space); !NT_SUCCESS(status)) {
            MiFreeVad(vad);
            return status;
        }
        vad->Flags.MemCommit = 1;
        vad->Flags.CommitCharge = pages.Count();
    }
    MiInsertVad(space, vad);
    return STATUS_SUCCESS;
    // LAB(2.5) else
    //| LAB_NOT_IMPLEMENTED("2.5");
    // LAB(2.5) end
}

// LAB(2.5) begin
/// Whether the pages can be committed by the range's MemCommit alone: they are all of it, unused, and used alike.
bool IsWholeAndUntouched(const MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection) {
    if (pages.First != vad->Node.StartingVpn || pages.Last != vad->Node.EndingVpn) return false;
    if (protection != vad->Flags.Protection) return false;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        if (table.UsedEntries(vpn) == 0)
            vpn |= PTE_PER_PAGE - 1;
        else if (table.Read(vpn).Long != 0)
            return false;
    }
    return true;
}
// LAB(2.5) end

/// Commits pages of a private range. Post: each of them is committed with the protection; one that was committed keeps its
/// contents. The range's other pages are as they were. What was not committed is charged, and CommitCharge says so. No page table is
/// without a used entry. A call that fails has raised no peak of the charge (MmPeakCommitment, CommitChargePeak).
/// @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES: no memory for a page table; what MiChargeCommitment returns
NTSTATUS Commit(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection) {
    // LAB(2.5) begin
    const ULONG missing = pages.Count() - MiCountCommitted(vad, table, pages);
    const bool byRange = IsWholeAndUntouched(vad, table, pages, protection);
    if (!byRange && !MiMakeTables(table, pages)) return STATUS_INSUFFICIENT_RESOURCES;
    // The charge comes last of what can fail: one that is taken back has raised the peaks.
    if (const NTSTATUS status = MiChargeCommitment(missing, &space); !NT_SUCCESS(status)) {
        table.FreeTables(pages.First, pages.Last);
        return status;
    }
    if (byRange) {
        vad->Flags.MemCommit = 1;
    } else {
        const bool asRange = vad->Flags.MemCommit && protection == vad->Flags.Protection;
        const MMPTE committed = asRange ? MI_ZERO_PTE : MiDemandZeroPte(protection);
        for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
            const MMPTE pte = table.Read(vpn);
            if (MiHoldsPage(pte))
                table.Protect(vpn, protection);
            else if (pte.Long != committed.Long)
                table.Write(vpn, committed);
        }
        table.FreeTables(pages.First, pages.Last);
    }
    vad->Flags.CommitCharge += missing;
    return STATUS_SUCCESS;
    // LAB(2.5) else
    //| LAB_NOT_IMPLEMENTED("2.5");
    // LAB(2.5) end
}

} // namespace

NTSTATUS MiAllocateVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR* base, ULONG_PTR zeroBits,
                                 SIZE_T* size, ULONG type, ULONG protect) {
    ULONG protection = 0;
    NT_TRY(CheckArguments(*base, zeroBits, *size, type, protect, &protection));

    MI_SPACE_GUARD guard(space);
    if (space.Deleted) return STATUS_PROCESS_IS_TERMINATING;
    MI_PAGES pages{};
    if ((type & MEM_RESERVE) || (*base == 0 && type != MEM_RESET)) {
        NT_TRY(MiChoosePages(space, *base, zeroBits, *size, type, &pages));
        NT_TRY(Reserve(space, pages, type, protection));
    } else {
        pages = MiPagesOf(*base, *size);
        MMVAD* const vad = MiLocateVad(space, pages.First);
        if (!vad || vad->Node.EndingVpn < pages.Last) return STATUS_CONFLICTING_ADDRESSES;
        if (vad->Flags.NoChange) return STATUS_INVALID_PAGE_PROTECTION;
        if (!vad->Flags.PrivateMemory) {
            if (!(type & MEM_COMMIT)) return STATUS_CONFLICTING_ADDRESSES;
            NT_TRY(MiCommitView(space, vad, table, pages, protection));
        } else if (type & MEM_COMMIT) {
            NT_TRY(Commit(space, vad, table, pages, protection));
        }
    }
    *base = pages.Base();
    *size = pages.Bytes();
    return STATUS_SUCCESS;
}
