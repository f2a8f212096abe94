// From a page of a view to its prototype PTE.
//
//     vpn - StartingVpn = 3     FirstPrototypePte + 3, if that lies in a row with the first one (LastContiguousPte);
//                               else through the subsections: the view's first page in the segment, + 3
//
// Locks, IRQL: views.h. In the books: "prototype PTEs". POL-08
#include "mm/section/views.h"
#include "nt/assert.h"

namespace {

/// @returns the number of the view's first page in its segment.
ULONG FirstSegmentPage(const MMVAD* vad) {
    const SUBSECTION* subsection = vad->ControlArea->FirstSubsection;
    // An image is mapped from its first page on, and its prototype PTEs lie in a row.
    if (vad->Flags.VadType == VadImageMap) return 0;
    while (SIZE_T(vad->FirstPrototypePte - subsection->SubsectionBase) >= subsection->PtesInSubsection)
        subsection = __atomic_load_n(&subsection->NextSubsection, __ATOMIC_ACQUIRE);
    return subsection->StartingPage + ULONG(vad->FirstPrototypePte - subsection->SubsectionBase);
}

/// Whether the page is of memory that is committed page by page, and has not been.
bool IsReserved(const MMVAD* vad, ULONG vpn) {
    if (!vad->ControlArea || !vad->ControlArea->Flags.Reserve) return false;
    return MiPteKind(*MiPrototypeOfPage(vad, vpn)) == MI_PTE_KIND::Decommitted;
}

/// The last page, of those that one page table has, up to which all are committed or none is.
ULONG LastCommittedAlike(const MMVAD* vad, ULONG vpn) {
    const ULONG ofTable = vpn | (PTE_PER_PAGE - 1), end = vad->Node.EndingVpn < ofTable ? vad->Node.EndingVpn : ofTable;
    const bool reserved = IsReserved(vad, vpn);
    while (vpn < end && IsReserved(vad, vpn + 1) == reserved)
        vpn++;
    return vpn;
}

} // namespace

MMPTE* MiPrototypeOfPage(const MMVAD* vad, ULONG vpn) {
    NT_ASSERT(vad->Node.StartingVpn <= vpn && vpn <= vad->Node.EndingVpn);
    const ULONG page = vpn - vad->Node.StartingVpn;
    if (page <= ULONG(vad->LastContiguousPte - vad->FirstPrototypePte)) return vad->FirstPrototypePte + page;
    return MiLocatePrototype(vad->ControlArea, FirstSegmentPage(vad) + page);
}

ULONG MiSegmentPageOf(const MMVAD* vad, ULONG vpn) { return FirstSegmentPage(vad) + (vpn - vad->Node.StartingVpn); }

SUBSECTION* MiSubsectionOfPage(const MMVAD* vad, ULONG vpn) {
    return MiLocateSubsection(vad->ControlArea, MiSegmentPageOf(vad, vpn));
}

ULONG MiProtectionOfViewPage(const MMVAD* vad, ULONG vpn) {
    if (IsReserved(vad, vpn)) return MM_ZERO_ACCESS;
    if (vad->Flags.VadType != VadImageMap) return vad->Flags.Protection;
    const SUBSECTION* const subsection = MiSubsectionOfPage(vad, vpn);
    return subsection ? subsection->Flags.Protection : ULONG(MM_ZERO_ACCESS);
}

ULONG MiLastViewPageAlike(const MMVAD* vad, ULONG vpn) {
    if (vad->ControlArea && vad->ControlArea->Flags.Reserve) return LastCommittedAlike(vad, vpn);
    if (vad->Flags.VadType != VadImageMap) return vad->Node.EndingVpn;
    const SUBSECTION* const subsection = MiSubsectionOfPage(vad, vpn);
    if (!subsection) return vpn; // between two parts: such a run is short
    return vad->Node.StartingVpn + subsection->StartingPage + subsection->PtesInSubsection - 1;
}
