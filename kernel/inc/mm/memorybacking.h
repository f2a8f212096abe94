// A backing whose pages lie in memory: a file that the loader brought, or a block of the pool.
//
// A transfer is a copy, done when Start returns. The memory is the owner's and stays until the backing is not used any more.
// Locks: none. IRQL: <= DISPATCH_LEVEL. PFN-15, POL-08
#pragma once

#include "mm/backing.h"

/// Memory of a caller as a backing.
/// shared: all fields are fixed; the bytes at Data belong to the transfers that run
struct MM_MEMORY_BACKING {
    MM_BACKING Backing;
    UCHAR* Data;
    ULONG Length;     ///< in bytes; the last page need not be a whole one
    BOOLEAN ReadOnly; ///< writes end with STATUS_MEDIA_WRITE_PROTECTED
};

extern "C" {
/// Makes a backing of `Length` bytes of non-paged memory. One reference is the caller's. @irql any
NTKERNELAPI void NTAPI MmInitializeMemoryBacking(MM_MEMORY_BACKING* MemoryBacking, PVOID Data, ULONG Length,
                                                 BOOLEAN ReadOnly);
}
