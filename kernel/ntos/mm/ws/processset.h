// The working set of a process, on its page tables and the page frame number database.
//
// The list lies in the process's hyperspace, so it is there only while the address space is the current one. Its first page is made
// with the process; the others come and go with the list's length.
//
//     C0400000  hash table, up to 1 MB          C0501000  MMWSL, then entries, up to one for each page of the user's half
//
// Locks: WorkingSetMutex. IRQL: APC_LEVEL. In the books: "working sets", "hyperspace". PFN-11, PFN-13
#pragma once

#include "mm/addressspace.h"
#include "mm/ws/wsl.h"

/// What a process's working set asks of page tables and pages.
extern const MI_WORKING_SET_CALLS MiProcessWorkingSetCalls;

/// Makes the empty working set of the current address space, on the page of zeros at MM_WORKING_SET_LIST, and puts it on the working set
/// manager's list. @irql PASSIVE_LEVEL
void MiCreateProcessWorkingSet(MM_ADDRESS_SPACE& space);
/// Takes it off that list, and frees the pages of the list but the first. Pre: the working set is empty. @irql PASSIVE_LEVEL
void MiDeleteProcessWorkingSet(MM_ADDRESS_SPACE& space);
