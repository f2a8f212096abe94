// The lists of pages: doubly linked through the database by frame numbers, so a page leaves its list from anywhere.
//
// Pages come to the end and are taken from the front: of two standby pages, the one that left its working set earlier is
// taken for another use first.
//
//     MMPFNLIST: Flink --> [frame 7] <--> [frame 2] <--> [frame 9] <-- Blink         Total 3
//
// Lock: MmPfnLock. In the books: "page list dynamics". PFN-05..PFN-10, PFN-18
#include "ke/bugcheck.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

extern "C" {
constinit MMPFNLIST MmZeroedPageListHead = {0, ZeroedPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
constinit MMPFNLIST MmFreePageListHead = {0, FreePageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
constinit MMPFNLIST MmStandbyPageListHead = {0, StandbyPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
constinit MMPFNLIST MmModifiedPageListHead = {0, ModifiedPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
constinit MMPFNLIST MmModifiedNoWritePageListHead = {0, ModifiedNoWritePageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
constinit MMPFNLIST MmBadPageListHead = {0, BadPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};

constinit MMPFNLIST* const MmPageLocationList[NUMBER_OF_PAGE_LISTS] = {
    &MmZeroedPageListHead,          &MmFreePageListHead, &MmStandbyPageListHead, &MmModifiedPageListHead,
    &MmModifiedNoWritePageListHead, &MmBadPageListHead,
};
}

namespace {

// LAB(2.2) begin
/// Whether a page of this list can be given out at once.
constexpr bool IsAvailable(MMLISTS list) { return list <= StandbyPageList; }
// LAB(2.2) end

/// Puts a page that nothing refers to at the end of a list, and in that list's state.
void Append(MMPFNLIST* list, MMPFN* pfn) REQUIRES_PFN_LOCK {
    // LAB(2.2) begin
    NT_ASSERT(pfn->ReferenceCount == 0 && pfn->u2.ShareCount == 0);
    const PFN_NUMBER frame = MiPfnNumber(pfn);
    pfn->u1.Flink = MM_EMPTY_LIST;
    pfn->u2.Blink = list->Blink;
    if (list->Blink == MM_EMPTY_LIST) {
        list->Flink = frame;
    } else {
        MiPfnElement(list->Blink)->u1.Flink = frame;
    }
    list->Blink = frame;
    list->Total++;
    MiSetPageLocation(pfn, list->ListName);
    if (IsAvailable(list->ListName)) MiIncrementAvailablePages();
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

} // namespace

void MiInsertPageInList(MMPFNLIST* list, PFN_NUMBER frame) {
    NT_ASSERT(list->ListName != FreePageList);
    Append(list, MiPfnElement(frame));
    if (list->ListName == ModifiedPageList) MiModifiedPageAdded();
}

void MiInsertPageInFreeList(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    const MMPFNENTRY old = pfn->e1;
    pfn->PteAddress = nullptr;
    pfn->OriginalPte = {};
    pfn->u4 = {};
    pfn->e1 = {};
    pfn->e1.PageLocation = old.PageLocation;
    pfn->e1.ParityError = old.ParityError;
    pfn->e1.RemovalRequested = old.RemovalRequested;
    pfn->e1.OfFile = old.OfFile;
    if (old.ParityError || old.RemovalRequested) {
        Append(&MmBadPageListHead, pfn);
        return;
    }
    Append(&MmFreePageListHead, pfn);
    if (MmFreePageListHead.Total >= MM_MINIMUM_PAGES_TO_ZERO && !MmZeroingPageThreadActive) {
        MmZeroingPageThreadActive = true;
        (void)KeSetEvent(&MmZeroingPageEvent, 0, FALSE);
    }
}

void MiUnlinkPageFromList(MMPFN* pfn) {
    // LAB(2.2) begin
    NT_ASSERT(MiIsPageOnList(pfn) && pfn->e1.PageLocation != BadPageList);
    MMPFNLIST* const list = MmPageLocationList[pfn->e1.PageLocation];
    const PFN_NUMBER next = pfn->u1.Flink, previous = pfn->u2.Blink;
    if (next == MM_EMPTY_LIST) {
        list->Blink = previous;
    } else {
        MiPfnElement(next)->u2.Blink = previous;
    }
    if (previous == MM_EMPTY_LIST) {
        list->Flink = next;
    } else {
        MiPfnElement(previous)->u1.Flink = next;
    }
    list->Total--;
    pfn->u1.Flink = 0;
    pfn->u2.ShareCount = 0;
    if (IsAvailable(list->ListName)) MiDecrementAvailablePages();
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

PFN_NUMBER MiRemovePageFromList(MMPFNLIST* list) {
    // LAB(2.2) begin
    const PFN_NUMBER frame = list->Flink;
    if (frame == MM_EMPTY_LIST) return MM_EMPTY_LIST;
    MMPFN* const pfn = MiPfnElement(frame);
    MiUnlinkPageFromList(pfn);
    if (list->ListName == StandbyPageList) MiRestoreTransitionPte(pfn);
    return frame;
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

PFN_NUMBER MiRemoveAnyPage() {
    // LAB(2.2) begin
    MMPFNLIST* const list = MmFreePageListHead.Total     ? &MmFreePageListHead
                            : MmZeroedPageListHead.Total ? &MmZeroedPageListHead
                                                         : &MmStandbyPageListHead;
    return MiRemovePageFromList(list);
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

PFN_NUMBER MiRemoveZeroPage(bool* zeroed) {
    // LAB(2.2) begin
    *zeroed = MmZeroedPageListHead.Total != 0;
    if (*zeroed) return MiRemovePageFromList(&MmZeroedPageListHead);
    return MiRemovePageFromList(MmFreePageListHead.Total ? &MmFreePageListHead : &MmStandbyPageListHead);
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

void MiRestoreTransitionPte(MMPFN* pfn) {
    // LAB(2.2) begin
    const PFN_NUMBER pteFrame = pfn->u4.PteFrame;
    NT_ASSERT(pfn->PteAddress && !pfn->e1.PteDeleted);
    NT_ASSERT(MiPteKind(MiReadPteInFrame(pteFrame, pfn->PteAddress)) == MI_PTE_KIND::Transition);
    NT_ASSERT(MiReadPteInFrame(pteFrame, pfn->PteAddress).Trans.PageFrameNumber == MiPfnNumber(pfn));
    MiWritePteInFrame(pteFrame, pfn->PteAddress, pfn->OriginalPte);
    if (pfn->e1.PrototypePte) MiForgetPageOfSection(pfn->OriginalPte);
    pfn->PteAddress = nullptr;
    pfn->OriginalPte = {};
    pfn->e1.PrototypePte = 0;
    pfn->e1.NoModifiedWrite = 0;
    MiSetPageLocation(pfn, FreePageList);
    MiDecrementShareCount(pteFrame);
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}
