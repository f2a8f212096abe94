// Page faults, as the rest of the kernel sees them: how they are counted, and stacks that grow by them.
//
// Locks: counters are interlocked. In the books: "page fault handling", "user stacks". MEM-05, ERR-10
#pragma once

#include "nt/types.h"
#include "ntstatus.h"

/// Page faults since boot, by kind.
/// shared: each counter by interlocked operations
struct MMINFO_COUNTERS {
    volatile LONG PageFaultCount;  ///< all, those that ended as exceptions too
    volatile LONG DemandZeroCount; ///< pages of zeros that were given out
    volatile LONG TransitionCount; ///< soft faults
    volatile LONG CopyOnWriteCount;
    volatile LONG PrototypeCount;  ///< pages of sections that were mapped
    volatile LONG PageReadCount;   ///< pages that were read
    volatile LONG PageReadIoCount; ///< reads
    volatile LONG GuardPageCount;
};

extern "C" {
NTKERNELAPI extern MMINFO_COUNTERS MmInfoCounters;

/// Makes a user stack in the current process: a range that is reserved, with committed pages at its upper end and a guard page
/// below them. The first use of the guard page commits the page below it as the next one; the range's lowest page is never
/// used. @param Reserve, Commit in bytes, rounded up to pages; 0: 1 MB, and one page. @param StackBase receives the address
/// behind its highest byte. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: Reserve has no room for Commit and two pages
/// more; STATUS_NO_MEMORY; STATUS_COMMITMENT_LIMIT; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmCreateUserStack(SIZE_T Reserve, SIZE_T Commit, PVOID* StackBase);
/// Makes a range of the current process, which a program has allocated, a user stack that grows as above. @param Base where the range
/// begins; of another address nothing happens. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI MmMarkUserStack(PVOID Base);
/// Takes every page that may go out of the current process's working set. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI MmEmptyWorkingSet();
/// Lets all working sets age, and trims them while memory is short. One thread at a time. @param Age whether a second has passed.
/// @returns pages that were taken out. @irql PASSIVE_LEVEL
NTKERNELAPI ULONG NTAPI MmWorkingSetManager(BOOLEAN Age);
/// Checks the working set of the current process: its list, and that list, page table and pages agree.
/// @returns what is broken, in words; nullptr if nothing is. @irql PASSIVE_LEVEL
NTKERNELAPI PCSTR NTAPI MmCheckWorkingSet();
}
