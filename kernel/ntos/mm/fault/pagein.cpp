// A page comes back from a page file, and its neighbours with it.
//
// The page is in transition while it is read, and the mutex is free: other threads that need the page find it so and wait for the same
// read. What follows in the page table and lies behind the page on the page file is read ahead, as far as there is plenty of
// memory. The place on the page file stays the page's: while it is clean it need not be written again.
//
// Invariants: the thread whose fault it is has a reference to the first page until it has looked at the result, so a page that was
// read well is still there then. The end of the read needs no thread: the completion routine puts the pages away that were read
// ahead, and a thread that is suspended meanwhile keeps nobody waiting.
// Locks, IRQL: see fault.h. In the books: "page fault handling", "clustered page reads". MEM-05, PFN-04, PFN-15, ERR-10
#include "etw.h"
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"
#include "mm/fault/inpage.h"
#include "mm/pagefile.h"
#include "nt/atomic.h"

namespace {

[[maybe_unused]] constexpr ULONG MOST_PAGES = 8; ///< of a read
static_assert(MOST_PAGES <= MM_MAXIMUM_TRANSFER);

} // namespace

// LAB(2.8) begin
namespace {

/// A read of pages that lie in a row on a page file.
/// shared: the reader's until the transfer starts, the transfer's until it ends, then fixed
struct PAGE_FILE_READ {
    MI_IN_PAGE InPage;
    MM_TRANSFER Transfer;
    PFN_NUMBER Frames[MOST_PAGES];
};

/// Whether an entry names the place so many pages behind another one's.
bool LiesBehind(MMPTE pte, MMPTE first, ULONG pages) {
    return MiPteKind(pte) == MI_PTE_KIND::PageFile && pte.Soft.PageFileLow == first.Soft.PageFileLow &&
           pte.Soft.PageFileHigh == first.Soft.PageFileHigh + pages;
}

bool IsFirstOfTable(const MMPTE* pte) { return reinterpret_cast<ULONG_PTR>(pte) % PAGE_SIZE == 0; }

/// Takes a page and makes it the target of the read; its entry gets the transition form.
void TakePage(PAGE_FILE_READ* read, MMPTE* pte) REQUIRES_PFN_LOCK {
    const PFN_NUMBER frame = MiRemoveAnyPage();
    const ULONG protection = pte->Soft.Protection;
    MiBeginPageRead(frame, pte, &read->InPage);
    pte->Long = MiMakeTransitionPte(frame, protection).Long;
    read->Frames[read->Transfer.Pages++] = frame;
}

/// Takes pages for the entry and for those that can be read ahead. @returns false: no page is at hand.
bool TakePages(PAGE_FILE_READ* read, MMPTE* pte, MMPTE first) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (!MiMayTakePage()) return false;
    TakePage(read, pte);
    for (ULONG i = 1; i < MOST_PAGES && !IsFirstOfTable(pte + i); i++) {
        if (MmAvailablePages <= MiMemoryThresholds.High || !LiesBehind(pte[i], first, i)) break;
        TakePage(read, pte + i);
    }
    read->InPage.Threads++; // the transfer
    return true;
}

/// The transfer has ended. Pages in front of a failure were read.
void NTAPI EndRead(MM_TRANSFER* Transfer) {
    auto* const read = CONTAINING_RECORD(Transfer, PAGE_FILE_READ, Transfer);
    const ULONG good = Transfer->Information / PAGE_SIZE;
    const NTSTATUS error = NT_SUCCESS(Transfer->Status) ? STATUS_END_OF_FILE : Transfer->Status;
    InterlockedExchangeAdd(&MmInfoCounters.PageReadCount, LONG(good));
    InterlockedIncrement(&MmInfoCounters.PageReadIoCount);
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        for (ULONG i = 0; i < Transfer->Pages; i++) {
            MiEndPageRead(read->Frames[i], i < good ? STATUS_SUCCESS : error);
            if (i != 0) MiDecrementReferenceCount(read->Frames[i]);
        }
        MiEndInPage(&read->InPage, good != 0 ? STATUS_SUCCESS : error);
    }
    MiReleaseInPage(&read->InPage);
}

void Start(PAGE_FILE_READ* read, MMPTE place) {
    read->Transfer.Offset = ULONGLONG(place.Soft.PageFileHigh) * PAGE_SIZE;
    read->Transfer.Frames = read->Frames;
    read->Transfer.Completion = EndRead;
    EtwTraceEvent(ETW_EVENT::PageRead, place.Soft.PageFileLow, place.Soft.PageFileHigh, read->Transfer.Pages,
                  reinterpret_cast<ULONG_PTR>(read->InPage.Pte));
    MM_BACKING* const file = MmQueryPagingFile(place.Soft.PageFileLow);
    file->Calls->Start(file, &read->Transfer);
}

