// What the memory manager keeps of each process: its ranges, its working set, what it is charged for. EPROCESS holds one.
//
// Locks, in the order in which they are taken: AddressCreationLock (which ranges there are: the VAD tree), then
// Vm.WorkingSetMutex (the page tables of the user's half and the working set list), then MmPfnLock. A page fault takes the
// second and third only.
// Vm.Flags change under LockQueueExpansionLock.
// IRQL: APC_LEVEL while one of the first two is held; a page fault at DISPATCH_LEVEL is a bugcheck.
// In the books: "virtual address descriptors", "working sets". POL-06, PFN-11, PFN-13
#pragma once

#include "ex/fastmutex.h"
#include "nt/list.h"
#include "nt/types.h"

/// One node of a tree of ranges of page numbers.
struct MMADDRESS_NODE {
    MMADDRESS_NODE* Parent;
    MMADDRESS_NODE* LeftChild;  ///< the ranges below
    MMADDRESS_NODE* RightChild; ///< the ranges above
    ULONG StartingVpn;          ///< number of its first page
    ULONG EndingVpn;            ///< number of its last page
    LONG Balance;               ///< -1, 0 or 1: the right subtree's height less the left one's
};

/// A tree of ranges.
struct MM_AVL_TABLE {
    MMADDRESS_NODE* Root; ///< nullptr: there is none
    ULONG NumberOfNodes;
    MMADDRESS_NODE* NodeHint; ///< found last; may be nullptr
};

struct MMWSL;
struct MI_WORKING_SET_CALLS;

/// What is true of a working set.
struct MMSUPPORT_FLAGS {
    ULONG BeingTrimmed : 1;
    ULONG SystemWorkingSet : 1; ///< not a process's
    ULONG TrimHard : 1;         ///< memory is short: pages that were used lately go, too
    ULONG MaximumWorkingSetHard : 1;
    ULONG MinimumWorkingSetHard : 1;
    ULONG ForceTrim : 1;
    ULONG Linked : 1; ///< on MmWorkingSetExpansionHead
};

/// A working set: the pages that a process, or the system's pageable part, has in memory for its own use. Sizes in pages.
struct MMSUPPORT {
    LIST_ENTRY WorkingSetExpansionLinks; ///< on MmWorkingSetExpansionHead, under its lock
    ULONG LastTrimTime;                  ///< in seconds since boot
    MMSUPPORT_FLAGS Flags;
    ULONG PageFaultCount;
    ULONG PeakWorkingSetSize;
    ULONG GrowthSinceLastEstimate;
    ULONG MinimumWorkingSetSize;
    ULONG MaximumWorkingSetSize;
    MMWSL* VmWorkingSetList; ///< in hyperspace; valid in its own address space only (the system's: everywhere)
    const MI_WORKING_SET_CALLS* Calls; ///< what it asks of page tables and pages (ws/wsl.h)
    ULONG Claim;                       ///< pages that it could do without, as ageing estimates
    ULONG WorkingSetSize;
    FAST_MUTEX WorkingSetMutex;
};

constexpr ULONG MM_MINIMUM_WORKING_SET = 50; ///< pages, of a process that asked for no other limits (documented values)
constexpr ULONG MM_MAXIMUM_WORKING_SET = 345;

/// A process's address space.
struct MM_ADDRESS_SPACE {
    FAST_MUTEX AddressCreationLock;
    MM_AVL_TABLE VadRoot; ///< MMVAD; under AddressCreationLock
    MMSUPPORT Vm;
    PFN_NUMBER DirectoryFrame;  ///< of its page directory
    volatile LONG CommitCharge; ///< pages that it has committed; interlocked
    ULONG CommitChargeLimit;    ///< 0: none but the system's
    volatile LONG CommitChargePeak;
    SIZE_T VirtualSize; ///< bytes of all its ranges
    SIZE_T PeakVirtualSize;
    ULONG NumberOfLockedPages;
    ULONG NumberOfPrivatePages;
    USHORT UsedPageTableEntries
        [512];       ///< of each page table of the user's half: entries that are not 0; under WorkingSetMutex
    BOOLEAN Deleted; ///< it is being deleted: no range can be made any more
};

extern "C" {
/// Makes an address space without ranges, and an empty working set with the usual limits.
/// @param DirectoryTableBase physical address of its page directory. @irql any
NTKERNELAPI void NTAPI MmInitializeAddressSpace(MM_ADDRESS_SPACE* AddressSpace, ULONG_PTR DirectoryTableBase);
}
