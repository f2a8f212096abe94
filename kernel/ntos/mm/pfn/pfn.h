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
// PageLocation; links lead back. ShareCount is the number of valid PTEs of the page; while it is not 0, ReferenceCount
// counts 1 for all of them, and 1 more for each I/O and each lock. A page is on a list exactly while ReferenceCount is 0.
// The PTE at PteAddress (the prototype PTE, if PrototypePte is set) holds this frame in a valid or transition form.
// MmAvailablePages is what zeroed, free and standby lists hold together.
// Lock: MmPfnLock, queued lock LockQueuePfnLock, for all of it. IRQL: DISPATCH_LEVEL while held.
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
constexpr PFN_NUMBER MM_EMPTY_LIST = ~0u; ///< no page: the end of a list

/// Flags and state of a page.
struct MMPFNENTRY {
    USHORT Modified : 1; ///< differs from what its page file or file holds
    USHORT ReadInProgress : 1;
    USHORT WriteInProgress : 1;
    USHORT PrototypePte : 1; ///< PteAddress is a prototype PTE
    USHORT PageColor : 4;
    USHORT PageLocation : 3; ///< MMLISTS
    USHORT RemovalRequested : 1;
    USHORT CacheAttribute : 2;
    USHORT Rom : 1;
    USHORT ParityError : 1;
};

/// What the memory manager knows of one physical page. Which member of u1 and u2 counts, the state tells.
struct MMPFN {
    union {
        PFN_NUMBER Flink; ///< on a list: the next page
        ULONG WsIndex;    ///< active: index of its working set entry (of the first process, if it is shared)
        PVOID Event;      ///< being read: MI_IN_PAGE, which the threads that need the page wait for
        NTSTATUS ReadStatus;
    } u1;
    MMPTE* PteAddress;
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
        ULONG PoolStart : 1; ///< first page of a non-paged pool allocation of whole pages
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

extern "C" {
extern KSPIN_LOCK MmPfnLock; ///< every processor's node for it is LockQueue[LockQueuePfnLock]
extern MMPFN* MmPfnDatabase;
extern MMPFNLIST* const MmPageLocationList[NUMBER_OF_PAGE_LISTS];
extern MMPFNLIST MmZeroedPageListHead, MmFreePageListHead, MmStandbyPageListHead, MmModifiedPageListHead,
    MmModifiedNoWritePageListHead, MmBadPageListHead;
extern PFN_NUMBER MmAvailablePages; ///< zeroed, free and standby
extern PFN_NUMBER
    MmResidentAvailablePages; ///< signed in meaning: pages that may still be locked down, stacks and pools included
}
