// Checks of exercise 2.2: page frame lists and states. Eight pages, numbers 0..7; PTE n belongs to page n.
//
// with: kernel/ntos/mm/pfn/location.cpp
#include "check.h"

#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

#include <initializer_list>

// ---- the machine: what the routines of the exercise stand on ------------------------------------------------------

constexpr PFN_NUMBER PAGES = 8, PTE_PAGE = 0; ///< page 0 holds the PTEs

static MMPFN Database[PAGES];
static MMPTE Ptes[PAGES];
static ULONG ModifiedPagesTold;

extern "C" {
MMPFN* MmPfnDatabase = Database;
PFN_NUMBER MmHighestPhysicalPage = PAGES - 1;
volatile PFN_NUMBER MmAvailablePages = 0;
LONG NTAPI KeSetEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait) { return 0; }
}
bool MmZeroingPageThreadActive = true; ///< nobody zeroes pages here
KEVENT MmZeroingPageEvent;

void MiIncrementAvailablePages() { MmAvailablePages = MmAvailablePages + 1; }
void MiDecrementAvailablePages() { MmAvailablePages = MmAvailablePages - 1; }
void MiModifiedPageAdded() { ModifiedPagesTold++; }
MMPTE MiReadPteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte) { return *pte; }
void MiWritePteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte, MMPTE value) { Ptes[pte - Ptes] = value; }
PFN_NUMBER MiFrameOfPte(const MMPTE* pte) { return PTE_PAGE; }
void MiForgetPageOfSection(MMPTE original) {}
void MiReleasePageOfPageFile(MMPTE original) {}

/// The pages of a list, from its front; from its back if `Blink` leads elsewhere, that too.
static check::Text Pages(const MMPFNLIST* list) {
    check::Text text;
    PFN_NUMBER last = MM_EMPTY_LIST;
    ULONG count = 0;
    for (PFN_NUMBER frame = list->Flink; frame < PAGES && count <= PAGES; frame = Database[frame].u1.Flink, count++) {
        text.Add(count ? " %u" : "%u", frame);
        if (Database[frame].u2.Blink != last) text.Add(" (its Blink is %#x)", Database[frame].u2.Blink);
        last = frame;
    }
    if (list->Blink != last) text.Add(" (the list's Blink is %#x)", list->Blink);
    if (list->Total != count) text.Add(" (Total is %u)", list->Total);
    return text;
}

/// Page `frame`, given to its PTE: active, shared once.
static void Use(PFN_NUMBER frame) {
    Database[PTE_PAGE].u2.ShareCount = Database[PTE_PAGE].u2.ShareCount ? Database[PTE_PAGE].u2.ShareCount : 1;
    Database[PTE_PAGE].ReferenceCount = 1;
    Database[PTE_PAGE].e1.PageLocation = ActiveAndValid;
    Database[frame].e1.PageLocation = FreePageList;
    Ptes[frame].Long = MM_READWRITE << 5; // demand zero
    MiInitializePfn(frame, &Ptes[frame], false);
    Ptes[frame].Long = frame << PAGE_SHIFT | 7;
}

/// The page leaves the working set: its PTE has the transition form, and shares it no more.
static void Trim(PFN_NUMBER frame) {
    Ptes[frame] = MiMakeTransitionPte(frame, MM_READWRITE);
    MiDecrementShareCount(frame);
}

/// Pages come to a list, one by one.
static void Fill(MMPFNLIST* list, std::initializer_list<PFN_NUMBER> frames) {
    for (PFN_NUMBER frame : frames)
        MiInsertPageInList(list, frame);
}

static check::Text StateOf(PFN_NUMBER frame) {
    static constexpr PCSTR Names[] = {"zeroed", "free",   "standby",      "modified", "modified-no-write",
                                      "bad",    "active", "in transition"};
    check::Text text;
    text.Add("%s, ReferenceCount %u", Names[Database[frame].e1.PageLocation], Database[frame].ReferenceCount);
    return text;
}

// ---- the checks ---------------------------------------------------------------------------------------------------

CHECK("pages come to the end of a list and are taken from its front") {
    DO(Fill(&MmZeroedPageListHead, {5, 3, 7}));
    Expect("5 3 7", Pages(&MmZeroedPageListHead), "the list", "The page is the last of the list.");
    Expect(5, DO(MiRemovePageFromList(&MmZeroedPageListHead)), "the page",
           "The first page is off the list and is returned.");
    Expect("3 7", Pages(&MmZeroedPageListHead), "the list", "The others keep their order.");
}

CHECK("a page leaves its list from the middle") {
    DO(Fill(&MmZeroedPageListHead, {3, 5, 7}));
    DO(MiUnlinkPageFromList(MiPfnElement(5)));
    Expect("3 7", Pages(&MmZeroedPageListHead), "the list",
           "From the front and from the back the links lead through the same pages.");
}

CHECK("available pages are counted, and a modified page is announced") {
    DO(Fill(&MmZeroedPageListHead, {3, 5}));
    Expect(2, MmAvailablePages, "MmAvailablePages",
           "It is the number of pages on the zeroed, the free and the standby list.");
    Use(6);
    Database[6].e1.Modified = 1;
    DO(Trim(6));
    Expect(2, MmAvailablePages, "MmAvailablePages",
           "It is the number of pages on the zeroed, the free and the standby list.");
    Expect(1, ModifiedPagesTold, "calls of MiModifiedPageAdded",
           "Every page that comes to the modified list is announced.");
}

CHECK("zeroed pages are kept for those who need zeros") {
    DO(Fill(&MmZeroedPageListHead, {3}));
    DO(MiInsertPageInFreeList(5));
    Expect(5, DO(MiRemoveAnyPage()), "the page",
           "A free page, else a zeroed one, else the standby page that waits longest.");
}

CHECK("a clean page whose PTE goes is on standby, and a fault brings it back") {
    Use(4);
    DO(Trim(4));
    Expect("4", Pages(&MmStandbyPageListHead), "the standby list",
           "A page that is not modified goes to the standby list.");
    DO(MiReactivatePfn(4));
    Expect("", Pages(&MmStandbyPageListHead), "the standby list",
           "A page is on a list exactly while its ReferenceCount is 0.");
    Expect("active, ReferenceCount 1", StateOf(4), "page 4", "The page is active with ShareCount 1.");
}

CHECK("a page that an I/O holds is on no list until the I/O is over") {
    Use(4);
    Database[4].e1.Modified = 1;
    DO(MiIncrementReferenceCount(4));
    DO(Trim(4));
    Expect("in transition, ReferenceCount 1", StateOf(4), "page 4",
           "A page that something else still refers to is in TransitionPage.");
    DO(MiDecrementReferenceCount(4));
    Expect("4", Pages(&MmModifiedPageListHead), "the modified list",
           "After the last reference a modified page goes to the modified list.");
}
