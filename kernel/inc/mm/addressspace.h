// What the memory manager keeps of each process: its ranges, its working set, what it is charged for. EPROCESS holds one.
//
// Locks, in the order in which they are taken: AddressCreationLock (which ranges there are: the VAD tree), then
// Vm.WorkingSetMutex (the page tables of the user's half and the working set list), then MmPfnLock. A page fault takes the
// second and third only.
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
    ULONG Claim;             ///< pages that it could do without, as ageing estimates
    ULONG WorkingSetSize;
    FAST_MUTEX WorkingSetMutex;
};

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
    BOOLEAN Deleted; ///< it is being deleted: no range can be made any more
};
