// Page table entries: the one form that the processor reads, and the software forms in which bit 0 is clear.
//
//        31            12  11    10   9   8 7 6 5 4 3 2 1 0
// valid  | page frame    |  -  |Prot|CoW| G L D A C T O W 1 |    the processor's own; CoW and Prot are ours
//        31            12  11    10   9   5  4    1  0
// paged  | offset in page file| 0 | 0  |protect| file | 0 |    out on a page file; file and offset 0: demand zero, or decommitted
// trans. | page frame    |  1  | 0  |protect| C T O W| 0 |    still in memory, on no working set's behalf
// proto. | address >> 9, the upper 21 | 1 |  R  | address >> 2, the lower 7 | 0 |   look at that prototype PTE
//
// A prototype PTE itself, and the PTE of a private page, take every form but the last; in a prototype PTE of a mapped
// file the form `subsection` (bit 10 set) names the subsection that the page is read from. An entry of 0 has never been
// used: whether its page exists, the VAD tells.
//
// Invariants: the meaning of an entry follows from the entry alone (MiPteKind); nobody else tests its bits one by one.
// In the books: "virtual address translation", "invalid PTEs", "prototype PTEs". MEM-04, MEM-05
#pragma once

#include "nt/types.h"

constexpr ULONG PTE_PER_PAGE = 1024;
constexpr ULONG PDE_PER_PAGE = 1024;
constexpr ULONG PDE_SHIFT = 22; ///< a page directory entry stands for 4 MB

/// An entry that the processor may use.
struct MMPTE_HARDWARE {
    ULONG Valid : 1;
    ULONG Write : 1; ///< writes do not fault (CR0.WP is set: the kernel's do too)
    ULONG Owner : 1; ///< user mode may use it
    ULONG WriteThrough : 1;
    ULONG CacheDisable : 1;
    ULONG Accessed : 1; ///< set by the processor; ageing clears it
    ULONG Dirty : 1;    ///< set by the processor
    ULONG LargePage : 1;
    ULONG Global : 1;      ///< stays in the TLB when CR3 changes
    ULONG CopyOnWrite : 1; ///< ours: the first write makes a private copy
    ULONG Prototype : 1;   ///< ours: a prototype PTE describes the page
    ULONG Reserved : 1;
    ULONG PageFrameNumber : 20;
};

/// A page that is not in memory: where it is on a page file. Both 0: nowhere, its first use gives a page of zeros.
struct MMPTE_SOFTWARE {
    ULONG Valid : 1;
    ULONG PageFileLow : 4; ///< which page file
    ULONG Protection : 5;  ///< MM_PROTECTION
    ULONG Prototype : 1;
    ULONG Transition : 1;
    ULONG PageFileHigh : 20; ///< which page of it
};

/// A page that left a working set, or is on its way in or out: still in memory.
struct MMPTE_TRANSITION {
    ULONG Valid : 1;
    ULONG Write : 1;
    ULONG Owner : 1;
    ULONG WriteThrough : 1;
    ULONG CacheDisable : 1;
    ULONG Protection : 5;
    ULONG Prototype : 1;
    ULONG Transition : 1;
    ULONG PageFrameNumber : 20;
};

/// The page is described by a prototype PTE. Bits 12..31 all ones: the VAD tells which one, and bits 5..9 hold an
/// MM_PROTECTION instead (MiMakeLookupPte).
struct MMPTE_PROTOTYPE {
    ULONG Valid : 1;
    ULONG ProtoAddressLow : 7; ///< bits 2..8 of its distance from the non-paged pool's start
    ULONG ReadOnly : 1;
    ULONG WhichPool : 1;
    ULONG Prototype : 1;
    ULONG ProtoAddressHigh : 21; ///< bits 9..29
};

/// In a prototype PTE: the page is read through a subsection.
struct MMPTE_SUBSECTION {
    ULONG Valid : 1;
    ULONG SubsectionAddressLow : 4; ///< bits 3..6 of its distance from the non-paged pool's start
    ULONG Protection : 5;
    ULONG Prototype : 1;
    ULONG SubsectionAddressHigh : 21; ///< bits 7..27
};

/// A free run of system PTEs: its head says where the next free run is, and how long this one is.
struct MMPTE_LIST {
    ULONG Valid : 1;
    ULONG OneEntry : 1; ///< the run is this entry alone; else the next entry's NextEntry is the run's length
    ULONG Reserved : 10;
    ULONG NextEntry : 20; ///< index from the first system PTE; MM_EMPTY_PTE_LIST: none
};
constexpr ULONG MM_EMPTY_PTE_LIST = 0xFFFFF;

