// What lies behind the pages of the paged pool: promised when they are allocated, there from their first use on, given back wherever
// they are.
//
//     free 0 --allocated--> demand zero --first use--> valid <--> transition <--> on a page file --freed--> 0
//
// Lock: the system's WorkingSetMutex, for entries that hold a page. IRQL: <= APC_LEVEL.
// In the books: "paged pool". POL-02, PFN-12
#include "ke.h"
#include "ke/flushtb.h"
#include "mm/charge.h"
#include "mm/fault/fault.h"
#include "mm/mi.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pool/mipool.h"
#include "mm/vad/pagestate.h"
#include "mm/ws/systemset.h"
#include "mm/ws/wsl.h"

namespace {

UCHAR* PageAt(PVOID address, ULONG page) { return static_cast<UCHAR*>(address) + SIZE_T(page) * PAGE_SIZE; }
ULONG VpnOf(PVOID address) { return ULONG(reinterpret_cast<ULONG_PTR>(address) >> PAGE_SHIFT); }

/// Pages whose entries are gone, until no processor knows them.
struct GONE {
    KTB_FLUSH_LIST Flush;
    PFN_NUMBER Frames[FLUSH_MULTIPLE_MAXIMUM];

    void Free() {
        const ULONG count = Flush.Count;
        KeFlushMultipleTb(&Flush, nullptr);
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        for (ULONG i = 0; i < count; i++)
            MiDeletePfn(Frames[i]);
    }
};

/// Deletes an entry that is not valid. The page may be taken for another use until the lock is held, which changes the entry.
void DeleteInvalid(MMPTE* pte) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPTE old = *pte;
    pte->Long = 0;
    if (MiPteKind(old) == MI_PTE_KIND::Transition) return MiDeletePfn(old.Trans.PageFrameNumber);
    if (MiPteKind(old) == MI_PTE_KIND::PageFile) MiReleasePageOfPageFile(old);
}

/// Deletes the entry of a page. @param gone receives the page, if it is valid.
void DeleteEntry(PVOID page, GONE& gone) {
    (void)MiIsPdeValid(page);
    MMPTE* const pte = MiGetPteAddress(page);
    const MMPTE old = *pte;
    if (!old.Hard.Valid) return DeleteInvalid(pte);
    const PFN_NUMBER frame = old.Hard.PageFrameNumber;
    const ULONG index = MiLocateWsle(MmSystemCacheWs.VmWorkingSetList, VpnOf(page), MiWsIndexOf(frame));
    NT_ASSERT(index != WSLE_NULL_INDEX);
    MiReleaseLockedWsle(&MmSystemCacheWs, index);
    pte->Long = 0;
    gone.Frames[gone.Flush.Count] = frame;
    gone.Flush.Add(page);
    if (gone.Flush.Count == FLUSH_MULTIPLE_MAXIMUM) gone.Free();
}

} // namespace

bool MiPromisePagedPages(PVOID address, ULONG pages) {
    if (!NT_SUCCESS(MiChargeCommitment(pages, nullptr))) return false;
    for (ULONG page = 0; page < pages; page++) {
        PVOID const at = PageAt(address, page);
        (void)MiIsPdeValid(at); // this process may not know the table yet
        MiGetPteAddress(at)->Long = MiDemandZeroPte(MM_READWRITE).Long;
    }
    return true;
}

void MiDeletePagedPages(PVOID address, ULONG pages) {
    {
        GONE gone;
        gone.Flush.Count = 0;
        const nt::FastMutexGuard guard(MmSystemCacheWs.WorkingSetMutex);
        for (ULONG page = 0; page < pages; page++)
            DeleteEntry(PageAt(address, page), gone);
        if (gone.Flush.Count != 0) gone.Free();
    }
    MiReturnCommitment(pages, nullptr);
}
