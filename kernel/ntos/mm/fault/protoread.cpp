// A page of a section that is not in memory: its prototype PTE names a subsection, or a place on a page file.
//
// The read belongs to the prototype PTE and to no process: it gets the transition form, and every process that needs the page
// meanwhile finds that and waits for the same read. The thread that reads keeps the control area, so the file stays although
// the last view may go while it waits.
// Locks, IRQL: see fault.h. In the books: "in-page errors", "collided page faults", "mapped files". MEM-05, POL-08, ERR-10
#include "mm/fault/fault.h"
#include "mm/fault/inpage.h"
#include "mm/pagefile.h"
#include "mm/pfn/pageaccess.h"
#include "mm/section/segment.h"
#include "nt/atomic.h"

namespace {

/// A page of a section that is being read.
struct PROTOTYPE_READ {
    PFN_NUMBER Frame;
    MI_PAGE_SOURCE Source;
    CONTROL_AREA* Area;
    bool BecomesPrivate; ///< to memory and page files: it is never written to the file it came from
};

/// Where the page of a prototype PTE lies.
MI_PAGE_SOURCE SourceOf(const SUBSECTION* subsection, const MMPTE* prototype, MMPTE pte) REQUIRES_PFN_LOCK {
    if (MiPteKind(pte) == MI_PTE_KIND::Prototype) return MiSourceOfPrototype(subsection, prototype);
    return {.File = MmQueryPagingFile(pte.Soft.PageFileLow),
            .Offset = ULONGLONG(pte.Soft.PageFileHigh) * PAGE_SIZE,
            .Bytes = PAGE_SIZE};
}

/// Takes a page and makes it the target of the read. @returns STATUS_SUCCESS; STATUS_NO_MEMORY; STATUS_RETRY: another thread was first
NTSTATUS Begin(SUBSECTION* subsection, MMPTE* prototype, MI_IN_PAGE* block, PROTOTYPE_READ* read) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPTE pte = *prototype;
    const MI_PTE_KIND kind = MiPteKind(pte);
    if (kind != MI_PTE_KIND::Prototype && kind != MI_PTE_KIND::PageFile) return STATUS_RETRY;
    if (!MiMayTakePage()) return STATUS_NO_MEMORY;
    read->Frame = MiRemoveAnyPage();
    read->Source = SourceOf(subsection, prototype, pte);
    read->Area = subsection->ControlArea;
    read->BecomesPrivate = kind == MI_PTE_KIND::Prototype && subsection->Flags.GlobalMemory;
    MiReferenceControlArea(read->Area, MI_AREA_USE::Transfer);
    if (kind == MI_PTE_KIND::Prototype) read->Area->NumberOfPfnReferences++;
    MiBeginPageRead(read->Frame, prototype, block);
    MiPfnElement(read->Frame)->e1.PrototypePte = 1;
    prototype->Long = MiMakeTransitionPte(read->Frame, pte.Soft.Protection).Long;
    return STATUS_SUCCESS;
}

/// The read has ended: threads that wait go on, and find the page on the standby list; or its prototype PTE as it was.
void End(const PROTOTYPE_READ& read, MI_IN_PAGE* block, NTSTATUS status) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiEndPageRead(read.Frame, status);
    if (NT_SUCCESS(status) && read.BecomesPrivate) {
        MMPFN* const pfn = MiPfnElement(read.Frame);
        MiForgetPageOfSection(pfn->OriginalPte);
        pfn->OriginalPte = {.Long = ULONG(pfn->OriginalPte.Soft.Protection) << 5};
        pfn->e1.Modified = 1;
    }
    MiEndInPage(block, status);
    MiDecrementReferenceCount(read.Frame);
}

} // namespace

NTSTATUS MiReadPrototypePage(MI_FAULT& fault, SUBSECTION* subsection, MMPTE* prototype) {
    MI_IN_PAGE* const block = MiAllocateInPage();
    if (!block) return STATUS_NO_MEMORY;
    PROTOTYPE_READ read;
    const NTSTATUS begun = Begin(subsection, prototype, block, &read);
    if (!NT_SUCCESS(begun) || begun == STATUS_RETRY) {
        MiReleaseInPage(block);
        return begun;
    }
    ExReleaseFastMutex(&fault.WorkingSet->WorkingSetMutex);
    ULONG bytes = 0;
    const NTSTATUS status = MiTransferPages(read.Source.File, false, read.Source.Offset, &read.Frame, 1, &bytes);
    if (NT_SUCCESS(status)) MiZeroEndOfPage(read.Frame, bytes < read.Source.Bytes ? bytes : read.Source.Bytes);
    End(read, block, status);
    MiReleaseInPage(block);
    MiDereferenceControlArea(read.Area, MI_AREA_USE::Transfer);
    ExAcquireFastMutex(&fault.WorkingSet->WorkingSetMutex);
    InterlockedIncrement(&MmInfoCounters.PageReadIoCount);
    if (!NT_SUCCESS(status)) return status;
    InterlockedIncrement(&MmInfoCounters.PageReadCount);
    return STATUS_RETRY;
}
