// Private to mm: the space of page files, which page of them is in use.
//
// Invariants, checked by MiCheckPagingFiles: a set bit of Bitmap is a page in use, one that the file does not have yet, or
// page 0; FreeSpace is the number of the clear ones; CurrentUsage + FreeSpace + 1 == Size.
// Lock: MiPageFileLock, a leaf: it may be acquired while MmPfnLock is held. IRQL: <= DISPATCH_LEVEL.
// In the books: "page files", "modified page writer" (clustering). PFN-15, PFN-16
#pragma once

#include "ke/spinlock.h"
#include "mm/pagefile.h"
#include "rtl/bitmap.h"

extern KSPIN_LOCK MiPageFileLock;
/// Phase 0, before the first page file: the lock gets its rank, behind MmPfnLock's.
void MiInitializePageFiles();

/// A page file.
struct MMPAGING_FILE {
    PFN_NUMBER Size;        ///< in pages
    PFN_NUMBER MaximumSize; ///< to which it may grow
    PFN_NUMBER MinimumSize; ///< with which it began
    PFN_NUMBER FreeSpace;
    PFN_NUMBER CurrentUsage;
    PFN_NUMBER PeakUsage;
    PFN_NUMBER Hint; ///< the next search begins here: behind the last run
    RTL_BITMAP Bitmap;
    MM_BACKING* File;
    ULONG PageFileNumber;
};

/// Pages in a row in one page file.
struct MI_PAGE_FILE_RUN {
    ULONG PageFileNumber;
    PFN_NUMBER Page;
    ULONG Pages;
};

/// The page files, by number; the first MmNumberOfPagingFiles exist, and never go.
extern MMPAGING_FILE* MmPagingFile[MM_MAXIMUM_PAGING_FILES] GUARDED_BY(MiPageFileLock);

/// Takes up to `wanted` pages in a row (1..MM_MAXIMUM_TRANSFER), so that they can be written in one transfer: so many if a
/// file has them, else the longest run that there is. The files take turns. @returns whether there was any page
bool MiReservePageFileSpace(ULONG wanted, MI_PAGE_FILE_RUN* run);
/// Gives pages back; they need not be a whole run as it was taken.
void MiReleasePageFileSpace(const MI_PAGE_FILE_RUN& run);
/// Makes the first file that may grow longer by about so many pages. Called by one thread at a time.
/// @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES: none may grow; what its backing says. @irql PASSIVE_LEVEL
NTSTATUS MiExtendPagingFiles(PFN_NUMBER wanted);
/// Asserts the invariants above, and those of the totals.
void MiCheckPagingFiles();
