// The mapped page writer: modified pages of files go to their files.
//
// It is a thread apart from the modified page writer. A file may take its time, and a file system needs pages for a write; pages on
// their way to a page file do not wait for that. The modified page writer wakes this one when it meets pages of files.
//
//     modified list --Find--> 16 pages of the file with a modified one among them --MiFlushSegment--> file
//
// A write that fails leaves its pages modified, at the end of the list. Other files are written before the next attempt, which comes after
// a pause. If two files fail there is a pause at once.
// Locks: MmPfnLock. IRQL: PASSIVE_LEVEL. In the books: "mapped page writer". PFN-16, POL-08, SYS-11
#include "ke.h"
#include "mm/section/segment.h"
#include "mm/writer/pagewrite.h"

namespace {

constexpr LONGLONG PAUSE = 10'000'000; ///< after a failure, 100 ns units

KEVENT WriterEvent; ///< synchronization: there are pages to write. shared: the dispatcher lock's

/// Pages in a row of a file's data.
struct PIECE {
    CONTROL_AREA* Area; ///< has one user more
    ULONG First;        ///< of MM_MAXIMUM_TRANSFER pages, counted from the segment's first
};

/// The page that has been modified longest, of a file that is not to be left out. The last user of a segment writes its pages himself.
PFN_NUMBER FirstPage(const CONTROL_AREA* leftOut) REQUIRES_PFN_LOCK {
    if (MiModifiedFilePages == 0) return MM_EMPTY_LIST;
    PFN_NUMBER frame = MmModifiedPageListHead.Flink;
    for (; frame != MM_EMPTY_LIST; frame = MiPfnElement(frame)->u1.Flink) {
        const MMPFN* const pfn = MiPfnElement(frame);
        if (!pfn->e1.OfFile) continue;
        const CONTROL_AREA* const area = MiSubsectionOfPte(pfn->OriginalPte)->ControlArea;
        if (area != leftOut && !area->Flags.BeingDeleted) break;
    }
    return frame;
}

/// The pages around it, so that neighbours are written in one transfer. @returns false: there is none.
bool Find(const CONTROL_AREA* leftOut, PIECE* piece) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER frame = FirstPage(leftOut);
    if (frame == MM_EMPTY_LIST) return false;
    const MMPFN* const pfn = MiPfnElement(frame);
    const SUBSECTION* const subsection = MiSubsectionOfPte(pfn->OriginalPte);
    const ULONG page = subsection->StartingPage + ULONG(pfn->PteAddress - subsection->SubsectionBase);
    *piece = {subsection->ControlArea, page - page % MM_MAXIMUM_TRANSFER};
    MiReferenceControlArea(piece->Area, MI_AREA_USE::Transfer);
    return true;
}

} // namespace

void MiInitializeMappedPageWriter() { KeInitializeEvent(&WriterEvent, SynchronizationEvent, FALSE); }

void MiWakeMappedPageWriter() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (MiModifiedFilePages != 0) (void)KeSetEvent(&WriterEvent, 0, FALSE);
}

bool MiWriteMappedPages() {
    const CONTROL_AREA* failed = nullptr; // compared only: it may be gone
    for (PIECE piece; Find(failed, &piece);) {
        const NTSTATUS status = MiFlushSegment(piece.Area, piece.First, MM_MAXIMUM_TRANSFER);
        MiDereferenceControlArea(piece.Area, MI_AREA_USE::Transfer);
        if (NT_SUCCESS(status)) continue;
        if (failed) return false;
        failed = piece.Area;
    }
    return failed == nullptr;
}

void NTAPI MmMappedPageWriter(PVOID) {
    for (;;) {
        (void)KeWaitForSingleObject(&WriterEvent, KWAIT_REASON::WrFreePage, KernelMode, FALSE, nullptr);
        while (!MiWriteMappedPages()) {
            LARGE_INTEGER pause = {.QuadPart = -PAUSE};
            (void)KeDelayExecutionThread(KernelMode, FALSE, &pause);
        }
    }
}
