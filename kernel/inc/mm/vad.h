// A virtual address descriptor: one range of a process's user space that is in use, and for what.
//
// A VAD is a node of the process's tree of ranges (MM_ADDRESS_SPACE::VadRoot), and stands for pages that were reserved or
// mapped at once. What must hold of the tree, and its routines: ntos/mm/vad/vad.h.
// Lock: MM_ADDRESS_SPACE::AddressCreationLock. IRQL: APC_LEVEL while held.
// In the books: "virtual address descriptors". POL-06
#pragma once

#include "mm/addressspace.h"
#include "mm/i386/pte.h"
#include "nt/types.h"

/// What a range was made by, MMVAD_FLAGS::VadType.
enum MI_VAD_TYPE : ULONG {
    VadNone = 0, ///< private memory, or a view of data
    VadDevicePhysicalMemory = 1,
    VadImageMap = 2, ///< a view of an image
    VadAwe = 3,
    VadWriteWatch = 4,
    VadLargePages = 5,
    VadRotatePhysical = 6,
    VadUserStack = 7, ///< private memory that grows at its guard page
};

/// What is true of a whole range.
struct MMVAD_FLAGS {
    ULONG CommitCharge : 19; ///< pages that are charged for it; MM_MAX_COMMIT: charged elsewhere
    ULONG NoChange : 1;      ///< neither free nor change its protection
    ULONG VadType : 3;
    ULONG MemCommit : 1; ///< pages whose PTE is 0 are committed
    ULONG Protection : 5;
    ULONG PrivateMemory : 1;
    ULONG ViewUnmap : 1; ///< a section's views inherit: shared with a child
    ULONG LockedRange : 1;
};
constexpr ULONG MM_MAX_COMMIT = 0x7FFFF;

struct CONTROL_AREA;

/// A range of a process. A private one ends after Flags; the rest belongs to views of sections.
struct MMVAD {
    MMADDRESS_NODE Node;
    MMVAD_FLAGS Flags;
    CONTROL_AREA* ControlArea;
    MMPTE* FirstPrototypePte; ///< of the range's first page
    MMPTE* LastContiguousPte; ///< the last one that lies in a row with it
};
using PMMVAD = MMVAD*;
