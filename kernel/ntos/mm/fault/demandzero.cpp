// The first use of a committed page: it gets a page of zeros.
//
// Memory that was promised (committed) becomes a page here. No program ever sees what another use left in that page.
// Locks, IRQL: see fault.h. In the books: "demand-zero faults", "object reuse". MEM-05, PFN-03, PFN-18
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"
#include "mm/pfn/pageaccess.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/userpages.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

// LAB(2.6) begin
namespace {

/// Takes a page for the entry, which says already what the page becomes when it is taken away.
/// @returns MM_EMPTY_LIST: memory is short.
PFN_NUMBER TakePage(MMPTE* pte, ULONG index, bool* zeroed) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (!MiMayTakePage()) return MM_EMPTY_LIST;
    const PFN_NUMBER frame = MiRemoveZeroPage(zeroed);
    MiInitializePfn(frame, pte, true); // zeros that will be written over: they are nowhere else
    MiPfnElement(frame)->u1.WsIndex = index;
    return frame;
}

} // namespace
// LAB(2.6) else
//| // Room for helpers of your own.
// LAB(2.6) end

/// The page of a fault of the kind DemandZero: all zeros.
///
/// - Post: *fault.Pte is valid, as fault.Protection allows (MiMakeValidPte). At the moment at which it becomes valid, the page
///   is all zeros already.
/// - The page's state is ActiveAndValid, ShareCount and ReferenceCount are 1. Its flag Modified is set: what it holds is on no
///   page file. It belongs to *fault.Pte (PteAddress). OriginalPte, the entry that it leaves there when it is taken away, says
///   demand zero with fault.Protection, also if *fault.Pte was 0.
/// - fault.WorkingSet has one entry for the page. This entry is Direct, and WsIndex of the page is its index.
/// - If *fault.Pte was 0, UsedPageTableEntries of its page table is one more (MiWriteUserPte counts it).
/// - NumberOfPrivatePages of fault.Space and MmInfoCounters.DemandZeroCount are one more. PageFaultCount stays: MmAccessFault
///   has counted the fault.
/// - A page is taken only while MiMayTakePage allows it, in the same hold of MmPfnLock.
/// @returns STATUS_PAGE_FAULT_DEMAND_ZERO; STATUS_NO_MEMORY: no page, or no room for a working set entry. Then no page was taken,
/// the working set is as before, and *fault.Pte means the same as before
NTSTATUS MiResolveDemandZeroFault(MI_FAULT& fault) {
    // LAB(2.6) begin
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT);
    const ULONG index = MiAllocateWsle(fault.WorkingSet, vpn, fault.Protection, true);
    if (index == WSLE_NULL_INDEX) return STATUS_NO_MEMORY;
    MiWriteUserPte(*fault.Space, fault.Pte, MiDemandZeroPte(fault.Protection)); // the range's protection, if it was 0
    bool zeroed = false;
    const PFN_NUMBER frame = TakePage(fault.Pte, index, &zeroed);
    if (frame == MM_EMPTY_LIST) {
        MiReleaseWsle(fault.WorkingSet, index);
        return STATUS_NO_MEMORY;
    }
    if (!zeroed) MiZeroPhysicalPage(frame);
    fault.Pte->Long = MiMakeValidPte(frame, fault.Protection, fault.Pte).Long;
    fault.Space->NumberOfPrivatePages++;
    InterlockedIncrement(&MmInfoCounters.DemandZeroCount);
    return STATUS_PAGE_FAULT_DEMAND_ZERO;
    // LAB(2.6) else
    //| LAB_NOT_IMPLEMENTED("2.6");
    // LAB(2.6) end
}
