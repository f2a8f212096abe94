// Threads that need a page that is being read: they wait for the same read.
//
// Locks, IRQL: see inpage.h, fault.h. In the books: "collided page faults". MEM-05, PFN-04, ERR-10
#include "mm/fault/inpage.h"
#include "ex/pool.h"
#include "rtl/memory.h"

namespace {

constexpr ULONG InPageTag = EX_TAG("MmIn");

} // namespace

MI_IN_PAGE* MiAllocateInPage(SIZE_T size) {
    auto* const read = static_cast<MI_IN_PAGE*>(ExAllocatePoolWithTag(NonPagedPool, size, InPageTag));
    if (!read) return nullptr;
    RtlZeroMemory(read, size);
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

NTSTATUS MiAwaitInPage(MMSUPPORT* workingSet, MI_IN_PAGE* read) {
    ExReleaseFastMutex(&workingSet->WorkingSetMutex);
    (void)KeWaitForSingleObject(&read->Event, KWAIT_REASON::PageIn, KernelMode, FALSE, nullptr);
    ExAcquireFastMutex(&workingSet->WorkingSetMutex);
    return read->Status;
}

MI_IN_PAGE* MiJoinPageRead(MMPFN* pfn) {
    NT_ASSERT(pfn->e1.ReadInProgress);
    auto* const read = static_cast<MI_IN_PAGE*>(pfn->u1.Event);
    read->Threads++;
    return read;
}

NTSTATUS MiWaitForPageRead(MI_FAULT& fault, MI_IN_PAGE* read) {
    const NTSTATUS status = MiAwaitInPage(fault.WorkingSet, read);
    const bool own =
        !read->Pte || read->Pte == fault.Pte; // a page that was read ahead may be brought by a read of its own
    MiReleaseInPage(read);
    return own && !NT_SUCCESS(status) ? status : STATUS_RETRY;
}
