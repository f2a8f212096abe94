// States of pages: the one place where PageLocation changes.
//
// Everything that wants to follow a page (the event ring, and through it the grader and the monitor) follows this routine.
// Checked builds stop at a transition that is not in the figure of README.md.
// Lock: MmPfnLock. In the books: "page frame number database": page states. PFN-02
#include "etw.h"
#include "mm/pfn/pfn.h"

PFN_NUMBER MiModifiedFilePages = 0;

namespace {

constexpr ULONG Bit(MMLISTS location) { return 1u << location; }
constexpr ULONG IN_USE = Bit(ActiveAndValid) | Bit(TransitionPage);

/// The states that may follow each state. Indexed by MMLISTS. (A page that was taken from the zeroed or the free list may
/// be given back unused.)
constexpr ULONG Successors[NUMBER_OF_PAGE_STATES] = {
    /* Zeroed          */ IN_USE | Bit(ZeroedPageList) | Bit(FreePageList) | Bit(BadPageList),
    /* Free            */ IN_USE | Bit(ZeroedPageList) | Bit(FreePageList) | Bit(BadPageList),
    /* Standby         */ IN_USE | Bit(FreePageList) | Bit(BadPageList),
    /* Modified        */ IN_USE | Bit(FreePageList) | Bit(BadPageList),
    /* ModifiedNoWrite */ IN_USE | Bit(FreePageList) | Bit(BadPageList),
    /* Bad             */ 0,
    /* ActiveAndValid  */ Bit(TransitionPage) | Bit(FreePageList) | Bit(StandbyPageList) | Bit(ModifiedPageList) |
        Bit(ModifiedNoWritePageList) | Bit(BadPageList),
    /* Transition      */ Bit(ActiveAndValid) | Bit(ZeroedPageList) | Bit(FreePageList) | Bit(StandbyPageList) |
        Bit(ModifiedPageList) | Bit(ModifiedNoWritePageList) | Bit(BadPageList),
};

/// Keeps MiModifiedFilePages. A page that leaves the modified list may have forgotten where it belongs; its OfFile still says so.
void CountFilePage(MMPFN* pfn) REQUIRES_PFN_LOCK {
    if (pfn->e1.PageLocation == ModifiedPageList) {
        pfn->e1.OfFile = MiPteKind(pfn->OriginalPte) == MI_PTE_KIND::Prototype;
        MiModifiedFilePages += pfn->e1.OfFile;
    } else if (pfn->e1.OfFile) {
        pfn->e1.OfFile = 0;
        MiModifiedFilePages--;
    }
}

} // namespace

void MiSetPageLocation(MMPFN* pfn, MMLISTS location) {
    const auto old = MMLISTS(pfn->e1.PageLocation);
    NT_ASSERT((Successors[old] & Bit(location)) != 0);
    NT_ASSERT(!pfn->e1.Rom);
    pfn->e1.PageLocation = location;
    CountFilePage(pfn);
    EtwTraceEvent(ETW_EVENT::PfnTransition, MiPfnNumber(pfn), ULONG_PTR(old | location << 8),
                  reinterpret_cast<ULONG_PTR>(pfn->PteAddress), pfn->ReferenceCount);
}
