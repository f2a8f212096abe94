// How large the regions of system space are on a machine with so much memory.
//
// A pure function of the amount of memory: the same machine has the same layout each time. Phase 0 computes it once, and
// the variables of mm/layout.h hold it from then on.
// In the books: "system virtual address space", "system memory pools: sizes". MEM-01, MEM-02
#pragma once

#include "mm/layout.h"

/// Ends of the regions whose size depends on the memory. An End is the byte behind, so it is at least the Start.
struct MI_LAYOUT {
    ULONG_PTR PfnDatabaseEnd;
    ULONG_PTR NonPagedPoolStart;
    ULONG_PTR NonPagedPoolExpansionStart; ///< the pages before it are mapped from the start
    ULONG_PTR NonPagedPoolEnd;
    ULONG_PTR PagedPoolEnd;
    ULONG_PTR SystemPteEnd;
};

/// @param pages of RAM that are used. @param highestPage number of the last one, below MM_PAGE_LIMIT.
MI_LAYOUT MiComputeLayout(PFN_NUMBER pages, PFN_NUMBER highestPage);

struct LOADER_PARAMETER_BLOCK;
/// Computes the layout of this machine and fills in the variables and the table. @returns it. @irql any, phase 0
const MI_LAYOUT& MiInitializeLayout(const LOADER_PARAMETER_BLOCK& block);
