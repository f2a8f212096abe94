// Runs of physical pages in a row: for devices that know no page tables, and for mappings by large pages.
//
// The search goes down from the highest frame, so that low memory stays for the devices that reach nothing else.
// Lock: MmPfnLock. In the books: "contiguous memory". PFN-01, POL-09
#include "mm/pfn/pfn.h"

namespace {

/// Whether the page can be given out now.
bool IsAvailable(const MMPFN* pfn) {
    return MiIsPageOnList(pfn) && pfn->e1.PageLocation <= StandbyPageList && !pfn->e1.Rom;
}

bool CrossesBoundary(PFN_NUMBER first, ULONG count, ULONG boundary) {
    return boundary != 0 && first / boundary != (first + count - 1) / boundary;
}

void TakeRun(PFN_NUMBER first, ULONG count) REQUIRES_PFN_LOCK {
    for (PFN_NUMBER frame = first; frame != first + count; frame++) {
        MMPFN* const pfn = MiPfnElement(frame);
        const bool standby = pfn->e1.PageLocation == StandbyPageList;
        MiUnlinkPageFromList(pfn);
        if (standby) MiRestoreTransitionPte(pfn);
        MiInitializeSystemPfn(frame);
    }
}

} // namespace

PFN_NUMBER MiFindContiguousPages(PFN_NUMBER low, PFN_NUMBER high, ULONG boundary, ULONG count) {
    NT_ASSERT(count != 0 && (boundary & (boundary - 1)) == 0);
    if (high > MmHighestPhysicalPage) high = MmHighestPhysicalPage;
    if (count > MmAvailablePages || low > high) return MM_EMPTY_LIST;
    ULONG run = 0; // available pages in a row from `frame` up
    for (PFN_NUMBER frame = high + 1; frame-- != low;) {
        run = IsAvailable(MiPfnElement(frame)) ? run + 1 : 0;
        if (run < count || CrossesBoundary(frame, count, boundary)) continue;
        TakeRun(frame, count);
        return frame;
    }
    return MM_EMPTY_LIST;
}
