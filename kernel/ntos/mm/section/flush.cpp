// Writing modified pages of a file's data to the file.
//
// Pages that lie in a row go in one transfer. A page is not Modified from the moment its write begins: a change that comes
// later makes it so again, and the next flush writes it.
// In the books: "mapped files", "flushing views". POL-08
#include "etw.h"
#include "mm/section/segment.h"
#include "mm/writecounters.h"
#include "nt/assert.h"
#include "nt/atomic.h"

namespace {

/// Pages in a row that are being written.
struct RUN {
    ULONG First; ///< counted from the subsection's first
    ULONG Pages;
    PFN_NUMBER Frames[MM_MAXIMUM_TRANSFER];
};

/// The page of a prototype PTE, if it is in memory; else MM_EMPTY_LIST.
PFN_NUMBER FrameOf(MMPTE prototype) {
    switch (MiPteKind(prototype)) {
    case MI_PTE_KIND::Valid: return prototype.Hard.PageFrameNumber;
    case MI_PTE_KIND::Transition: return prototype.Trans.PageFrameNumber;
    default: return MM_EMPTY_LIST;
    }
}

/// Begins the write of the first modified pages of first..end-1 that lie in a row. @returns the page behind the last one looked at.
ULONG Begin(const SUBSECTION* subsection, ULONG first, ULONG end, RUN* run) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    run->Pages = 0;
    ULONG page = first;
    for (; page < end && run->Pages < MM_MAXIMUM_TRANSFER; page++) {
        const PFN_NUMBER frame = FrameOf(subsection->SubsectionBase[page]);
        const bool write =
            frame != MM_EMPTY_LIST && MiPfnElement(frame)->e1.Modified && !MiPfnElement(frame)->e1.WriteInProgress;
        if (!write && run->Pages != 0) break;
        if (!write) continue;
        if (run->Pages == 0) run->First = page;
        MiBeginPageWrite(frame);
        run->Frames[run->Pages++] = frame;
    }
    return page;
}

void End(const RUN& run, NTSTATUS status) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    for (ULONG i = 0; i < run.Pages; i++)
        MiEndPageWrite(run.Frames[i], status);
}

void Note(const SUBSECTION* subsection, const RUN& run, NTSTATUS status) {
    EtwTraceEvent(ETW_EVENT::MappedPageWrite, reinterpret_cast<ULONG_PTR>(subsection->ControlArea),
                  subsection->StartingPage + run.First, run.Pages, ULONG_PTR(status));
    InterlockedIncrement(&MmWriteCounters.MappedWriteIoCount);
    if (NT_SUCCESS(status))
        InterlockedExchangeAdd(&MmWriteCounters.MappedPagesWriteCount, LONG(run.Pages));
    else
        InterlockedIncrement(&MmWriteCounters.MappedFailureCount);
}

NTSTATUS FlushSubsection(const SUBSECTION* subsection, ULONG first, ULONG end) {
    NTSTATUS result = STATUS_SUCCESS;
    while (first < end) {
        RUN run;
        first = Begin(subsection, first, end, &run);
        if (run.Pages == 0) continue;
        const MI_PAGE_SOURCE source = MiSourceOfPrototype(subsection, &subsection->SubsectionBase[run.First]);
        ULONG bytes;
        const NTSTATUS status = MiTransferPages(source.File, true, source.Offset, run.Frames, run.Pages, &bytes);
        End(run, status);
        Note(subsection, run, status);
        if (!NT_SUCCESS(status)) result = status;
    }
    return result;
}

} // namespace

NTSTATUS MiFlushSegment(const CONTROL_AREA* area, ULONG first, ULONG pages) {
    NT_ASSERT(area->Flags.File && !area->Flags.Image);
    NTSTATUS result = STATUS_SUCCESS;
    for (const SUBSECTION* each = area->FirstSubsection; each; each = each->NextSubsection) {
        const ULONG start = each->StartingPage, end = start + each->PtesInSubsection;
        const ULONG from = first > start ? first : start, to = first + pages < end ? first + pages : end;
        if (from >= to) continue;
        const NTSTATUS status = FlushSubsection(each, from - start, to - start);
        if (!NT_SUCCESS(status)) result = status;
    }
    return result;
}
