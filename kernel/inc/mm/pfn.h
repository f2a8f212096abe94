// The page frame number database: one MMPFN for each page of physical memory, and the lists that pages wait on.
//
// A page is in exactly one of eight states (PageLocation). Six of them are lists; a page that is ActiveAndValid is in
// a working set or belongs to the system; a page in TransitionPage is on no list because something still refers to it,
// mostly an I/O.
//
//     fault ----> ActiveAndValid ----trim----> Standby, Modified -----soft fault----> ActiveAndValid
//                     ^                            |        |
//                     |                            |        '--- written ---> Standby
//      zeroed <-- zero page thread <-- free <------'--- freed, or taken for another use
//
// Invariants, checked by MiCheckPfnDatabase: a list's Total is the number of pages on it, and each page on it names it in
// PageLocation; links lead back. A page is on a list exactly while ReferenceCount is 0. ShareCount is the number of PTEs
// that make the page valid. While ShareCount is not 0, ReferenceCount counts 1 for all of them, and 1 more for each I/O
// and each lock. A page that holds PTEs is itself shared by each of its PTEs that is valid or in transition. The PTE at
// PteAddress (the prototype PTE, if PrototypePte is set) names a page on the standby or a modified list in its transition form.
// MmAvailablePages is what zeroed, free and standby lists hold together.
// A routine that takes a page from a list gives it its next state before the lock is released; until then PageLocation
// names the list.
// Lock: MmPfnLock, the system's queued lock LockQueuePfnLock, for all of it. IRQL: DISPATCH_LEVEL while held.
// In the books: "page frame number database", "page list dynamics". PFN-01, PFN-02
#pragma once

#include "ke/queuedlock.h"
#include "mm/i386/pte.h"
#include "nt/types.h"
#include "ntstatus.h"

/// The state of a page, MMPFN::PageLocation (documented values). Up to BadPageList each is a list.
enum MMLISTS : UCHAR {
    ZeroedPageList = 0,
    FreePageList = 1,
    StandbyPageList = 2,
    ModifiedPageList = 3,
    ModifiedNoWritePageList = 4,
    BadPageList = 5,
    ActiveAndValid = 6,
    TransitionPage = 7,
};
constexpr ULONG NUMBER_OF_PAGE_LISTS = 6;
constexpr ULONG NUMBER_OF_PAGE_STATES = 8;
constexpr PFN_NUMBER MM_EMPTY_LIST = ~0u; ///< no page: the end of a list

/// Flags and state of a page.
struct MMPFNENTRY {
    USHORT Modified : 1; ///< differs from what its page file or file holds
    USHORT ReadInProgress : 1;
    USHORT WriteInProgress : 1;
    USHORT PrototypePte : 1;    ///< PteAddress is a prototype PTE
    USHORT NoModifiedWrite : 1; ///< once modified, it is not written by the modified writer: its owner says when
    USHORT PteDeleted : 1;      ///< its PTE is gone: it is free when the last reference goes
    USHORT OfFile : 1;          ///< on the modified list: it goes to a file, not to a page file
    USHORT Reserved : 1;
    USHORT PageLocation : 3; ///< MMLISTS; MiSetPageLocation writes it
    USHORT RemovalRequested : 1;
    USHORT CacheAttribute : 2;
    USHORT Rom : 1;         ///< no RAM: ROM, registers of a device, or a hole; in no state, and never counted
    USHORT ParityError : 1; ///< goes to the bad list once nothing needs it
};

/// What the memory manager knows of one physical page. Which member of u1 and u2 counts, the state tells.
struct MMPFN {
    union {
        PFN_NUMBER Flink; ///< on a list: the next page
        ULONG WsIndex;    ///< active: index of its working set entry (of the first process, if it is shared)
        PVOID Event;      ///< being read: MI_IN_PAGE, which the threads that need the page wait for
        NTSTATUS ReadStatus;
    } u1;
    MMPTE* PteAddress; ///< nullptr: the system's own, mapped by a large page or by the loader
    union {
        PFN_NUMBER Blink; ///< on a list: the page before
        ULONG ShareCount; ///< active: valid PTEs of the page
    } u2;
    USHORT ReferenceCount;
    MMPFNENTRY e1;
    MMPTE OriginalPte; ///< what the PTE becomes when the page is taken for another use
    struct {
        ULONG PteFrame : 25; ///< frame of the page table (or of the prototype PTEs) that holds PteAddress
        ULONG InPageError : 1;
        ULONG VerifierAllocation : 1;
        ULONG LargePage : 1;
        ULONG KernelStack : 1;
        ULONG PoolStart : 1; ///< first page of a run of contiguous memory (mm/mdl/pages.cpp)
        ULONG PoolEnd : 1;   ///< its last page
        ULONG LockCharged : 1;
    } u4;
};
static_assert(sizeof(PVOID) != 4 || sizeof(MMPFN) == 24);
using PMMPFN = MMPFN*;

/// A list of pages that are in one state.
struct MMPFNLIST {
    PFN_NUMBER Total;
    MMLISTS ListName;
    PFN_NUMBER Flink; ///< first page, MM_EMPTY_LIST if there is none
    PFN_NUMBER Blink; ///< last page
};

/// The lock of the database: nt::QueuedSpinLockGuard guard(LockQueuePfnLock).
#define MmPfnLock KiQueuedSpinLock[LockQueuePfnLock]

extern "C" {
extern MMPFN* MmPfnDatabase PT_GUARDED_BY(MmPfnLock); ///< element 0 is frame 0's
extern MMPFNLIST* const MmPageLocationList[NUMBER_OF_PAGE_LISTS];
extern MMPFNLIST MmZeroedPageListHead GUARDED_BY(MmPfnLock), MmFreePageListHead GUARDED_BY(MmPfnLock),
    MmStandbyPageListHead GUARDED_BY(MmPfnLock), MmModifiedPageListHead GUARDED_BY(MmPfnLock),
    MmModifiedNoWritePageListHead GUARDED_BY(MmPfnLock), MmBadPageListHead GUARDED_BY(MmPfnLock);
/// Zeroed, free and standby pages. May be read without the lock, as a hint.
extern volatile PFN_NUMBER MmAvailablePages;
}
