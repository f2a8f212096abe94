// The protection of a private page that is there, and another one for it.
//
// Where the protection is kept: of a valid entry in the page's OriginalPte (the processor's form has no room), of others in the entry
// itself. The processor's form knows no guard page and no page without access: such a page leaves the working set, so
// that its next use faults.
// Locks, IRQL: see fault.h. In the books: "protecting memory". MEM-04, POL-06
#include "ke/ipi.h"
#include "mm/fault/fault.h"
#include "mm/protect.h"
#include "mm/ws/wsl.h"

namespace {

ULONG OriginalProtection(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MiPfnElement(frame)->OriginalPte.Soft.Protection;
}

/// @returns the page's WsIndex.
ULONG SetOriginalProtection(PFN_NUMBER frame, ULONG protection) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MMPFN* const pfn = MiPfnElement(frame);
    pfn->OriginalPte.Soft.Protection = protection;
    return pfn->u1.WsIndex;
}

/// A page that goes on being used, in another way. The dirty bit of before is not lost.
void ChangeValid(MMPTE* pte, ULONG protection) {
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
    const MMPTE old = {
        .Long = __atomic_exchange_n(&pte->Long, MiMakeValidPte(frame, protection, pte).Long, __ATOMIC_SEQ_CST)};
    KeFlushSingleTb(MiGetVirtualAddressMappedByPte(pte), TRUE);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiCaptureDirtyBit(frame, old);
}

void ProtectValid(MM_ADDRESS_SPACE& space, MMPTE* pte, ULONG protection) {
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(MiGetVirtualAddressMappedByPte(pte)) >> PAGE_SHIFT);
    const ULONG hint = SetOriginalProtection(pte->Hard.PageFrameNumber, protection);
    if (MiMayBeValid(protection)) return ChangeValid(pte, protection);
    MiReleaseLockedWsle(&space.Vm, MiLocateWsle(space.Vm.VmWorkingSetList, vpn, hint));
    MiTrimPte(pte, protection);
}

/// Not valid: until the lock is held the page may be taken for another use, which changes the entry.
void ProtectInvalid(MMPTE* pte, ULONG protection) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MMPTE changed = *pte;
    if (MiPteKind(changed) == MI_PTE_KIND::Transition)
        MiPfnElement(changed.Trans.PageFrameNumber)->OriginalPte.Soft.Protection = protection;
    changed.Soft.Protection = protection; // its place is the same in all forms
    pte->Long = changed.Long;
}

bool IsPrototype(MMPTE pte) {
    return MiPteKind(pte) == MI_PTE_KIND::Prototype || (pte.Hard.Valid && pte.Hard.Prototype);
}

} // namespace

ULONG MiPteProtection(MM_ADDRESS_SPACE& space, const MMPTE* pte) {
    const MMPTE now = *pte;
    if (IsPrototype(now)) return MiProtoPteProtection(space, pte);
    return now.Hard.Valid ? OriginalProtection(now.Hard.PageFrameNumber) : now.Soft.Protection;
}

void MiProtectPte(MM_ADDRESS_SPACE& space, MMPTE* pte, ULONG protection) {
    if (IsPrototype(*pte)) return MiSetProtoPteProtection(space, pte, protection);
    if (pte->Hard.Valid) return ProtectValid(space, pte, protection);
    ProtectInvalid(pte, protection);
}
