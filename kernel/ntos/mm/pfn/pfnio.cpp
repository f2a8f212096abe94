// Pages that are being read or written: an I/O holds a reference, so the page stays where it is.
//
// A page that is read is in transition from the start: threads that need it meanwhile find the transition PTE and wait for
// the same read (a collided fault). A page that is written may be used, and even changed, meanwhile.
// Lock: MmPfnLock. In the books: "page fault handling": collided page faults; "modified page writer". PFN-04, PFN-06
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

void MiBeginPageRead(PFN_NUMBER frame, MMPTE* pte, PVOID event) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->ReferenceCount == 0 && pfn->u2.ShareCount == 0 && !pfn->PteAddress);
    pfn->OriginalPte = *pte;
    pfn->PteAddress = pte;
    pfn->u1.Event = event;
    pfn->u4 = {};
    pfn->u4.PteFrame = MiFrameOfPte(pte);
    pfn->e1.Modified = 0;
    pfn->e1.ReadInProgress = 1;
    pfn->ReferenceCount = 1;
    MiSetPageLocation(pfn, TransitionPage);
    MiIncrementShareCount(pfn->u4.PteFrame);
}

void MiEndPageRead(PFN_NUMBER frame, NTSTATUS status) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.ReadInProgress && pfn->e1.PageLocation == TransitionPage);
    pfn->e1.ReadInProgress = 0;
    pfn->u4.InPageError = !NT_SUCCESS(status);
    pfn->u1.Event = nullptr;
    pfn->u1.ReadStatus = status;
}

void MiBeginPageWrite(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.Modified && !pfn->e1.WriteInProgress);
    MiIncrementReferenceCount(frame);
    pfn->e1.Modified = 0;
    pfn->e1.WriteInProgress = 1;
}

void MiEndPageWrite(PFN_NUMBER frame, NTSTATUS status) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.WriteInProgress);
    pfn->e1.WriteInProgress = 0;
    if (!NT_SUCCESS(status)) pfn->e1.Modified = 1;
    MiDecrementReferenceCount(frame);
}
