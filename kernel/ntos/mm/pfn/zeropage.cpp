// The zero page thread: at priority 0, when no other thread wants the processor, it makes zeroed pages of free ones.
//
// A free page holds what its last owner left. No user may see that, so a user's fresh page is one of zeros; taking one that
// is zeroed already is cheaper than clearing one in the fault.
// In the books: "zero page thread", "object reuse protection". SYS-13, PFN-09, PFN-18
#include "ke.h"
#include "mm.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

constinit KEVENT MmZeroingPageEvent = {};
constinit bool MmZeroingPageThreadActive = true; // until the thread is there, nobody is to be woken

namespace {

/// Takes a page from the free list to zero it. It is in nobody's hands but this thread's: in transition, one reference.
PFN_NUMBER TakeFreePage() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER frame = MiRemovePageFromList(&MmFreePageListHead);
    if (frame == MM_EMPTY_LIST) {
        MmZeroingPageThreadActive = false; // the next free page may wake the thread again
        return frame;
    }
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->ReferenceCount = 1;
    MiSetPageLocation(pfn, TransitionPage);
    return frame;
}

void GiveZeroedPage(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->ReferenceCount = 0;
    if (pfn->e1.ParityError) {
        MiInsertPageInFreeList(frame); // it has been found bad meanwhile
    } else {
        MiInsertPageInList(&MmZeroedPageListHead, frame);
    }
}

} // namespace

void NTAPI MiZeroFreePages() {
    for (PFN_NUMBER frame; (frame = TakeFreePage()) != MM_EMPTY_LIST;) {
        MiZeroPhysicalPage(frame);
        GiveZeroedPage(frame);
    }
}

void NTAPI MmZeroPageThread(PVOID) {
    KeTakeZeroPagePriority();
    for (;;) {
        (void)KeWaitForSingleObject(&MmZeroingPageEvent, KWAIT_REASON::WrFreePage, KernelMode, FALSE, nullptr);
        MiZeroFreePages();
    }
}
