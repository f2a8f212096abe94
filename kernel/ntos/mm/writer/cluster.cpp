// Which modified pages are written together.
//
// Pages of neighbouring PTEs get neighbouring places on the page file: a process that uses one of them again soon uses the next, and
// then one read brings both. So the page that waits longest brings its neighbours with it, as far as they are modified, too.
//
//     PTEs             A B C D . F         modified list    C  X  A  D  B  F
//     the write        A B C D X F         places           71 72 73 74 75 76
//
// Lock: MmPfnLock. In the books: "modified page writer": clustering. PFN-16
#include "mm/layout.h"
#include "mm/pfn/pageaccess.h"
#include "mm/writer/pagewrite.h"

namespace {

/// The modified page that waits longest for a page file.
PFN_NUMBER FirstPage() REQUIRES_PFN_LOCK {
    PFN_NUMBER frame = MmModifiedPageListHead.Flink;
    while (frame != MM_EMPTY_LIST && !MiBelongsOnPageFile(MiPfnElement(frame)))
        frame = MiPfnElement(frame)->u1.Flink;
    return frame;
}

/// @param holder the page that holds the PTE. @returns the page of a PTE, if it is to be written; else MM_EMPTY_LIST.
/// What lies beside prototype PTEs need not be PTEs, so the page must know the PTE, too.
PFN_NUMBER PageToWrite(PFN_NUMBER holder, MMPTE* pte) REQUIRES_PFN_LOCK {
    const MMPTE entry = MiReadPteInFrame(holder, pte);
    const PFN_NUMBER frame = entry.Trans.PageFrameNumber;
    if (MiPteKind(entry) != MI_PTE_KIND::Transition || frame > MmHighestPhysicalPage) return MM_EMPTY_LIST;
    const MMPFN* const pfn = MiPfnElement(frame);
    const bool waits = pfn->e1.PageLocation == ModifiedPageList && pfn->ReferenceCount == 0;
    const bool itsOwn = pfn->PteAddress == pte && pfn->u4.PteFrame == holder;
    return waits && itsOwn && MiBelongsOnPageFile(pfn) ? frame : MM_EMPTY_LIST;
}

ULONG IndexInPage(const MMPTE* pte) { return reinterpret_cast<ULONG_PTR>(pte) % PAGE_SIZE / sizeof(MMPTE); }

/// Takes a page and its neighbours, in the order of their PTEs.
void TakeNeighbours(MI_PAGE_WRITE* write, PFN_NUMBER frame, ULONG room) REQUIRES_PFN_LOCK {
    const PFN_NUMBER holder = MiPfnElement(frame)->u4.PteFrame;
    MMPTE* pte = MiPfnElement(frame)->PteAddress;
    for (ULONG back = 1; back < room && IndexInPage(pte) != 0; back++) {
        if (PageToWrite(holder, pte - 1) == MM_EMPTY_LIST) break;
        pte--;
    }
    for (;;) {
        const PFN_NUMBER next = PageToWrite(holder, pte);
        if (next == MM_EMPTY_LIST) return;
        MiBeginPageWrite(next);
        write->Frames[write->Run.Pages++] = next;
        if (--room == 0 || IndexInPage(++pte) == 0) return;
    }
}

} // namespace

MI_GATHERED MiGatherModifiedPages(MI_PAGE_WRITE* write) {
    PFN_NUMBER frame = FirstPage();
    if (frame == MM_EMPTY_LIST) return MI_GATHERED::Nothing;
    const PFN_NUMBER waiting = MmModifiedPageListHead.Total - MiModifiedFilePages;
    MI_PAGE_FILE_RUN space;
    if (!MiReservePageFileSpace(waiting < MM_MAXIMUM_TRANSFER ? waiting : MM_MAXIMUM_TRANSFER, &space))
        return MI_GATHERED::NoSpace;
    write->Run = {space.PageFileNumber, space.Page, 0};
    for (; frame != MM_EMPTY_LIST && write->Run.Pages < space.Pages; frame = FirstPage())
        TakeNeighbours(write, frame, space.Pages - write->Run.Pages);
    if (const ULONG unused = space.Pages - write->Run.Pages)
        MiReleasePageFileSpace({space.PageFileNumber, space.Page + write->Run.Pages, unused});
    return MI_GATHERED::Pages;
}
