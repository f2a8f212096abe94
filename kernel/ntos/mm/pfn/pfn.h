// The routines of the page frame number database, and what each promises. The structures and their invariants: mm/pfn.h.
//
// A page that no list has any more and that has no user yet is in the hands of the routine that took it: that routine gives it
// its next state before it releases the lock.
// Lock: MmPfnLock. IRQL: DISPATCH_LEVEL while it is held.
// In the books: "page frame number database", "page list dynamics". PFN-01, PFN-02
#pragma once

#include "ke/dispatcher.h"
#include "mm.h"
#include "mm/layout.h"
#include "mm/pfn.h"

struct LOADER_PARAMETER_BLOCK;

#define REQUIRES_PFN_LOCK REQUIRES_(MmPfnLock, AtDispatchLevel)

/// Pages of RAM in the database, defective ones included.
extern PFN_NUMBER MiDatabasePages GUARDED_BY(MmPfnLock);

inline MMPFN* MiPfnElement(PFN_NUMBER frame) REQUIRES_(MmPfnLock) {
    NT_ASSERT(frame <= MmHighestPhysicalPage);
    return &MmPfnDatabase[frame];
}
inline PFN_NUMBER MiPfnNumber(const MMPFN* pfn) REQUIRES_(MmPfnLock) { return PFN_NUMBER(pfn - MmPfnDatabase); }
/// Whether the page is on a list.
inline bool MiIsPageOnList(const MMPFN* pfn) { return pfn->ReferenceCount == 0 && pfn->e1.PageLocation <= BadPageList; }

// ---- the state of one page: location.cpp

/// Puts a page into a state: the one place that writes PageLocation. Traces ETW_EVENT::PfnTransition.
/// Pre: the table of legal transitions has this one.
void MiSetPageLocation(MMPFN* pfn, MMLISTS location) REQUIRES_PFN_LOCK;

// ---- lists: pfnlist.cpp

