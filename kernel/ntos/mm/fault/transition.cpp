// Soft faults: the page left its working set and is still in memory. It comes back with what it held.
//
// Until MmPfnLock is held the page may be taken for another use, which changes the entry (MiRestoreTransitionPte).
// Locks, IRQL: see fault.h. In the books: "transition faults", "standby and modified lists". MEM-05, PFN-04..PFN-06
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

// LAB(2.6) begin
namespace {

/// Makes the page of an entry active again, and the entry valid. @param[out] read what to wait for if it is being read
NTSTATUS Reactivate(MI_FAULT& fault, ULONG index, MI_IN_PAGE** read) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPTE pte = *fault.Pte;
    if (MiPteKind(pte) != MI_PTE_KIND::Transition) return STATUS_RETRY;
    const PFN_NUMBER frame = pte.Trans.PageFrameNumber;
    MMPFN* const pfn = MiPfnElement(frame);
    if (pfn->e1.ReadInProgress) {
        *read = MiJoinPageRead(pfn);
        return STATUS_RETRY;
    }
    if (pfn->u4.InPageError) return pfn->u1.ReadStatus;
    MiReactivatePfn(frame);
    pfn->u1.WsIndex = index;
    fault.Pte->Long = MiMakeValidPte(frame, fault.Protection, fault.Pte).Long;
    return STATUS_PAGE_FAULT_TRANSITION;
}

} // namespace
// LAB(2.6) else
//| // Room for helpers of your own.
// LAB(2.6) end

/// The page of a fault of the kind Transition: it comes back from the standby or a modified list, or from an I/O that still
/// refers to it, with the bytes that it held.
///
/// - Post: *fault.Pte is valid, as fault.Protection allows. The page is active (MiReactivatePfn); it keeps its references,
///   and whether it is Modified.
/// - fault.WorkingSet has one entry for the page. This entry is Direct, and WsIndex of the page is its index.
/// - MmInfoCounters.TransitionCount is one more.
/// - What *fault.Pte says counts in the hold of MmPfnLock in which the page becomes active. If it is no transition form there, the
///   page was taken: nothing changes, and the fault is decided anew (STATUS_RETRY).
/// - A page that is being read is not touched. The thread joins its read (MiJoinPageRead) in the hold of MmPfnLock that found it
///   being read, then waits for it without MmPfnLock (MiWaitForPageRead), and returns what that says.
/// - A page that could not be read (InPageError) stays where it is: its ReadStatus is returned.
/// @returns STATUS_PAGE_FAULT_TRANSITION; STATUS_RETRY; why the page could not be read; STATUS_NO_MEMORY: no room for a working
/// set entry. Unless the page came back, the working set has no entry of it
NTSTATUS MiResolveTransitionFault(MI_FAULT& fault) {
    // LAB(2.6) begin
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT);
    const ULONG index = MiAllocateWsle(fault.WorkingSet, vpn, fault.Protection, true);
    if (index == WSLE_NULL_INDEX) return STATUS_NO_MEMORY;
    MI_IN_PAGE* read = nullptr;
    const NTSTATUS status = Reactivate(fault, index, &read);
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&MmInfoCounters.TransitionCount);
        return status;
    }
    MiReleaseWsle(fault.WorkingSet, index);
    return read ? MiWaitForPageRead(fault, read) : status;
    // LAB(2.6) else
    //| LAB_NOT_IMPLEMENTED("2.6");
    // LAB(2.6) end
}
