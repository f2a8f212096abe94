// What the routines of all kinds share: whether a page may be taken, the valid form of an entry, a page that comes into a
// working set.
//
// Locks, IRQL: see fault.h. In the books: "page table entries", "working sets". MEM-05, PFN-03
#include "mm/fault/fault.h"
#include "ex/inject.h"
#include "mm/layout.h"
#include "mm/protect.h"
#include "mm/ws/wsl.h"

/// MMPTE_HARDWARE's bits that follow from no protection.
constexpr ULONG VALID = 1 << 0, OWNER = 1 << 2, ACCESSED = 1 << 5;

ULONG MiWsIndexOf(PFN_NUMBER frame) NO_THREAD_SAFETY_ANALYSIS { // one word, and only where to look first
    return __atomic_load_n(&MiPfnElement(frame)->u1.WsIndex, __ATOMIC_RELAXED);
}

bool MiMayTakePage() {
    if (ExInjectFailure(EX_ALLOCATION::Page)) return false;
    const PFN_NUMBER left = MiMemoryThresholds.Minimum;
    return MmAvailablePages >= (left ? left : 1);
}

MMPTE MiMakeValidPte(PFN_NUMBER frame, ULONG protection, const MMPTE* pte) {
    const bool user = pte < MiGetPteAddress(reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START));
    const ULONG bits = VALID | ACCESSED | MmProtectToPteMask[protection & MM_PROTECTION_MASK];
    return {.Long = frame << PAGE_SHIFT | (user ? bits | OWNER : bits)};
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