/// Puts a page that nothing refers to at the end of a list, and in that list's state.
/// Pre: ReferenceCount and ShareCount are 0; the list is not the free list. Post: the list's Total, and MmAvailablePages if
/// its pages are available, are one more. Wakes the threads that wait for pages, or for modified ones.
void MiInsertPageInList(MMPFNLIST* list, PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// Puts a page whose contents nothing needs on the free list, and forgets its PTE; one that is known to be bad goes to the bad
/// list. Pre: ReferenceCount and ShareCount are 0. Wakes the zero page thread when there is enough for it to do.
void MiInsertPageInFreeList(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// Takes a page off the list that it is on, wherever it stands. Its PTE, if it has one, still names it.
/// Post: the list's Total, and MmAvailablePages, are one less; ShareCount is 0; PageLocation still names the list.
void MiUnlinkPageFromList(MMPFN* pfn) REQUIRES_PFN_LOCK;
/// Takes the first page of a list. @returns MM_EMPTY_LIST if there is none.
/// Post: as MiUnlinkPageFromList; a standby page has become a free one: its PTE is what it was before the page.
PFN_NUMBER MiRemovePageFromList(MMPFNLIST* list) REQUIRES_PFN_LOCK;
/// Takes a page with any contents: a free one, else a zeroed one, else the standby page that waits longest.
/// @returns MM_EMPTY_LIST if there is none. Post: the page has no PTE; the caller gives it its state and, before user mode
/// can read it, its contents.
PFN_NUMBER MiRemoveAnyPage() REQUIRES_PFN_LOCK;
/// Takes a page that shall be all zeros: a zeroed one, else a free one, else the standby page that waits longest.
/// @param[out] zeroed whether it is; if not, the caller clears it (MiZeroPhysicalPage). @returns MM_EMPTY_LIST if there is none.
[[nodiscard]] PFN_NUMBER MiRemoveZeroPage(bool* zeroed) REQUIRES_PFN_LOCK;
/// Takes a page from the PTE that could bring it back: the PTE gets OriginalPte, and the page has no PTE any more.
/// Pre: the page is on no list; its PTE names it in the transition form. Post: the page is free, the page that holds the PTE
/// is shared once less; the section of a page with PrototypePte has forgotten it (MiForgetPageOfSection).
void MiRestoreTransitionPte(MMPFN* pfn) REQUIRES_PFN_LOCK;

// ---- how many pages there are: available.cpp

/// When memory is short and when it is not, in pages. All 0 until MiStartMemoryEvents: then nothing is signaled yet.
struct MI_MEMORY_THRESHOLDS {
    PFN_NUMBER Minimum;  ///< fewer: a thread that needs a page waits for MmAvailablePagesEvent
    PFN_NUMBER Low;      ///< fewer: memory is short
    PFN_NUMBER High;     ///< this many or more: there is plenty
    PFN_NUMBER Modified; ///< this many modified pages or more: they are written
};
extern MI_MEMORY_THRESHOLDS MiMemoryThresholds;
extern KEVENT MmAvailablePagesEvent;     ///< notification: signaled while there is the minimum or more
extern KEVENT MiLowMemoryEvent;          ///< notification: signaled while memory is short
extern KEVENT MiHighMemoryEvent;         ///< notification: signaled while there is plenty
extern KEVENT MmWorkingSetManagerEvent;  ///< synchronization: memory has become short
extern KEVENT MmModifiedPageWriterEvent; ///< synchronization: there are pages to write

/// One page more, or less, can be given out: counts it and signals what follows.
void MiIncrementAvailablePages() REQUIRES_PFN_LOCK;
void MiDecrementAvailablePages() REQUIRES_PFN_LOCK;
/// Makes the events and begins to signal them. Phase 1, when threads can be woken.
void MiStartMemoryEvents();
/// A page has come to the modified list: wakes the modified page writer if it is time.
void MiModifiedPageAdded() REQUIRES_PFN_LOCK;
/// Pages on the modified list that go to files. The others go to page files.
extern PFN_NUMBER MiModifiedFilePages GUARDED_BY(MmPfnLock);

// ---- the life of a page: pfnstate.cpp (use), pfnio.cpp (I/O)

/// Gives a page that was taken from a list to a PTE of the current address space or of the system's.
/// Pre: *pte is not valid yet, or valid for ever. Post: active, ShareCount and ReferenceCount 1; OriginalPte is what *pte was
/// (kernel demand zero, if it is valid); the page that holds the PTE is shared once more. @param modified whether it has
/// contents that are nowhere else.
void MiInitializePfn(PFN_NUMBER frame, MMPTE* pte, bool modified) REQUIRES_PFN_LOCK;
/// The same for a PTE that is not mapped here: of another process, or of one that is being made.
/// @param pteAddress where it is in that address space. @param pteFrame the page that holds it. Post: OriginalPte is
/// demand zero for reading and writing.
void MiInitializePfnForOtherProcess(PFN_NUMBER frame, MMPTE* pteAddress, PFN_NUMBER pteFrame) REQUIRES_PFN_LOCK;
/// Makes a page that was taken from a list the system's own, without a PTE: mapped by a large page, or used by its number.
void MiInitializeSystemPfn(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// One PTE more makes an active page valid.
void MiIncrementShareCount(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// One PTE less makes the page valid. Pre: a private page's PTE has its transition form already, no processor's TLB knows
/// the page through that PTE, and Modified tells what the PTE knew. Post: after the last one a prototype PTE has its
/// transition form, too; the page goes where MiDecrementReferenceCount says, or stays in transition until its I/O ends.
void MiDecrementShareCount(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// Holds a page in memory, for an I/O or a lock. A page that was on a list leaves it for TransitionPage.
void MiIncrementReferenceCount(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// Gives a reference back. After the last one the page goes to a list: free if its PTE is gone (its space in a page
/// file is released) or it could not be read; modified or modified-no-write if it is; bad if it is known to be; else standby.
void MiDecrementReferenceCount(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// Makes a page that left all working sets active again (a soft fault). Pre: standby, modified, modified-no-write or in
/// transition. Post: active, ShareCount 1. The caller makes the PTE valid.
void MiReactivatePfn(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// The PTE of a page is gone, or becomes another thing: its contents are not needed any more. Pre: ShareCount is at most 1,
/// no TLB knows the page through that PTE. Post: the page that held the PTE is shared once less; the page is free, or will be
/// when the last reference goes.
void MiDeletePfn(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// A page has contents that are nowhere else: its place on a page file, if it has one, is free again.
void MiMarkPageModified(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// What the processor noted in a valid PTE goes to the page: Modified, if the PTE is dirty. Before a PTE stops being valid.
void MiCaptureDirtyBit(PFN_NUMBER frame, MMPTE pte) REQUIRES_PFN_LOCK;
/// Memory was found to be defective there: the page goes to the bad list, now or when nothing needs it any more.
void MiMarkPageBad(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// The transition form of a PTE: the page is in memory, and a fault brings it back. @param protection MM_PROTECTION
constexpr MMPTE MiMakeTransitionPte(PFN_NUMBER frame, ULONG protection) {
    MMPTE pte = {};
    pte.Trans = {.Protection = protection, .Transition = 1, .PageFrameNumber = frame};
    return pte;
}

/// Makes a page that was taken from a list the target of a read. @param event what threads wait for that need the page, too.
/// Post: in transition, one reference, ReadInProgress; the page that holds the PTE is shared once more. The caller gives
/// *pte its transition form (MiMakeTransitionPte).
void MiBeginPageRead(PFN_NUMBER frame, MMPTE* pte, PVOID event) REQUIRES_PFN_LOCK;
/// The read has ended. The reader's reference stays: it ends by MiDecrementReferenceCount, after MiReactivatePfn as a rule.
/// Post: if it failed, InPageError and u1.ReadStatus tell, and the last reference frees the page and restores its PTE.
void MiEndPageRead(PFN_NUMBER frame, NTSTATUS status) REQUIRES_PFN_LOCK;
/// A page is going to be written to its backing. Post: referenced, WriteInProgress, not Modified: who changes it from now on
/// makes it Modified again.
void MiBeginPageWrite(PFN_NUMBER frame) REQUIRES_PFN_LOCK;
/// The write has ended, the reference goes. Post: after a failed one the page is Modified again.
void MiEndPageWrite(PFN_NUMBER frame, NTSTATUS status) REQUIRES_PFN_LOCK;

// ---- runs of pages: contiguous.cpp

/// Takes a run of available pages, the highest possible, and makes them the system's own (MiInitializeSystemPfn).
/// @param low, high the lowest and the highest frame that may be in it. @param boundary in pages, a power of two that the run
/// crosses no multiple of; 0: none. @param count pages, not 0. @returns the first frame; MM_EMPTY_LIST if there is none.
PFN_NUMBER MiFindContiguousPages(PFN_NUMBER low, PFN_NUMBER high, ULONG boundary, ULONG count) REQUIRES_PFN_LOCK;

// ---- the beginning: pfninit.cpp

/// Fills the database from the loader's memory map: free pages on the free list, defective ones on the bad list, what the loader
/// brought active, what is no RAM marked as such. Pre: MmPfnDatabase is writable from frame 0 to
/// MmHighestPhysicalPage; no other processor runs. Frames behind it are not used.
void MiInitializePfnDatabase(const LOADER_PARAMETER_BLOCK* loaderBlock) REQUIRES_PFN_LOCK;
/// Makes a page the system's own that was used before the database was there. Pre: it is on the free list.
void MiClaimFreePage(PFN_NUMBER frame) REQUIRES_PFN_LOCK;

// ---- pages of zeros: zeropage.cpp

/// Free pages for which the zero page thread is woken.
constexpr PFN_NUMBER MM_MINIMUM_PAGES_TO_ZERO = 8;
extern KEVENT MmZeroingPageEvent;                            ///< synchronization: there are pages to zero
extern bool MmZeroingPageThreadActive GUARDED_BY(MmPfnLock); ///< it has been woken and has not looked yet, or it zeroes

// ---- invariants: check.cpp

/// What MiCheckPfnDatabase found.
struct MI_PFN_CHECK {
    PCSTR Broken;     ///< the rule; nullptr: all hold
    PFN_NUMBER Frame; ///< the page that breaks it; MM_EMPTY_LIST: none in particular
};
/// Checks the invariants above, over the whole database. Slow.
MI_PFN_CHECK MiCheckPfnDatabase() REQUIRES_PFN_LOCK;
