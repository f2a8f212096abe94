// MiCheckPfnDatabase: what must be true of the database whenever its lock is free.
//
// The lists are walked, then the database from its first to its last page: both must tell the same. Checked builds and
// tests call it. In the books: "page frame number database". PFN-01, PFN-02
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

namespace {

constexpr MI_PFN_CHECK Holds = {nullptr, MM_EMPTY_LIST};

/// Walks a list: links lead back, each page is in the list's state, Total counts them.
MI_PFN_CHECK CheckList(const MMPFNLIST* list) REQUIRES_PFN_LOCK {
    PFN_NUMBER previous = MM_EMPTY_LIST, pages = 0;
    for (PFN_NUMBER frame = list->Flink; frame != MM_EMPTY_LIST; frame = MiPfnElement(frame)->u1.Flink) {
        if (frame > MmHighestPhysicalPage) return {"a link names a page that does not exist", previous};
        const MMPFN* const pfn = MiPfnElement(frame);
        if (pfn->u2.Blink != previous) return {"Blink does not lead back", frame};
        if (pfn->e1.PageLocation != list->ListName) return {"the page is in another state than its list", frame};
        if (pfn->ReferenceCount != 0) return {"a page on a list has a reference", frame};
        if (++pages > list->Total) return {"a list has more pages than its Total", frame};
        previous = frame;
    }
    if (list->Blink != previous) return {"a list's Blink is not its last page", previous};
    if (pages != list->Total) return {"a list has fewer pages than its Total", MM_EMPTY_LIST};
    return Holds;
}

/// Whether the PTE names the page in its transition form.
bool IsInTransition(const MMPFN* pfn) REQUIRES_PFN_LOCK {
    const MMPTE pte = MiReadPteInFrame(pfn->u4.PteFrame, pfn->PteAddress);
    return MiPteKind(pte) == MI_PTE_KIND::Transition && pte.Trans.PageFrameNumber == MiPfnNumber(pfn);
}

/// @returns the rule that a page breaks, or nullptr.
PCSTR CheckPage(const MMPFN* pfn) REQUIRES_PFN_LOCK {
    const auto location = MMLISTS(pfn->e1.PageLocation);
    if (location == ActiveAndValid) {
        if (pfn->u2.ShareCount == 0) return "an active page that no PTE shares";
        if (pfn->ReferenceCount == 0) return "an active page without a reference";
        if (pfn->e1.PteDeleted) return "an active page whose PTE is gone";
        return pfn->e1.ReadInProgress ? "an active page that is still read" : nullptr;
    }
    if (location == TransitionPage) {
        if (pfn->u2.ShareCount != 0) return "a page in transition that a PTE shares";
        return pfn->ReferenceCount == 0 ? "a page in transition without a reference" : nullptr;
    }
    if (pfn->ReferenceCount != 0) return "a page on a list has a reference";
    if (pfn->e1.ReadInProgress || pfn->e1.WriteInProgress) return "a page on a list has an I/O";
    if (location == BadPageList) return nullptr;
    const bool modified = location == ModifiedPageList || location == ModifiedNoWritePageList;
    if (location == StandbyPageList || modified) {
        if (!pfn->PteAddress || pfn->e1.PteDeleted) return "a page that can come back has no PTE";
        if (bool(pfn->e1.Modified) != modified) return "Modified and the list do not agree";
        if (modified && (location == ModifiedNoWritePageList) != bool(pfn->e1.NoModifiedWrite))
            return "NoModifiedWrite and the list do not agree";
        const bool ofFile = location == ModifiedPageList && MiPteKind(pfn->OriginalPte) == MI_PTE_KIND::Prototype;
        if (bool(pfn->e1.OfFile) != ofFile) return "OfFile and the list do not agree";
        if (!IsInTransition(pfn)) return "the PTE does not name the page";
        return MiPfnElement(pfn->u4.PteFrame)->e1.PageLocation == ActiveAndValid
                   ? nullptr
                   : "the page that holds the PTE is not active";
    }
    return pfn->PteAddress ? "a free page has a PTE" : nullptr;
}

} // namespace

MI_PFN_CHECK MiCheckPfnDatabase() {
    for (const MMPFNLIST* list : MmPageLocationList) {
        const MI_PFN_CHECK found = CheckList(list);
        if (found.Broken) return found;
    }
    PFN_NUMBER pages[NUMBER_OF_PAGE_STATES] = {}, all = 0, ofFiles = 0;
    for (PFN_NUMBER frame = 0; frame <= MmHighestPhysicalPage; frame++) {
        const MMPFN* const pfn = MiPfnElement(frame);
        if (pfn->e1.Rom) continue;
        if (PCSTR const broken = CheckPage(pfn)) return {broken, frame};
        pages[pfn->e1.PageLocation]++;
        ofFiles += pfn->e1.OfFile;
        all++;
    }
    for (const MMPFNLIST* list : MmPageLocationList)
        if (pages[list->ListName] != list->Total)
            return {"a page is in a list's state and not on the list", MM_EMPTY_LIST};
    if (ofFiles != MiModifiedFilePages) return {"MiModifiedFilePages is not what the pages say", MM_EMPTY_LIST};
    if (all != MiDatabasePages) return {"pages were lost", MM_EMPTY_LIST};
    const PFN_NUMBER available = pages[ZeroedPageList] + pages[FreePageList] + pages[StandbyPageList];
    return available == MmAvailablePages ? Holds
                                         : MI_PFN_CHECK{"MmAvailablePages is not what the lists hold", MM_EMPTY_LIST};
}
