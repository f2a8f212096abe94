// Memory is short: the working set manager's thread, and threads that wait for pages.
//
// The thread runs at once when memory becomes short, and once a second in any case: then entries age. Pages that it takes are not
// available at once: modified ones are written first. They count as available here, or it would take all pages there are
// while the disk works. Pages of files do not count: nobody knows when a file will have taken them.
//
//     MiDecrementAvailablePages: Low is passed --.
//     a thread waits for a page -----------------+--> MmWorkingSetManager --> MiManageWorkingSets --> modified page writer
//     a second has passed -----------------------'
//
// Locks: MmPfnLock for the counters. IRQL: PASSIVE_LEVEL.
// In the books: "balance set manager", "working set manager". PFN-14, SYS-11, SYS-14
#include "mm/ws/shortage.h"
#include "ex/onesecond.h"
#include "ke.h"
#include "ke/bugcheck.h"
#include "mm/faults.h"
#include "mm/pfn/pfn.h"
#include "mm/ws/trim.h"
#include "mm/writer/pagewrite.h"

namespace {

constexpr LONGLONG SECOND = 10'000'000;
constexpr LONGLONG LONGEST_WAIT = 70 * SECOND; ///< for a page (documented value)
constexpr LONGLONG LONG_WAIT = 5 * SECOND;     ///< for a page that need not come

KEVENT SecondEvent; ///< synchronization: a second has passed. shared: the dispatcher lock's

void NTAPI NoteSecond(PVOID) { (void)KeSetEvent(&SecondEvent, 0, FALSE); }

/// Modified pages are few, and yet needed: MiModifiedPageAdded would let them wait.
void WakeWriter() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (MmModifiedPageListHead.Total != 0 && MmAvailablePages < MiMemoryThresholds.High)
        (void)KeSetEvent(&MmModifiedPageWriterEvent, 0, FALSE);
}

/// Sees to it that pages are made available, and waits for them. @returns false: none has come in time
bool Await(LONGLONG longest) {
    (void)KeSetEvent(&MmWorkingSetManagerEvent, 0, FALSE);
    WakeWriter();
    LARGE_INTEGER wait = {.QuadPart = -longest};
    return KeWaitForSingleObject(&MmAvailablePagesEvent, KWAIT_REASON::WrFreePage, KernelMode, FALSE, &wait) !=
           STATUS_TIMEOUT;
}

[[noreturn]] void NoPages() {
    nt::AssumeSnapshot(MmPfnLock); // the system stops
    KeBugCheckEx(NO_PAGES_AVAILABLE, MmModifiedPageListHead.Total, MmTotalFreePageFileSpace, MmAvailablePages,
                 MiPagesBeingWritten);
}

} // namespace

MM_MEMORY_STATE MiQueryMemoryState() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER modified = MmModifiedPageListHead.Total - MiModifiedFilePages, room = MmTotalFreePageFileSpace;
    const PFN_NUMBER soon = (modified < room ? modified : room) + MiPagesBeingWritten;
    return {.Available = MmAvailablePages + soon, .Wanted = MiMemoryThresholds.High};
}

void MiWaitForAvailablePages() {
    if (!Await(LONGEST_WAIT)) NoPages();
}

bool MiTryToAwaitPages() { return Await(LONG_WAIT); }

void MiInitializeShortage() {
    static constinit EX_ONE_SECOND_DUTY second = {NoteSecond, nullptr, {}};
    KeInitializeEvent(&SecondEvent, SynchronizationEvent, FALSE);
    ExRegisterOneSecondDuty(&second);
}

ULONG NTAPI MmWorkingSetManager(BOOLEAN Age) { return MiManageWorkingSets(Age, MiQueryMemoryState); }

void NTAPI MiWorkingSetManagerThread(PVOID) {
    PVOID events[] = {&SecondEvent, &MmWorkingSetManagerEvent};
    for (;;) {
        const NTSTATUS status = KeWaitForMultipleObjects(2, events, WAIT_TYPE::WaitAny, KWAIT_REASON::WrVirtualMemory,
                                                         KernelMode, FALSE, nullptr, nullptr);
        (void)MmWorkingSetManager(status == STATUS_WAIT_0);
        WakeWriter();
    }
}
