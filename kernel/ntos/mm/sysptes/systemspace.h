// The region of system PTEs: which of its runs are in use, behind their lock; and what the runs are used for.
//
// Lock: MiSystemSpaceLock. Under it nothing is acquired. IRQL: <= DISPATCH_LEVEL.
// In the books: "system page table entries". POL-03
#pragma once

#include "ke/queuedlock.h"
#include "mm/mi.h"
#include "mm/sysptes/sysptes.h"

#define MiSystemSpaceLock KiQueuedSpinLock[LockQueueSystemSpaceLock]

extern MI_SYSTEM_PTES MiSystemPtes GUARDED_BY(MiSystemSpaceLock);

/// Phase 0: the whole region is free. Its page tables exist.
void MiInitializeSystemSpace();
/// Takes a run of entries, all 0. @param pages 1 or more. @returns the first one; nullptr: there is no room.
MMPTE* MiReserveSystemSpace(ULONG pages);
/// Gives a run back whose entries are 0, or which no processor has used: every TLB has forgotten it.
void MiReleaseSystemSpace(MMPTE* first, ULONG pages);
/// Maps pages that stay where they are. @param frameOf gives the frame of each, by its number from 0. @returns the address of
/// the first; nullptr: there is no room.
template <typename FRAME_OF> PVOID MiMapInSystemSpace(ULONG pages, MEMORY_CACHING_TYPE cacheType, FRAME_OF frameOf) {
    MMPTE* const run = MiReserveSystemSpace(pages);
    if (!run) return nullptr;
    for (ULONG i = 0; i < pages; i++) {
        MMPTE pte = MiKernelPte(frameOf(i));
        pte.Hard.CacheDisable = pte.Hard.WriteThrough = cacheType != MmCached;
        run[i].Long = pte.Long;
    }
    return MiGetVirtualAddressMappedByPte(run);
}
/// Ends such a mapping: every processor forgets it, and the run is free. The pages are the caller's.
/// @param address in its first page
void MiUnmapInSystemSpace(PVOID address, ULONG pages);
