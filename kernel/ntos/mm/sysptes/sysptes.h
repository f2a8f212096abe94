// System PTEs: a part of system space whose pages are handed out in runs, to map whatever must be seen at an address.
//
// Kernel stacks, device registers, buffers of drivers: each takes a run of page table entries, fills them, and gives the
// run back. A free run describes itself: its first entry holds the index of the next free run, its second the run's
// length (a run of one entry has a bit for it).
//
//     FirstFree --> [ next | - ] [ length ] ...      --> [ next | One ]      --> [ none | - ] [ length ] ...
//                    a free run                 in use    one free entry  in use
//
// Invariants, checked by MiCheckSystemPtes: free runs are in the order of their addresses; between two of them lies at
// least one entry in use (neighbours have become one run); TotalFree is the sum of their lengths. Every entry of a free
// run is invalid, so its page faults; entries behind the second are 0.
// Lock: SystemSpaceLock, the queued lock LockQueueSystemSpaceLock. IRQL: DISPATCH_LEVEL while held.
// In the books: "system page table entries". POL-03
#pragma once

#include "mm/i386/pte.h"
#include "nt/types.h"

/// The entries of one region.
struct MI_SYSTEM_PTES {
    MMPTE* Base;     ///< entry with index 0
    ULONG Count;     ///< entries of the region, fewer than MM_EMPTY_PTE_LIST
    ULONG FirstFree; ///< index of the first free run; MM_EMPTY_PTE_LIST: none
    ULONG TotalFree; ///< free entries
};

/// Makes all entries one free run. @param base page tables that exist; what they hold is overwritten. @param count 1 or more
void MiInitializeSystemPtes(MI_SYSTEM_PTES* region, MMPTE* base, ULONG count);
/// Takes a run out of the lowest free run that has room for it.
/// @param count entries, 1 or more. @param alignment the run's address is a multiple of so many pages; a power of two, 1: any.
/// @returns the run's first entry, all entries 0; nullptr: no free run has room.
MMPTE* MiReserveSystemPtes(MI_SYSTEM_PTES* region, ULONG count, ULONG alignment);
/// Gives a run back, or a part of one. The caller has taken its pages out of every processor's TLB. Entries that are not in
/// use are a bugcheck (SYSTEM_PTE_MISUSE): 1 if not all are of the region or there are none, 2 if one of them is free.
void MiReleaseSystemPtes(MI_SYSTEM_PTES* region, MMPTE* first, ULONG count);
/// Checked builds and tests: the invariants above. @returns whether all hold.
bool MiCheckSystemPtes(const MI_SYSTEM_PTES* region);