/// Whether the entry, and perhaps the page table with it, is gone.
bool IsDeleted(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MiPfnElement(frame)->e1.PteDeleted;
}

/// The read has ended well. The page becomes valid, unless the entry has changed meanwhile.
NTSTATUS MapPage(MI_FAULT& fault, MMPTE inTransition) {
    if (IsDeleted(inTransition.Trans.PageFrameNumber) || fault.Pte->Long != inTransition.Long) return STATUS_RETRY;
    const NTSTATUS status = MiResolveTransitionFault(fault);
    return status == STATUS_PAGE_FAULT_TRANSITION ? STATUS_PAGE_FAULT_PAGING_FILE : status;
}

void ReleasePage(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiDecrementReferenceCount(frame);
}

} // namespace
// LAB(2.8) else
//| // Room for helpers of your own.
// LAB(2.8) end

/// The page of a fault of the kind PageFile: one transfer reads it from its place (MmQueryPagingFile), and its neighbours with it.
///
/// - The first page is that of *fault.Pte, and is taken only while MiMayTakePage allows it. A page more is read while fewer than
///   MOST_PAGES are, the next entry lies in the same page table and names the place behind the one before it, in the same file,
///   and MmAvailablePages is above MiMemoryThresholds.High.
/// - Before the transfer starts each page is the target of the read (MiBeginPageRead), with its block, and each entry is the transition
///   form of its frame with the protection that it had. Where the entry names the frame, the frame has ReadInProgress: both
///   happen in one hold of MmPfnLock. The block's Pte is fault.Pte.
/// - A page that another thread needs meanwhile is not read again: its thread waits for the same read. Neither mutex nor lock is
///   held while the transfer runs.
/// - The end of the transfer ends the read, whatever the thread does: Information says how many pages have all their bytes, from the first
///   on; they were read well (MiEndPageRead). The others failed: with the transfer's Status, or with STATUS_END_OF_FILE where
///   that is a success. The reader's reference to a page that was read ahead ends then. The block ends (MiEndInPage) with what the
///   first page ended with, not before all pages have ended.
/// - The reader's reference to the first page ends after the thread has looked at the result, so the page is still there.
/// - After a read that went well the page becomes valid as MiResolveTransitionFault makes it. If the entry is no longer the transition
///   form that the read gave it, or the page was deleted meanwhile (PteDeleted: its page table may be gone, too), the fault is decided
///   anew.
/// - The block and the transfer stay until the transfer has ended and no thread knows the block; then they are free
///   (MiReleaseInPage). No reference stays but the valid page's own.
/// - MmInfoCounters: PageReadIoCount is one more, PageReadCount as many as pages were read well.
/// - Traced: ETW_EVENT::PageRead before the transfer starts (file, place, pages, address of the PTE); PageReadEnd after the end (file,
///   place, pages, status of the first page).
/// @returns STATUS_PAGE_FAULT_PAGING_FILE; STATUS_RETRY; why the page could not be read: then *fault.Pte is what it was; STATUS_NO_MEMORY: no
/// page, or no block (MiAllocateInPage): then nothing has changed
NTSTATUS MiResolvePageFileFault(MI_FAULT& fault) {
    // LAB(2.8) begin
    const MMPTE place = *fault.Pte;
    auto* const read = reinterpret_cast<PAGE_FILE_READ*>(MiAllocateInPage(sizeof(PAGE_FILE_READ)));
    if (!read) return STATUS_NO_MEMORY;
    read->InPage.Pte = fault.Pte;
    if (!TakePages(read, fault.Pte, place)) {
        MiReleaseInPage(&read->InPage);
        return STATUS_NO_MEMORY;
    }
    const PFN_NUMBER frame = read->Frames[0];
    const MMPTE inTransition = MiMakeTransitionPte(frame, place.Soft.Protection);
    Start(read, place);
    NTSTATUS status = MiAwaitInPage(fault.WorkingSet, &read->InPage);
    EtwTraceEvent(ETW_EVENT::PageReadEnd, place.Soft.PageFileLow, place.Soft.PageFileHigh, read->Transfer.Pages,
                  ULONG_PTR(status));
    if (NT_SUCCESS(status)) status = MapPage(fault, inTransition);
    ReleasePage(frame); // the last reference, unless the page is valid now: without a page its PTE is what it was
    MiReleaseInPage(&read->InPage);
    return status;
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}
