// Changing how pages of a view may be used.
//
// A view may be used at most as it was mapped. Pages of an image may be written always: what is asked to be writable becomes
// copy-on-write, so the process changes copies of its own and never the image. Pages that become copy-on-write are charged.
// Locks: the caller holds MI_SPACE_GUARD. IRQL: APC_LEVEL. In the books: "protecting memory", "copy-on-write". POL-06, POL-09
#include "mm/charge.h"
#include "mm/protect.h"
#include "mm/section/views.h"

namespace {

/// Whether an entry holds a page of the process's own: a copy was made.
bool IsCopy(MMPTE pte) {
    return MiPteKind(pte) == MI_PTE_KIND::DemandZero || (MiHoldsPage(pte) && !(pte.Hard.Valid && pte.Hard.Prototype));
}

/// The protection that pages of the view get. @returns STATUS_SUCCESS; STATUS_SECTION_PROTECTION: the view does not allow it
NTSTATUS ChooseProtection(const MMVAD* vad, ULONG asked, ULONG* protection) {
    *protection = asked;
    if (vad->Flags.VadType == VadImageMap) {
        const bool writes = MiIsAccessAllowed(asked, MI_ACCESS::Write);
        if (writes && !MiIsCopyOnWrite(asked)) *protection = MiCopyOnWriteOf(asked);
        return STATUS_SUCCESS;
    }
    return MiIsViewAllowed(vad->Flags.Protection, asked) ? STATUS_SUCCESS : STATUS_SECTION_PROTECTION;
}

/// Pages that would be copied from now on and would not have been before.
ULONG NewCopies(const MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection) {
    if (!MiIsCopyOnWrite(protection)) return 0;
    ULONG count = 0;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++)
        count += !IsCopy(table.Read(vpn)) && !MiIsCopyOnWrite(MiPageState(vad, table, vpn).Protection);
    return count;
}

} // namespace

NTSTATUS MiProtectView(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG asked,
                       ULONG* old) {
    ULONG protection = 0;
    NT_TRY(ChooseProtection(vad, asked, &protection));
    if (MiCountCommitted(vad, table, pages) != pages.Count()) return STATUS_NOT_COMMITTED;
    if (!MiMakeTables(table, pages)) return STATUS_INSUFFICIENT_RESOURCES;
    const ULONG copies = NewCopies(vad, table, pages, protection);
    if (const NTSTATUS status = MiChargeCommitment(copies, &space); !NT_SUCCESS(status)) {
        table.FreeTables(pages.First, pages.Last);
        return status;
    }
    vad->Flags.CommitCharge += copies;
    *old = MiPageState(vad, table, pages.First).Protection;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        const MMPTE pte = table.Read(vpn);
        if (MiPteKind(pte) == MI_PTE_KIND::DemandZero)
            table.Write(vpn, MiDemandZeroPte(MiProtectionOfCopy(protection)));
        else if (IsCopy(pte))
            table.Protect(vpn, MiProtectionOfCopy(protection));
        else if (MiHoldsPage(pte))
            table.Protect(vpn, protection);
        else
            table.Write(vpn, MiMakeLookupPte(protection));
    }
    return STATUS_SUCCESS;
}
