// How many pages can be given out at once, and who is told when they are few or many.
//
// A counter and three thresholds. Nothing is signaled but when the counter crosses one, so counting costs a few compares.
//
//     0 ....... Minimum ............ Low ............................ High ............ all
//      threads wait    memory is short                                     plenty of memory
//
// Lock: MmPfnLock; events are signaled while it is held. In the books: "memory notification events". PFN-14, PFN-16, SYS-14
#include "mm/pfn/pfn.h"

extern "C" {
constinit volatile PFN_NUMBER MmAvailablePages = 0;
}
constinit MI_MEMORY_THRESHOLDS MiMemoryThresholds = {};
constinit KEVENT MmAvailablePagesEvent = {};
constinit KEVENT MiLowMemoryEvent = {};
constinit KEVENT MiHighMemoryEvent = {};
constinit KEVENT MmWorkingSetManagerEvent = {};
constinit KEVENT MmModifiedPageWriterEvent = {};

namespace {

constexpr PFN_NUMBER MINIMUM_PAGES = 8;    ///< left for those who make pages available
constexpr PFN_NUMBER LOW_PAGES = 32;       ///< Low is this, or the share below if that is more
constexpr PFN_NUMBER LOW_SHARE = 128;      ///< of all pages: 32 MB of 4 GB, as documented
constexpr PFN_NUMBER HIGH_PER_LOW = 3;     ///< as documented
constexpr PFN_NUMBER MODIFIED_SHARE = 32;  ///< of all pages
constexpr PFN_NUMBER MODIFIED_AT_LOW = 16; ///< when memory is short, so many are worth a write

} // namespace

void MiIncrementAvailablePages() {
    const PFN_NUMBER pages = MmAvailablePages + 1;
    MmAvailablePages = pages;
    if (pages == MiMemoryThresholds.Minimum) (void)KeSetEvent(&MmAvailablePagesEvent, 0, FALSE);
    if (pages == MiMemoryThresholds.Low) KeClearEvent(&MiLowMemoryEvent);
    if (pages == MiMemoryThresholds.High) (void)KeSetEvent(&MiHighMemoryEvent, 0, FALSE);
}

void MiDecrementAvailablePages() {
    const PFN_NUMBER pages = MmAvailablePages;
    NT_ASSERT(pages != 0);
    MmAvailablePages = pages - 1;
    if (pages == MiMemoryThresholds.Minimum) KeClearEvent(&MmAvailablePagesEvent);
    if (pages == MiMemoryThresholds.High) KeClearEvent(&MiHighMemoryEvent);
    if (pages != MiMemoryThresholds.Low) return;
    (void)KeSetEvent(&MiLowMemoryEvent, 0, FALSE);
    (void)KeSetEvent(&MmWorkingSetManagerEvent, 0, FALSE);
    if (MmModifiedPageListHead.Total) (void)KeSetEvent(&MmModifiedPageWriterEvent, 0, FALSE);
}

void MiModifiedPageAdded() {
    const PFN_NUMBER modified = MmModifiedPageListHead.Total;
    const MI_MEMORY_THRESHOLDS& at = MiMemoryThresholds;
    if (at.Modified == 0) return;
    const bool time = modified >= at.Modified || (MmAvailablePages < at.Low && modified >= MODIFIED_AT_LOW);
    if (time && KeReadStateEvent(&MmModifiedPageWriterEvent) == 0)
        (void)KeSetEvent(&MmModifiedPageWriterEvent, 0, FALSE);
}

void MiStartMemoryEvents() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER all = MmNumberOfPhysicalPages;
    const PFN_NUMBER low = all / LOW_SHARE > LOW_PAGES ? all / LOW_SHARE : LOW_PAGES;
    MiMemoryThresholds = {MINIMUM_PAGES, low, HIGH_PER_LOW * low, all / MODIFIED_SHARE};
    const PFN_NUMBER pages = MmAvailablePages;
    KeInitializeEvent(&MmAvailablePagesEvent, NotificationEvent, pages >= MiMemoryThresholds.Minimum);
    KeInitializeEvent(&MiLowMemoryEvent, NotificationEvent, pages < low);
    KeInitializeEvent(&MiHighMemoryEvent, NotificationEvent, pages >= MiMemoryThresholds.High);
    KeInitializeEvent(&MmWorkingSetManagerEvent, SynchronizationEvent, pages < low);
    KeInitializeEvent(&MmModifiedPageWriterEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MmZeroingPageEvent, SynchronizationEvent, TRUE); // for the thread's first look
}
