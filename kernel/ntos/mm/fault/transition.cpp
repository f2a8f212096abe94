// Soft faults: the page left its working set and is still in memory. It comes back with what it held.
//
// The entry is looked at once more under MmPfnLock: until then the page may be taken for another use, which changes the
// entry (MiRestoreTransitionPte). A page that is still being written comes back at once; one that is being read is waited for.
// Locks, IRQL: see fault.h. In the books: "transition faults", "standby and modified lists". MEM-05, PFN-04..PFN-06
#include "mm/fault/fault.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

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

NTSTATUS MiResolveTransitionFault(MI_FAULT& fault) {
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
}
