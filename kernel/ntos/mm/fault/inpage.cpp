// Threads that need a page that is being read: they wait for the same read.
//
// Locks, IRQL: see inpage.h, fault.h. In the books: "collided page faults". MEM-05, PFN-04, ERR-10
#include "mm/fault/inpage.h"
#include "ex/pool.h"
#include "ke/bugcheck.h"
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

/// Waits for the end of a read. The block stays known to the caller.
///
/// - Neither the WorkingSetMutex nor a spin lock is held while the thread waits; the mutex is held when it returns.
/// @returns the block's Status, as it is after the end of the read. @irql APC_LEVEL
NTSTATUS MiAwaitInPage(MMSUPPORT* workingSet, MI_IN_PAGE* read) {
    // LAB(2.8) begin
    ExReleaseFastMutex(&workingSet->WorkingSetMutex);
    (void)KeWaitForSingleObject(&read->Event, KWAIT_REASON::PageIn, KernelMode, FALSE, nullptr);
    ExAcquireFastMutex(&workingSet->WorkingSetMutex);
    return read->Status;
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}

/// A thread needs a page that is being read: it knows the block of that read from now on. Pre: ReadInProgress.
/// @returns the block
MI_IN_PAGE* MiJoinPageRead(MMPFN* pfn) {
    // LAB(2.8) begin
    NT_ASSERT(pfn->e1.ReadInProgress);
    auto* const read = static_cast<MI_IN_PAGE*>(pfn->u1.Event);
    read->Threads++;
    return read;
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}

/// A thread that has joined a read (MiJoinPageRead) waits for its end, as MiAwaitInPage says.
///
/// - Afterwards the thread knows the block no longer (MiReleaseInPage).
/// - A read that has failed is an error of the fault's only if the block says so: its Status is that of the page whose entry is the
///   block's Pte, or of all pages if that is nullptr. A page that was read ahead may be brought by a read of its own.
/// @returns why the read has failed; else STATUS_RETRY: the fault is decided anew
NTSTATUS MiWaitForPageRead(MI_FAULT& fault, MI_IN_PAGE* read) {
    // LAB(2.8) begin
    const NTSTATUS status = MiAwaitInPage(fault.WorkingSet, read);
    const bool own =
        !read->Pte || read->Pte == fault.Pte; // a page that was read ahead may be brought by a read of its own
    MiReleaseInPage(read);
    return own && !NT_SUCCESS(status) ? status : STATUS_RETRY;
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}
