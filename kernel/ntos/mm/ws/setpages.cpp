// Page tables and pages behind a working set: pages of its list, accessed bits, and whether all agree.
//
// The accessed bit is cleared without a flush: a processor that remembers the page goes on using it unnoticed until it forgets it,
// which the next change of address spaces makes sure of. A page that is used all the time may look unused once; it costs a
// soft fault at worst.
// Locks, IRQL: see setpages.h. In the books: "working sets". PFN-11, PFN-12, PFN-13
#include "mm/ws/setpages.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/pfn/pageaccess.h"

bool MiMapListPage(MMSUPPORT*, PVOID address) {
    MMPTE* const pte = MiGetPteAddress(address);
    PFN_NUMBER frame;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        if (!MiMayTakePage()) return false;
        frame = MiRemoveAnyPage(); // pages that are zeros already are for programs
        MiInitializePfn(frame, pte, true);
    }
    MiZeroPhysicalPage(frame);
    pte->Long = MiMakeValidPte(frame, MM_READWRITE, pte).Long;
    return true;
}

void MiUnmapListPage(MMSUPPORT*, PVOID address) {
    MMPTE* const pte = MiGetPteAddress(address);
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
    pte->Long = 0;
    KeFlushSingleTb(address, TRUE);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiDeletePfn(frame);
}

bool MiTestAndClearAccessed(MMSUPPORT*, ULONG vpn) {
    constexpr MMPTE accessed = {.Hard = {.Accessed = 1}};
    MMPTE* const pte = MiPteOfVpn(vpn);
    if (!pte->Hard.Accessed) return false;
    __atomic_and_fetch(&pte->Long, ~accessed.Long, __ATOMIC_SEQ_CST); // the processor sets bits meanwhile
    return true;
}

void MiSetWsIndex(MMSUPPORT*, ULONG vpn, ULONG index) {
    const PFN_NUMBER frame = MiPteOfVpn(vpn)->Hard.PageFrameNumber;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiPfnElement(frame)->u1.WsIndex = index;
}

ULONG MiEmptyWorkingSet(MMSUPPORT* workingSet) {
    const nt::FastMutexGuard guard(workingSet->WorkingSetMutex);
    MMWSL* const list = workingSet->VmWorkingSetList;
    ULONG taken = 0;
    for (ULONG index = list->FirstDynamic; index <= list->LastEntry; index++) {
        const auto entry = list->Wsle[index].e1;
        if (!entry.Valid || !workingSet->Calls->RemovePage(workingSet, entry.VirtualPageNumber)) continue;
        MiReleaseWsle(workingSet, index);
        taken++;
    }
    return taken;
}

namespace {

/// @returns what page table or page of a valid entry does not agree with it; nullptr if all does.
PCSTR CheckEntry(const MMWSL* list, ULONG index) {
    const auto& entry = list->Wsle[index].e1;
    MMPTE* const address = MiPteOfVpn(entry.VirtualPageNumber);
    PVOID const page = MiGetVirtualAddressMappedByPte(address);
    if (!MiGetPdeAddress(page)->Hard.Valid) return "an entry's page has no page table";
    const MMPTE pte = *address;
    if (!pte.Hard.Valid) return "an entry's page is not valid";
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPFN* const pfn = MiPfnElement(pte.Hard.PageFrameNumber);
    if (pfn->e1.PageLocation != ActiveAndValid) return "an entry's page is not active";
    if (!pte.Hard.Prototype && pfn->PteAddress != address) return "a private page has another PTE";
    return bool(entry.Direct) == (pfn->u1.WsIndex == index) || pte.Hard.Prototype ? nullptr
                                                                                  : "Direct and WsIndex do not agree";
}

} // namespace

PCSTR MiCheckWorkingSetPages(MMSUPPORT* workingSet) {
    const nt::FastMutexGuard guard(workingSet->WorkingSetMutex);
    const MMWSL* const list = workingSet->VmWorkingSetList;
    PCSTR broken = MiCheckWorkingSet(workingSet);
    for (ULONG index = 0; !broken && index <= list->LastEntry; index++) {
        if (list->Wsle[index].e1.Valid) broken = CheckEntry(list, index);
    }
    return broken;
}
