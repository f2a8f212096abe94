// Copy-on-write: the first write to a shared page gives the process a copy of its own.
//
//     before    entries of A and B ---> page 5 (share count 2, prototype PTE)
//     after     entry of B -----------> page 5 (share count 1)
//               entry of A -----------> page 9: the same bytes, private, writable
//
// The new page is filled before an entry leads to it, and the shared page loses its share after every processor has forgotten
// it. So each thread of the process sees the old bytes or the copy, and no write reaches the shared page.
// Locks: see fault.h; the WorkingSetMutex keeps the shared page where it is while it is copied. IRQL: see fault.h.
// In the books: "copy-on-write". MEM-05, POL-08, POL-09
#include "ke/ipi.h"
#include "mm/fault/fault.h"
#include "mm/pfn/pageaccess.h"
#include "mm/protect.h"
#include "mm/section/views.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

namespace {

/// Takes a page for the copy. @param index of its working set entry. @returns MM_EMPTY_LIST: memory is short.
PFN_NUMBER TakePage(MMPTE* pte, ULONG protection, ULONG index) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (!MiMayTakePage()) return MM_EMPTY_LIST;
    const PFN_NUMBER frame = MiRemoveAnyPage();
    MiInitializePfn(frame, pte, true);
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->OriginalPte.Soft.Protection = protection;
    pfn->u1.WsIndex = index;
    return frame;
}

} // namespace

NTSTATUS MiResolveCopyOnWriteFault(MI_FAULT& fault) {
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT);
    MMWSL* const list = fault.WorkingSet->VmWorkingSetList;
    const PFN_NUMBER shared = fault.Pte->Hard.PageFrameNumber;
    const ULONG index = MiLocateWsle(list, vpn, MiWsIndexOf(shared));
    NT_ASSERT(index != WSLE_NULL_INDEX);
    const ULONG protection = MiProtectionOfCopy(list->Wsle[index].e1.Protection);

    const PFN_NUMBER copy = TakePage(fault.Pte, protection, index);
    if (copy == MM_EMPTY_LIST) return STATUS_NO_MEMORY;
    MiCopyPhysicalPage(copy, shared);
    MMPTE valid = MiMakeValidPte(copy, protection, fault.Pte);
    valid.Hard.Dirty = 1;
    __atomic_store_n(&fault.Pte->Long, valid.Long,
                     __ATOMIC_SEQ_CST); // it was read-only: there was no dirty bit to lose
    KeFlushSingleTb(fault.VirtualAddress, TRUE);
    MiMakeWsleDirect(list, index);
    list->Wsle[index].e1.Protection = protection;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        MiDecrementShareCount(shared);
        MiDecrementShareCount(MiFrameOfPte(fault.Pte)); // the shared page's entry is gone; the copy's counts already
    }
    fault.Space->NumberOfPrivatePages++;
    InterlockedIncrement(&MmInfoCounters.CopyOnWriteCount);
    return STATUS_PAGE_FAULT_COPY_ON_WRITE;
}
