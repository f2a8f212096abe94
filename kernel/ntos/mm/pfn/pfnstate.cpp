// The life of a page: in use while PTEs share it or something refers to it, then on the list that its contents decide.
//
//   ShareCount 2, ReferenceCount 1    two PTEs              -- the last PTE goes -->   0, 0   on a list
//   ShareCount 1, ReferenceCount 2    a PTE, and an I/O     -- the PTE goes ------>   0, 1   TransitionPage, on no list
//                                                           -- the I/O ends ------>   0, 0   on a list
//
// Lock: MmPfnLock. In the books: "page frame number database": share count, reference count. PFN-03..PFN-08, PFN-10
#include "ke/bugcheck.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

namespace {

/// What a page of the system's becomes when it is taken away: zeros for reading and writing.
constexpr MMPTE DemandZeroPte() {
    MMPTE pte = {};
    pte.Soft = {.Protection = MM_READWRITE};
    return pte;
}

/// The state of a page that a PTE makes valid; its other fields are set.
void Activate(MMPFN* pfn) REQUIRES_PFN_LOCK {
    NT_ASSERT(pfn->ReferenceCount == 0 && pfn->u2.ShareCount == 0);
    pfn->u1.WsIndex = 0;
    pfn->u2.ShareCount = 1;
    pfn->ReferenceCount = 1;
    MiSetPageLocation(pfn, ActiveAndValid);
}

/// Nothing refers to the page: it goes to the list that its contents decide.
void PutAway(MMPFN* pfn) REQUIRES_PFN_LOCK {
    // LAB(2.2) begin
    NT_ASSERT(pfn->u2.ShareCount == 0);
    const PFN_NUMBER frame = MiPfnNumber(pfn);
    if (pfn->e1.PteDeleted) {
        if (MiPteKind(pfn->OriginalPte) == MI_PTE_KIND::PageFile) MiReleasePageOfPageFile(pfn->OriginalPte);
        MiInsertPageInFreeList(frame);
    } else if (pfn->u4.InPageError || (pfn->e1.ParityError && !pfn->e1.Modified)) {
        MiRestoreTransitionPte(pfn);
        MiInsertPageInFreeList(frame);
    } else if (pfn->e1.Modified) {
        MiInsertPageInList(pfn->e1.NoModifiedWrite ? &MmModifiedNoWritePageListHead : &MmModifiedPageListHead, frame);
    } else {
        MiInsertPageInList(&MmStandbyPageListHead, frame);
    }
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

} // namespace

void MiInitializePfn(PFN_NUMBER frame, MMPTE* pte, bool modified) {
    MMPFN* const pfn = MiPfnElement(frame);
    const MMPTE original = *pte;
    pfn->OriginalPte = MiPteKind(original) == MI_PTE_KIND::Valid ? DemandZeroPte() : original;
    pfn->PteAddress = pte;
    pfn->u4 = {};
    pfn->u4.PteFrame = MiFrameOfPte(pte);
    pfn->e1.Modified = modified;
    Activate(pfn);
    MiIncrementShareCount(pfn->u4.PteFrame);
}

void MiInitializePfnForOtherProcess(PFN_NUMBER frame, MMPTE* pteAddress, PFN_NUMBER pteFrame) {
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->OriginalPte = DemandZeroPte();
    pfn->PteAddress = pteAddress;
    pfn->u4 = {};
    pfn->u4.PteFrame = pteFrame;
    pfn->e1.Modified = 1;
    Activate(pfn);
    MiIncrementShareCount(pteFrame);
}

void MiInitializeSystemPfn(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->OriginalPte = {};
    pfn->PteAddress = nullptr;
    pfn->u4 = {};
    pfn->e1.Modified = 1;
    Activate(pfn);
}

void MiIncrementShareCount(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.PageLocation == ActiveAndValid && pfn->u2.ShareCount != 0);
    pfn->u2.ShareCount++;
}

