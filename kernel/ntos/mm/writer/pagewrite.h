// Private to mm: modified pages on their way to a page file.
//
// The modified page writer gathers up to MM_MAXIMUM_TRANSFER pages, reserves pages in a row of one page file for them, and writes
// them in one transfer. While a page is written it has a reference and WriteInProgress; it may be used, changed and deleted
// meanwhile.
//
// Invariants: OriginalPte names a place on a page file only if what is there is what the page held when it was clean last: the
// place is written to OriginalPte when the write has ended well and nobody has changed the page since. A modified page has no
// place (MiMarkPageModified releases it), so a place is never written twice. Nothing is allocated: the transfers exist
// from boot on.
// Lock: MmPfnLock. In the books: "modified page writer", "page files". PFN-06, PFN-15, PFN-16
#pragma once

#include "mm/pfn/pfn.h"
#include "mm/writer/pagefile.h"

/// A write of pages that need not lie in a row in memory.
/// shared: the modified page writer's until the transfer starts, the transfer's until it ends; Busy is the hand-over
struct MI_PAGE_WRITE {
    MM_TRANSFER Transfer;
    MI_PAGE_FILE_RUN Run; ///< where to; Pages counts Frames, too
    PFN_NUMBER Frames[MM_MAXIMUM_TRANSFER];
    volatile LONG Busy;
};

/// What came of gathering.
enum class MI_GATHERED : UCHAR {
    Pages,   ///< a write is ready to start
    Nothing, ///< no modified page belongs on a page file
    NoSpace, ///< no page of a page file is free
};

/// Whether a page goes to a page file when it is modified; else to the file that its subsection names.
inline bool MiBelongsOnPageFile(const MMPFN* pfn) { return MiPteKind(pfn->OriginalPte) != MI_PTE_KIND::Prototype; }

/// cluster.cpp: takes pages off the modified list for a write, those of neighbouring PTEs next to each other, so that one read
/// brings them back together. Post, if there are some: Run and Frames name them, MiBeginPageWrite was called for each.
MI_GATHERED MiGatherModifiedPages(MI_PAGE_WRITE* write) REQUIRES_PFN_LOCK;
/// cluster.cpp: the write has ended. Post: a page that was written and not changed since has its place; the other places are free.
/// @param written pages in front of a failure. @param status of the others. @irql <= DISPATCH_LEVEL
void MiEndModifiedPages(const MI_PAGE_WRITE* write, ULONG written, NTSTATUS status);

// ---- modwriter.cpp

/// The transfers are ready for use. @irql PASSIVE_LEVEL, boot
void MiInitializeModifiedPageWriter();
/// Starts to write the pages that are on the modified list now and belong on a page file. Waits for transfers, not for the end of
/// the last ones. Stops early while no page file has room. @irql PASSIVE_LEVEL, the modified page writer
void MiWriteModifiedPages();
/// The body of the modified page writer.
void NTAPI MmModifiedPageWriter(PVOID startContext);
/// Pages that are being written to page files now. They are available soon, unless they change.
extern ULONG MiPagesBeingWritten GUARDED_BY(MmPfnLock);

// ---- mappedwriter.cpp

/// The mapped page writer can be woken. @irql PASSIVE_LEVEL, boot
void MiInitializeMappedPageWriter();
/// Wakes it if a page of a file is on the modified list. @irql <= DISPATCH_LEVEL
void MiWakeMappedPageWriter();
/// Writes the modified pages of files, one transfer after the other, and waits for each. @returns false: writes have failed, and pages
/// are left. @irql PASSIVE_LEVEL, the mapped page writer
bool MiWriteMappedPages();
/// The body of the mapped page writer.
void NTAPI MmMappedPageWriter(PVOID startContext);
