// Pages that were written since boot, for tools and tests.
//
// Names of SYSTEM_PERFORMANCE_INFORMATION. In the books: "modified page writer", "performance counters". PFN-16
#pragma once

#include "nt/types.h"

/// Writes since boot.
/// shared: changes by interlocked operations
struct MM_WRITE_COUNTERS {
    volatile LONG DirtyPagesWriteCount;  ///< pages that were written to page files
    volatile LONG DirtyWriteIoCount;     ///< transfers to page files, failed ones too
    volatile LONG MappedPagesWriteCount; ///< pages that were written to mapped files
    volatile LONG MappedWriteIoCount;    ///< transfers to mapped files, failed ones too
    volatile LONG FailureCount;          ///< transfers to page files that failed
    volatile LONG MappedFailureCount;    ///< transfers to mapped files that failed
};

extern "C" {
NTKERNELAPI extern MM_WRITE_COUNTERS MmWriteCounters;
}
