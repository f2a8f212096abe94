// Copy-on-write: the first write to a shared page gives the process a copy of its own.
//
//     before    entries of A and B ---> page 5 (share count 2, prototype PTE)
//     after     entry of B -----------> page 5 (share count 1)
//               entry of A -----------> page 9: the same bytes, private, writable
//
// Each thread of the process sees the old bytes or the copy at every moment, and no write reaches the shared page.
// Locks: see fault.h; the WorkingSetMutex keeps the shared page where it is while it is copied. IRQL: see fault.h.
// In the books: "copy-on-write". MEM-05, POL-08, POL-09
#include "ke/bugcheck.h"
#include "ke/ipi.h"
#include "mm/fault/fault.h"
#include "mm/pfn/pageaccess.h"
#include "mm/protect.h"
#include "mm/section/views.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

// LAB(2.7) begin
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
// LAB(2.7) else
//| // Room for helpers of your own.
// LAB(2.7) end

/// The first write to a page of a section that is shared until then. Pre: *fault.Pte is valid, with CopyOnWrite.
///
/// - Post: *fault.Pte is valid and leads to a page of the process's own, with the bytes of the shared one. Its protection is that of
///   the copy (MiProtectionOfCopy of the protection in the page's working set entry); it is Dirty.
/// - The copy belongs to *fault.Pte as a fresh private page does: active, one share, one reference, Modified, WsIndex;
///   OriginalPte is demand zero, with the copy's protection. The working set entry stays: it is Direct, with that protection.
/// - Where *fault.Pte leads to the copy, the copy has all its bytes already.
/// - The shared page loses its share when no processor knows it through *fault.Pte any more (KeFlushSingleTb). The page
///   table is shared as often as before.
/// - NumberOfPrivatePages of fault.Space and MmInfoCounters.CopyOnWriteCount are one more.
/// - A page is taken only while MiMayTakePage allows it.
/// @returns STATUS_PAGE_FAULT_COPY_ON_WRITE; STATUS_NO_MEMORY: then nothing has changed
NTSTATUS MiResolveCopyOnWriteFault(MI_FAULT& fault) {
    // LAB(2.7) begin
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
    // LAB(2.7) else
    //| LAB_NOT_IMPLEMENTED("2.7");
    // LAB(2.7) end
}
