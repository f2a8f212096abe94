// Threads that need a page that is being read: they wait for the same read.
//
// Pages of a page file come later: an entry that names one is damaged.
// Locks, IRQL: see fault.h. In the books: "collided page faults". MEM-05
#include "ex/pool.h"
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"
#include "mm/fault/inpage.h"

namespace {

constexpr ULONG InPageTag = EX_TAG("MmIn");

} // namespace

NTSTATUS MiResolvePageFileFault(MI_FAULT& fault) {
    KeBugCheckEx(MEMORY_MANAGEMENT, reinterpret_cast<ULONG_PTR>(fault.Pte), fault.Pte->Long, 0, 0);
}

MI_IN_PAGE* MiAllocateInPage() {
    auto* const read = static_cast<MI_IN_PAGE*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(MI_IN_PAGE), InPageTag));
    if (!read) return nullptr;
    KeInitializeEvent(&read->Event, NotificationEvent, FALSE);
    read->Threads = 1;
    read->Status = STATUS_PENDING;
    return read;
}

void MiEndInPage(MI_IN_PAGE* read, NTSTATUS status) {
    read->Status = status;
    (void)KeSetEvent(&read->Event, 0, FALSE);
}

void MiReleaseInPage(MI_IN_PAGE* read) {
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        if (--read->Threads != 0) return;
    }
    ExFreePoolWithTag(read, InPageTag);
}

MI_IN_PAGE* MiJoinPageRead(MMPFN* pfn) {
    NT_ASSERT(pfn->e1.ReadInProgress);
    auto* const read = static_cast<MI_IN_PAGE*>(pfn->u1.Event);
    read->Threads++;
    return read;
}

NTSTATUS MiWaitForPageRead(MI_FAULT& fault, MI_IN_PAGE* read) {
    ExReleaseFastMutex(&fault.WorkingSet->WorkingSetMutex);
    (void)KeWaitForSingleObject(&read->Event, KWAIT_REASON::PageIn, KernelMode, FALSE, nullptr);
    const NTSTATUS status = read->Status;
    MiReleaseInPage(read);
    ExAcquireFastMutex(&fault.WorkingSet->WorkingSetMutex);
    return NT_SUCCESS(status) ? STATUS_RETRY : status;
}
