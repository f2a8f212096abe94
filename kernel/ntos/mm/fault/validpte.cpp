// What the routines of all kinds share: whether a page may be taken, the valid form of an entry, a page that comes into a
// working set.
//
// Locks, IRQL: see fault.h. In the books: "page table entries", "working sets". MEM-05, PFN-03
#include "mm/fault/fault.h"
#include "mm/layout.h"
#include "mm/ws/wsl.h"

namespace {

// MMPTE_HARDWARE's bits.
constexpr ULONG VALID = 1 << 0, WRITE = 1 << 1, OWNER = 1 << 2, WRITE_THROUGH = 1 << 3, CACHE_DISABLE = 1 << 4,
                ACCESSED = 1 << 5, COPY_ON_WRITE = 1 << 9;

/// The bits of a valid entry besides page and owner.
constexpr ULONG BitsOf(ULONG protection) {
    const ULONG basic = protection & MM_BASIC_MASK;
    const bool copy = basic == MM_WRITECOPY || basic == MM_EXECUTE_WRITECOPY;
    const bool uncached = (protection & MM_ADDED_MASK) == MM_NOCACHE;
    return VALID | ACCESSED | (uncached ? WRITE_THROUGH | CACHE_DISABLE : 0) |
           (copy                       ? COPY_ON_WRITE
            : MiIsWritable(protection) ? WRITE
                                       : 0);
}

/// Each MM_PROTECTION in the processor's form.
struct PTE_MASKS {
    ULONG Bits[MM_PROTECTION_MASK + 1];
};
constexpr PTE_MASKS MmProtectToPteMask = [] {
    PTE_MASKS masks = {};
    for (ULONG protection = 0; protection <= MM_PROTECTION_MASK; protection++)
        masks.Bits[protection] = BitsOf(protection);
    return masks;
}();

} // namespace

ULONG MiWsIndexOf(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MiPfnElement(frame)->u1.WsIndex;
}

bool MiMayTakePage() {
    const PFN_NUMBER left = MiMemoryThresholds.Minimum;
    return MmAvailablePages >= (left ? left : 1);
}

MMPTE MiMakeValidPte(PFN_NUMBER frame, ULONG protection, const MMPTE* pte) {
    const bool user = pte < MiGetPteAddress(reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START));
    const ULONG bits = MmProtectToPteMask.Bits[protection & MM_PROTECTION_MASK];
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