/// A page table entry. Read and write it as a whole (Long), one access each: the processor may set its bits meanwhile.
union MMPTE {
    ULONG Long;
    MMPTE_HARDWARE Hard;
    MMPTE_SOFTWARE Soft;
    MMPTE_TRANSITION Trans;
    MMPTE_PROTOTYPE Proto;
    MMPTE_SUBSECTION Subsect;
    MMPTE_LIST List;
};
static_assert(sizeof(MMPTE) == 4);
using PMMPTE = MMPTE*;

/// How a page may be used, as five bits of a software PTE, of a VAD and of a working set entry hold it: one of the first
/// eight values, and what is added to it.
enum MM_PROTECTION : ULONG {
    MM_ZERO_ACCESS = 0, ///< none is said
    MM_READONLY = 1,
    MM_EXECUTE = 2,
    MM_EXECUTE_READ = 3,
    MM_READWRITE = 4,
    MM_WRITECOPY = 5,
    MM_EXECUTE_READWRITE = 6,
    MM_EXECUTE_WRITECOPY = 7,
    MM_NOCACHE = 8,
    MM_GUARD_PAGE = 16, ///< the first use raises STATUS_GUARD_PAGE_VIOLATION and takes this bit away
    MM_NOACCESS = 24,   ///< committed, and each use raises STATUS_ACCESS_VIOLATION
    MM_DECOMMIT = 16,   ///< of a PTE: this page is not committed, whatever its range says
};
constexpr ULONG MM_PROTECTION_MASK = 31;
constexpr ULONG MM_USE_MASK = 7;    ///< which of the first eight
constexpr ULONG MM_ADDED_MASK = 24; ///< what is added to it

/// What an entry says about its page.
enum class MI_PTE_KIND : UCHAR {
    Zero,        ///< never used; the VAD tells
    Valid,       ///< in memory, the processor uses it
    DemandZero,  ///< committed, no page yet
    Decommitted, ///< not committed, although its range may say so
    PageFile,    ///< on a page file
    Transition,  ///< in memory, in no working set
    Prototype,   ///< a prototype PTE knows (a subsection, if this is itself a prototype PTE)
};

constexpr MI_PTE_KIND MiPteKind(MMPTE pte) {
    if (pte.Long == 0) return MI_PTE_KIND::Zero;
    if (pte.Long & 1) return MI_PTE_KIND::Valid;
    if (pte.Long & 1u << 10) return MI_PTE_KIND::Prototype;
    if (pte.Long & 1u << 11) return MI_PTE_KIND::Transition;
    if (pte.Long >> 12 != 0 || (pte.Long & 0x1E) != 0) return MI_PTE_KIND::PageFile;
    return pte.Long >> 5 == MM_DECOMMIT ? MI_PTE_KIND::Decommitted : MI_PTE_KIND::DemandZero;
}

/// In a PTE of a view, instead of a place on a page file: the VAD tells which prototype PTE it is.
constexpr ULONG MI_PTE_LOOKUP_NEEDED = 0xFFFFF;
/// A PTE of a view whose page is not mapped. @param protection MM_PROTECTION, which may differ from the view's
constexpr MMPTE MiMakeLookupPte(ULONG protection) {
    MMPTE pte = {};
    pte.Soft = {.Protection = protection, .Prototype = 1, .PageFileHigh = MI_PTE_LOOKUP_NEEDED};
    return pte;
}
constexpr bool MiIsLookupPte(MMPTE pte) { return pte.Soft.PageFileHigh == MI_PTE_LOOKUP_NEEDED; }

#if defined(__i386__)
/// The page table entry and the page directory entry of an address, in the current address space: page tables are mapped
/// to themselves. The page table need not exist: look at the directory entry first.
inline MMPTE* MiGetPteAddress(const volatile void* address) {
    return reinterpret_cast<MMPTE*>((reinterpret_cast<ULONG_PTR>(address) >> 12 << 2) + 0xC0000000);
}
inline MMPTE* MiGetPdeAddress(const volatile void* address) {
    return reinterpret_cast<MMPTE*>((reinterpret_cast<ULONG_PTR>(address) >> 22 << 2) + 0xC0300000);
}
/// The address that an entry maps.
inline PVOID MiGetVirtualAddressMappedByPte(const MMPTE* pte) {
    return reinterpret_cast<PVOID>(reinterpret_cast<ULONG_PTR>(pte) << 10);
}
#endif
