// The system's working set: the pages of paged pool and of pageable sections of images that are in memory.
//
// They age and leave memory as those of processes do. A page of it may be used below DISPATCH_LEVEL only, with interrupts on: the use
// may have to wait for a page file.
// Locks: MMSUPPORT::WorkingSetMutex, after that of a process. In the books: "system working sets". PFN-11, PFN-12
#pragma once

#include "mm/addressspace.h"

constexpr ULONG MM_SYSTEM_MINIMUM_WORKING_SET = 4; ///< pages that trimming leaves

extern "C" {
NTKERNELAPI extern MMSUPPORT MmSystemCacheWs;

/// Takes every page that may go out of the system's working set. @returns how many went. @irql <= APC_LEVEL
NTKERNELAPI ULONG NTAPI MmEmptySystemWorkingSet();
/// Checks the system's working set: its list, and that list, page tables and pages agree. @returns what is broken, in words; nullptr
/// if nothing is. @irql <= APC_LEVEL
NTKERNELAPI PCSTR NTAPI MmCheckSystemWorkingSet();
}
