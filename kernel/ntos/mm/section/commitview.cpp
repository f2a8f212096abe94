// Committing pages of a section that was made with SEC_RESERVE.
//
// Such a section promises addresses, and no memory yet. Its prototype PTEs say "decommitted", so a page may not be used in any view.
// Committing a page in one view charges it to the system and makes its prototype PTE one of a page of zeros: from then on it is
// there in all views. It stays committed until the section goes.
//
//     prototype PTE: decommitted --commit in any view--> demand zero --first use--> a page
//
// Locks: the caller holds MI_SPACE_GUARD; MmPfnLock for prototype PTEs, because other processes commit, too. IRQL: APC_LEVEL.
// In the books: "section objects", "reserving and committing pages". POL-08, POL-06
#include "mm/charge.h"
#include "mm/protect.h"
#include "mm/section/views.h"

namespace {

ULONG CountReserved(const MMVAD* vad, MI_PAGES pages) {
    ULONG reserved = 0;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++)
        reserved += MiPteKind(*MiPrototypeOfPage(vad, vpn)) == MI_PTE_KIND::Decommitted;
    return reserved;
}

/// Commits a page, unless it is. @returns whether it was not.
bool CommitPage(const MMVAD* vad, ULONG vpn) {
    MMPTE* const prototype = MiPrototypeOfPage(vad, vpn);
    CONTROL_AREA* const area = vad->ControlArea;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (MiPteKind(*prototype) != MI_PTE_KIND::Decommitted) return false;
    prototype->Long = MiDemandZeroPte(area->FirstSubsection->Flags.Protection).Long;
    area->Segment->NumberOfCommittedPages++;
    return true;
}

/// Whether a page of the view may be used otherwise than asked, once it is committed.
bool NeedsProtection(const MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection) {
    if (protection != vad->Flags.Protection) return true;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        if (table.UsedEntries(vpn) == 0)
            vpn |= PTE_PER_PAGE - 1;
        else if (table.Read(vpn).Long != 0)
            return true;
    }
    return false;
}

} // namespace

NTSTATUS MiCommitView(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection) {
    if (!vad->ControlArea || !vad->ControlArea->Flags.Reserve) return STATUS_CONFLICTING_ADDRESSES;
    if (!MiIsViewAllowed(vad->Flags.Protection, protection)) return STATUS_SECTION_PROTECTION;
    const bool protects = NeedsProtection(vad, table, pages, protection);
    if (protects && !MiMakeTables(table, pages)) return STATUS_INSUFFICIENT_RESOURCES;
    const ULONG charged = CountReserved(vad, pages);
    if (const NTSTATUS status = MiChargeCommitment(charged, nullptr); !NT_SUCCESS(status)) {
        table.FreeTables(pages.First, pages.Last);
        return status;
    }
    ULONG committed = 0;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++)
        committed += CommitPage(vad, vpn);
    MiReturnCommitment(charged - committed, nullptr); // another process was first
    ULONG old;
    // The page tables are there, and what is not copied costs nothing: it cannot fail any more.
    return protects ? MiProtectView(space, vad, table, pages, protection, &old) : STATUS_SUCCESS;
}
