// Deleting entries: what they hold is given back.
//
// Locks, IRQL: see fault.h. In the books: "freeing memory", "page list dynamics". MEM-04, PFN-08, POL-06
#include "ke/flushtb.h"
#include "mm/fault/deletepage.h"
#include "mm/fault/fault.h"
#include "mm/mi.h"
#include "mm/pfn/pageaccess.h"
#include "mm/ws/wsl.h"

namespace {

/// The page leaves the working set, whatever held it there.
void ReleaseEntry(MMSUPPORT* workingSet, ULONG vpn, PFN_NUMBER frame) {
    const ULONG index = MiLocateWsle(workingSet->VmWorkingSetList, vpn, MiWsIndexOf(frame));
    NT_ASSERT(index != WSLE_NULL_INDEX);
    MiReleaseLockedWsle(workingSet, index);
}

/// Deletes an entry that is not valid. The page may be taken for another use until the lock is held, which changes the entry.
void DeleteInvalid(MMPTE* pte, MMPTE after) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPTE old = *pte;
    pte->Long = after.Long;
    switch (MiPteKind(old)) {
    case MI_PTE_KIND::Transition: return MiDeletePfn(old.Trans.PageFrameNumber);
    case MI_PTE_KIND::PageFile: return MiReleasePageOfPageFile(old);
    default: return;
    }
}

} // namespace

void MI_DELETED_PAGES::Add(PVOID address, PFN_NUMBER frame) {
    if (m_count == ROOM) Free();
    if (m_count == 0) m_first = address;
    m_frames[m_count++] = frame;
}

void MI_DELETED_PAGES::Free() {
    if (m_count == 0) return;
    if (m_count == 1) {
        KeFlushSingleTb(m_first, TRUE);
    } else {
        KeFlushProcessTb(KeGetCurrentThread()->ApcState.Process);
    }
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    while (m_count != 0)
        MiDeletePfn(m_frames[--m_count]);
}

void MiDeletePte(MM_ADDRESS_SPACE& space, MMPTE* pte, MMPTE after, MI_DELETED_PAGES& deleted) {
    const MMPTE old = *pte;
    const MI_PTE_KIND kind = MiPteKind(old);
    PVOID const address = MiGetVirtualAddressMappedByPte(pte);
    const bool shared = kind == MI_PTE_KIND::Prototype || (kind == MI_PTE_KIND::Valid && old.Hard.Prototype);
    if (kind == MI_PTE_KIND::Valid)
        ReleaseEntry(&space.Vm, ULONG(reinterpret_cast<ULONG_PTR>(address) >> PAGE_SHIFT), old.Hard.PageFrameNumber);
    if (shared) return MiDeleteProtoPte(pte, after);
    space.NumberOfPrivatePages--;
    if (kind != MI_PTE_KIND::Valid) return DeleteInvalid(pte, after);
    pte->Long = after.Long;
    deleted.Add(address, old.Hard.PageFrameNumber);
}
