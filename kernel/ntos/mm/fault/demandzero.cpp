// The first use of a committed page: it gets a page of zeros.
//
// The working set entry comes first: growing its list may itself need a page. Then one look at the page lists under
// MmPfnLock takes a page and gives it to the entry. A page that is not zeroed yet is cleared before the entry becomes valid, so
// no thread ever sees what another use left in it.
// Locks, IRQL: see fault.h. In the books: "demand-zero faults", "object reuse". MEM-05, PFN-03, PFN-18
#include "mm/fault/fault.h"
#include "mm/pfn/pageaccess.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/userpages.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

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

NTSTATUS MiResolveDemandZeroFault(MI_FAULT& fault) {
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
}
