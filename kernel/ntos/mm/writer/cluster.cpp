// Which modified pages are written together, and what they are when the write has ended.
//
// Pages of neighbouring PTEs get neighbouring places on the page file: a process that uses one of them again soon uses the next, and
// then one read brings both. So the page that waits longest brings its neighbours with it, as far as they are modified, too.
//
//     PTEs             A B C D . F         modified list    C  X  A  D  B  F
//     the write        A B C D X F         places           71 72 73 74 75 76
//
// Lock: MmPfnLock. In the books: "modified page writer": clustering. PFN-16
#include "ke/bugcheck.h"
#include "mm/layout.h"
#include "mm/pfn/pageaccess.h"
#include "mm/writer/pagewrite.h"

// LAB(2.8) begin
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

/// The write of a page has ended. If it went well and nobody has changed the page meanwhile, the page has a place from now on.
void EndPage(PFN_NUMBER frame, const MI_PAGE_FILE_RUN& place, NTSTATUS status) REQUIRES_PFN_LOCK {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(MiPteKind(pfn->OriginalPte) != MI_PTE_KIND::PageFile);
    if (NT_SUCCESS(status) && !pfn->e1.Modified && !pfn->e1.PteDeleted) {
        pfn->OriginalPte.Soft.PageFileLow = place.PageFileNumber;
        pfn->OriginalPte.Soft.PageFileHigh = place.Page;
    } else {
        MiReleasePageFileSpace(place);
    }
    MiEndPageWrite(frame, status);
}

} // namespace
// LAB(2.8) else
//| // Room for helpers of your own.
// LAB(2.8) end

/// Takes pages off the modified list for one write, at most as many as wait for a page file, and at most MM_MAXIMUM_TRANSFER.
///
/// - Places in a row are reserved for them (MiReservePageFileSpace); Run and Frames name places and pages, each page its place, in the
///   same order. Places that no page gets are given back (MiReleasePageFileSpace). A page that belongs to a file is never taken
///   (MiBelongsOnPageFile).
/// - The page that waits longest is taken, and its neighbours with it: the pages of the PTEs in front of its and behind it, without a
///   gap, that wait on the modified list, too. They are taken in the order of their PTEs. Where there is no room for all, those in
///   front come before those behind. While there is room left the same begins anew with the page that waits longest then.
/// - A page waits on the modified list if nothing refers to it. Neighbours lie in the same page of PTEs. What lies beside a PTE need not
///   be one: a page is a neighbour only if an entry of the transition form names it and it belongs to that very entry (PteAddress,
///   PteFrame).
/// - The PTEs are those of any process: they are read through the page that holds them (MiReadPteInFrame).
/// - Post: MiBeginPageWrite was called for each page.
/// @returns Pages; Nothing: no page waits for a page file; NoSpace: there is no place for one. Unless Pages, nothing has changed
MI_GATHERED MiGatherModifiedPages(MI_PAGE_WRITE* write) {
    // LAB(2.8) begin
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
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}

/// A write has ended: what its pages are from now on. `written` pages of it, from the first on, were written well; the others have failed with `status`.
///
/// - A page that was written well and that nobody has changed since the write began has its place from now on: OriginalPte names it
///   (PageFileLow, PageFileHigh). It was changed if it is Modified. A page whose PTE is gone (PteDeleted) needs no place.
/// - The place of every other page is free again (MiReleasePageFileSpace).
/// - The write of each page ends (MiEndPageWrite), once, with STATUS_SUCCESS or with `status`, in the hold of MmPfnLock in which its place was
///   decided.
/// - MiPagesBeingWritten is less by all pages of the write.
/// @irql <= DISPATCH_LEVEL, MmPfnLock free
void MiEndModifiedPages(const MI_PAGE_WRITE* write, ULONG written, NTSTATUS status) {
    // LAB(2.8) begin
    const MI_PAGE_FILE_RUN& run = write->Run;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    for (ULONG i = 0; i < run.Pages; i++)
        EndPage(write->Frames[i], {run.PageFileNumber, run.Page + i, 1}, i < written ? STATUS_SUCCESS : status);
    MiPagesBeingWritten -= run.Pages;
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}
