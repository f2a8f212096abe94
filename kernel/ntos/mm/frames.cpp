// Pages of the system's own, by their numbers: stacks, page tables, pools. The page frame number database gives them.
#include "ex/inject.h"
#include "mm/mi.h"
#include "mm/pfn/pfn.h"

constinit KSPIN_LOCK MiPageLock = {};

void MiInitializeFrames(const LOADER_PARAMETER_BLOCK* loaderBlock) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MmPfnDatabase = reinterpret_cast<MMPFN*>(MM_PFN_DATABASE);
    MiInitializePfnDatabase(loaderBlock);
}

void MiClaimFrames(PFN_NUMBER frame, ULONG pages) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    for (ULONG i = 0; i < pages; i++)
        MiClaimFreePage(frame + i);
}

PFN_NUMBER MiAllocateFrame() {
    if (ExInjectFailure(EX_ALLOCATION::Page)) return 0;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER frame = MiRemoveAnyPage();
    if (frame == MM_EMPTY_LIST) return 0;
    MiInitializeSystemPfn(frame);
    return frame;
}

void MiFreeFrame(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiDeletePfn(frame);
}

ULONG NTAPI MmQueryFreePages() { return MmAvailablePages; }

PCSTR NTAPI MmCheckPageFrames() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MiCheckPfnDatabase().Broken;
}
