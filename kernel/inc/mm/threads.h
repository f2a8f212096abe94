// The memory manager's own threads: the working set manager, the modified and the mapped page writer; and the swapper, whose body
// is the kernel layer's.
//
// In the books: "system threads": memory manager components. SYS-11, PFN-14, PFN-16
#pragma once

#include "ex/worker.h"

constexpr KPRIORITY MM_WORKING_SET_MANAGER_PRIORITY = 16; ///< documented: the balance set manager's
constexpr KPRIORITY MM_PAGE_WRITER_PRIORITY = 17;         ///< documented

extern "C" {
/// Phase 1: from now on working sets are trimmed while memory is short, and modified pages are written.
/// Pre: MmInitSystemProcess, the one-second thread. @param Source makes threads. @returns FALSE: memory is short.
/// @irql PASSIVE_LEVEL
NTKERNELAPI BOOLEAN NTAPI MmStartPaging(const EX_THREAD_SOURCE* Source);
}
