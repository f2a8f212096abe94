// The working set of the system, on its page tables and the page frame number database.
//
// The list lies in system space, so it is there in each address space: the working set manager need not attach to reach it.
//
//     C0C00000  MMWSL, then entries, up to one for each page of system space that may be pageable
//     C0F00000  hash table, up to 1 MB
//
// Locks: WorkingSetMutex. IRQL: APC_LEVEL. In the books: "system working sets". PFN-11, PFN-12
#pragma once

#include "mm/systemset.h"

/// Phase 0: makes the empty working set of the system. @returns false: memory is short.
bool MiCreateSystemWorkingSet();
/// Phase 1: puts it on the working set manager's list.
void MiLinkSystemWorkingSet();