void MiDecrementShareCount(PFN_NUMBER frame) {
    // LAB(2.2) begin
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.PageLocation == ActiveAndValid && pfn->u2.ShareCount != 0 && pfn->ReferenceCount != 0);
    if (--pfn->u2.ShareCount != 0) return;
    pfn->u1.WsIndex = 0;
    if (pfn->e1.PrototypePte && !pfn->e1.PteDeleted)
        MiWritePteInFrame(pfn->u4.PteFrame, pfn->PteAddress,
                          MiMakeTransitionPte(frame, pfn->OriginalPte.Soft.Protection));
    if (pfn->ReferenceCount > 1) MiSetPageLocation(pfn, TransitionPage);
    MiDecrementReferenceCount(frame);
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

void MiIncrementReferenceCount(PFN_NUMBER frame) {
    // LAB(2.2) begin
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(!pfn->e1.Rom && pfn->ReferenceCount != 0xFFFF);
    if (pfn->ReferenceCount == 0) {
        NT_ASSERT(pfn->PteAddress); // a page on the free or zeroed list has nothing to hold
        MiUnlinkPageFromList(pfn);
        pfn->ReferenceCount = 1;
        MiSetPageLocation(pfn, TransitionPage);
    } else {
        pfn->ReferenceCount++;
    }
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

void MiDecrementReferenceCount(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->ReferenceCount != 0);
    if (--pfn->ReferenceCount == 0) PutAway(pfn);
}

void MiReactivatePfn(PFN_NUMBER frame) {
    // LAB(2.2) begin
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->PteAddress && !pfn->e1.PteDeleted && pfn->u4.InPageError == 0);
    if (pfn->ReferenceCount == 0) {
        MiUnlinkPageFromList(pfn);
    } else {
        NT_ASSERT(pfn->e1.PageLocation == TransitionPage && pfn->u2.ShareCount == 0);
    }
    pfn->u1.WsIndex = 0;
    pfn->u2.ShareCount = 1;
    pfn->ReferenceCount++;
    MiSetPageLocation(pfn, ActiveAndValid);
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

void MiDeletePfn(PFN_NUMBER frame) {
    // LAB(2.2) begin
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(!pfn->e1.PteDeleted && !pfn->e1.Rom);
    const bool holdsPte = pfn->PteAddress != nullptr;
    const PFN_NUMBER pteFrame = pfn->u4.PteFrame;
    pfn->e1.PteDeleted = 1;
    if (pfn->e1.PrototypePte)
        MiForgetPageOfSection(pfn->OriginalPte); // it may outlive the section, while something refers to it
    if (MiIsPageOnList(pfn)) {
        NT_ASSERT(holdsPte);
        MiUnlinkPageFromList(pfn);
        PutAway(pfn);
    } else if (pfn->e1.PageLocation == ActiveAndValid) {
        NT_ASSERT(pfn->u2.ShareCount == 1);
        MiDecrementShareCount(frame);
    }
    if (holdsPte) MiDecrementShareCount(pteFrame);
    // LAB(2.2) else
    //| LAB_NOT_IMPLEMENTED("2.2");
    // LAB(2.2) end
}

void MiMarkPageModified(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->e1.Modified = 1;
    if (MiPteKind(pfn->OriginalPte) != MI_PTE_KIND::PageFile) return;
    MiReleasePageOfPageFile(pfn->OriginalPte); // what is there is older
    pfn->OriginalPte.Soft.PageFileLow = 0;
    pfn->OriginalPte.Soft.PageFileHigh = 0;
}

void MiCaptureDirtyBit(PFN_NUMBER frame, MMPTE pte) {
    if (pte.Hard.Valid && pte.Hard.Dirty) MiMarkPageModified(frame);
}

void MiMarkPageBad(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->e1.ParityError = 1;
    if (!MiIsPageOnList(pfn) || pfn->e1.PageLocation == BadPageList) return;
    if (pfn->e1.Modified) return; // what it holds is nowhere else: it is written first
    MiUnlinkPageFromList(pfn);
    if (pfn->PteAddress) MiRestoreTransitionPte(pfn);
    MiInsertPageInFreeList(frame);
}
