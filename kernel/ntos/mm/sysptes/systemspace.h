// The region of system PTEs: which of its runs are in use, behind their lock; and what the runs are used for.
//
// Lock: MiSystemSpaceLock. Under it nothing is acquired. IRQL: <= DISPATCH_LEVEL.
// In the books: "system page table entries". POL-03
#pragma once

#include "ke/queuedlock.h"
#include "mm/sysptes/sysptes.h"

#define MiSystemSpaceLock KiQueuedSpinLock[LockQueueSystemSpaceLock]

extern MI_SYSTEM_PTES MiSystemPtes GUARDED_BY(MiSystemSpaceLock);

/// Phase 0: the whole region is free. Its page tables exist.
void MiInitializeSystemSpace();
/// Takes a run of entries, all 0. @param pages 1 or more. @returns the first one; nullptr: there is no room.
MMPTE* MiReserveSystemSpace(ULONG pages);
/// Gives a run back whose entries are 0, or which no processor has used: every TLB has forgotten it.
void MiReleaseSystemSpace(MMPTE* first, ULONG pages);
/// Makes entries 0 and has every processor forget what they mapped.
void MiUnmapSystemRun(MMPTE* first, ULONG pages);
