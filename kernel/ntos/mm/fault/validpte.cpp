// What the routines of all kinds share: whether a page may be taken, the valid form of an entry, a page that comes into a
// working set.
//
// Locks, IRQL: see fault.h. In the books: "page table entries", "working sets". MEM-05, PFN-03
#include "mm/fault/fault.h"
#include "mm/layout.h"
#include "mm/ws/wsl.h"

bool MiMayTakePage() {
    const PFN_NUMBER left = MiMemoryThresholds.Minimum;
    return MmAvailablePages >= (left ? left : 1);
}

MMPTE MiMakeValidPte(PFN_NUMBER frame, ULONG protection, const MMPTE* pte) {
    const ULONG basic = protection & MM_BASIC_MASK;
    const bool copy = basic == MM_WRITECOPY || basic == MM_EXECUTE_WRITECOPY;
    const bool uncached = (protection & MM_ADDED_MASK) == MM_NOCACHE;
    MMPTE valid = {};
    valid.Hard = {.Valid = 1,
                  .Write = ULONG(MiIsWritable(protection) && !copy),
                  .Owner = pte < MiGetPteAddress(reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START)),
                  .WriteThrough = uncached,
                  .CacheDisable = uncached,
                  .Accessed = 1,
                  .CopyOnWrite = copy,
                  .PageFrameNumber = frame};
    return valid;
}

bool MiMapFaultedPage(MI_FAULT& fault, PFN_NUMBER frame, MMPTE valid, bool direct) {
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT);
    const ULONG index = MiAllocateWsle(fault.WorkingSet, vpn, fault.Protection, direct);
    if (index == WSLE_NULL_INDEX) return false;
    if (direct) {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        MiPfnElement(frame)->u1.WsIndex = index;
    }
    fault.Pte->Long = valid.Long; // it was not valid: no processor remembers it
    return true;
}
