// Looking at the pages of a range, and clearing them. What each routine promises: pagestate.h.
//
// In the books: "reserving and committing pages". POL-06
#include "mm/vad/pagestate.h"
#include "ex/pool.h"
#include "mm/section/views.h"
#include "nt/assert.h"

namespace {

/// Pages between the parts of an image exist for nobody.
MI_PAGE_STATE StateOfView(ULONG protection) { return {protection != MM_ZERO_ACCESS, protection}; }

} // namespace

ULONG MiLastPageAlike(const MMVAD* vad, ULONG vpn) {
    const ULONG last = vpn | (PTE_PER_PAGE - 1);
    if (vad->Flags.PrivateMemory) return last;
    const ULONG alike = MiLastViewPageAlike(vad, vpn);
    return alike < last ? alike : last;
}

bool MiHoldsPage(MMPTE pte) {
    switch (MiPteKind(pte)) {
    case MI_PTE_KIND::Zero:
    case MI_PTE_KIND::DemandZero:
    case MI_PTE_KIND::Decommitted:
    case MI_PTE_KIND::Prototype: return false; // the section holds it
    default: return true;
    }
}

MI_PAGE_STATE MiPageState(const MMVAD* vad, MI_PAGE_TABLE& table, ULONG vpn) {
    const MMPTE pte = table.Read(vpn);
    switch (MiPteKind(pte)) {
    case MI_PTE_KIND::Zero:
        if (!vad->Flags.PrivateMemory) return StateOfView(MiProtectionOfViewPage(vad, vpn));
        if (!vad->Flags.MemCommit) return {false, 0};
        return {true, vad->Flags.Protection};
    case MI_PTE_KIND::Prototype: return StateOfView(pte.Soft.Protection);
    case MI_PTE_KIND::Decommitted: return {false, 0};
    case MI_PTE_KIND::DemandZero: return {true, pte.Soft.Protection};
    default: return {true, table.Protection(vpn)};
    }
}

ULONG MiCountCommitted(const MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages) {
    ULONG committed = 0;
    MiVisitPages(vad, table, pages, [&](MI_PAGES run, MI_PAGE_STATE state) {
        if (state.Committed) committed += run.Count();
        return true;
    });
    return committed;
}

bool MiMakeTables(MI_PAGE_TABLE& table, MI_PAGES pages) {
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn = (vpn | (PTE_PER_PAGE - 1)) + 1) {
        if (table.MakeTable(vpn)) continue;
        table.FreeTables(pages.First, pages.Last);
        return false;
    }
    return true;
}

void MiDeletePages(MI_PAGE_TABLE& table, MI_PAGES pages, MMPTE after) {
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        if (after.Long == 0 && table.UsedEntries(vpn) == 0) {
            vpn |= PTE_PER_PAGE - 1; // the next page table's first entry comes next
            continue;
        }
        const MMPTE pte = table.Read(vpn);
        if (MiHoldsPage(pte))
            table.DeletePage(vpn, after);
        else if (pte.Long != after.Long)
            table.Write(vpn, after);
    }
}

MMVAD* MiLocateVad(MM_ADDRESS_SPACE& space, ULONG vpn) {
    MMADDRESS_NODE* const node = MiLocateAddressInTree(vpn, &space.VadRoot);
    return node ? MiVadOf(node) : nullptr;
}

MMVAD* MiAllocatePrivateVad(MI_PAGES pages, ULONG protection) {
    auto* const vad = static_cast<MMVAD*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(MMVAD), MI_VAD_TAG));
    if (!vad) return nullptr;
    *vad = {};
    vad->Node.StartingVpn = pages.First;
    vad->Node.EndingVpn = pages.Last;
    vad->Flags.VadType = VadNone;
    vad->Flags.PrivateMemory = 1;
    vad->Flags.Protection = protection;
    return vad;
}

void MiFreeVad(MMVAD* vad) { ExFreePoolWithTag(vad, MI_VAD_TAG); }

void MiInsertVad(MM_ADDRESS_SPACE& space, MMVAD* vad) {
    MiInsertNode(&vad->Node, &space.VadRoot);
    space.VirtualSize += MiPagesOf(vad).Bytes();
    if (space.VirtualSize > space.PeakVirtualSize) space.PeakVirtualSize = space.VirtualSize;
}
