// Pages of images: the loader's become the system working set's; they are locked there while the section is.
//
// The loader's pages have no PTE in the page frame number database, so they never leave. An entered page has, and differs from what is
// on a page file: it is written before it leaves for the first time, also where nothing ever writes to it.
// Locks: the system's WorkingSetMutex, then MmPfnLock. IRQL: <= APC_LEVEL. In the books: "system working sets". PFN-12
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/pageable/pageable.h"
#include "mm/pfn/pageaccess.h"
#include "mm/vad/pagestate.h"
#include "mm/ws/setpages.h"
#include "mm/ws/systemset.h"

namespace {

PVOID AddressOf(ULONG vpn) { return reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT); }

/// Whether a page that is valid is the loader's still.
bool IsLoaders(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return !MiPfnElement(frame)->PteAddress;
}

void GivePte(PFN_NUMBER frame, MMPTE* pte, ULONG protection, ULONG index) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.Modified && pfn->u2.ShareCount == 1);
    pfn->PteAddress = pte;
    pfn->OriginalPte = MiDemandZeroPte(protection);
    pfn->u4.PteFrame = MiFrameOfPte(pte);
    pfn->u1.WsIndex = index;
    MiIncrementShareCount(pfn->u4.PteFrame);
}

/// @returns false: there is no room for an entry.
bool Enter(ULONG vpn, ULONG protection) {
    const nt::FastMutexGuard guard(MmSystemCacheWs.WorkingSetMutex);
    MMPTE* const pte = MiPteOfVpn(vpn);
    const MMPTE old = *pte;
    if (!old.Hard.Valid || !IsLoaders(old.Hard.PageFrameNumber)) return true; // it has entered before
    const PFN_NUMBER frame = old.Hard.PageFrameNumber;
    const ULONG index = MiAllocateWsle(&MmSystemCacheWs, vpn, protection, true);
    if (index == WSLE_NULL_INDEX) return false;
    GivePte(frame, pte, protection, index);
    pte->Long = MiMakeValidPte(frame, protection, pte).Long; // not global: ageing looks at its accessed bit
    KeFlushSingleTb(AddressOf(vpn), TRUE);
    return true;
}

/// @returns the page's entry; WSLE_NULL_INDEX: it is the loader's still. The mutex is held, and the page valid.
ULONG IndexOf(ULONG vpn) {
    const PFN_NUMBER frame = MiPteOfVpn(vpn)->Hard.PageFrameNumber;
    return MiLocateWsle(MmSystemCacheWs.VmWorkingSetList, vpn, MiWsIndexOf(frame));
}

/// @returns false: the page has left, touch it again.
bool TryToLock(ULONG vpn) {
    const nt::FastMutexGuard guard(MmSystemCacheWs.WorkingSetMutex);
    if (!MiPteOfVpn(vpn)->Hard.Valid) return false;
    if (const ULONG index = IndexOf(vpn); index != WSLE_NULL_INDEX)
        (void)MiLockWsle(&MmSystemCacheWs, index, MI_WSLE_LOCK::InMemory);
    return true;
}

void Unlock(ULONG vpn) {
    const nt::FastMutexGuard guard(MmSystemCacheWs.WorkingSetMutex);
    const ULONG index = IndexOf(vpn);
    if (index == WSLE_NULL_INDEX || !MmSystemCacheWs.VmWorkingSetList->Wsle[index].e1.LockedInMemory) return;
    (void)MiUnlockWsle(&MmSystemCacheWs, index, MI_WSLE_LOCK::InMemory);
}

} // namespace

void MiEnterImageSection(const MI_IMAGE_SECTION& section) {
    for (ULONG vpn = section.FirstVpn; vpn <= section.LastVpn; vpn++)
        if (!Enter(vpn, section.Protection)) return;
}

void MiLockImagePages(const MI_IMAGE_SECTION& section) {
    for (ULONG vpn = section.FirstVpn; vpn <= section.LastVpn; vpn++) {
        do {
            (void)*static_cast<const volatile UCHAR*>(AddressOf(vpn)); // a fault brings it
        } while (!TryToLock(vpn));
    }
}

void MiUnlockImagePages(const MI_IMAGE_SECTION& section) {
    for (ULONG vpn = section.FirstVpn; vpn <= section.LastVpn; vpn++)
        Unlock(vpn);
}
