// Where things lie in the 4 GB of an address space.
//
// The user's half begins at 0 and is a process's own; the system's half begins at 2 GB and is shared by all processes, but
// for page tables and hyperspace. What lies where in the system's half is fixed by this table; how much of each region is
// used depends on the amount of memory, so its end is a variable that phase 0 computes. `memmap` at the prompt prints the
// table with the variables filled in.
//
//   00000000  64 KB that nobody may use: null pointers fault
//   00010000  user space: images, heaps, stacks, views
//   7FFE0000  the page that the kernel shares with user mode, read-only there; behind it 64 KB that nobody may use
//   80000000  what the loader brought: kernel, HAL and boot drivers, page by page with the protection of their sections
//   81000000  the page frame number database, behind it the non-paged pool
//   A0000000  views of sections that the system maps for itself
//   C0000000  page tables, mapped to themselves; the page directory is the one at C0300000
//   C0400000  hyperspace: the process's working set list
//   C0C00000  the system's working set list
//   C1000000  the system cache
//   E1000000  paged pool
//   ED000000  system PTEs: kernel stacks, device registers, buffers of drivers
//   FFC00000  the HAL's; FFD00000 mapping slots, one group a processor; FFDF0000 the shared page, writable
//
// In the books: "virtual address space layouts", "system address space". MEM-01, MEM-02, MEM-03, MEM-08
#pragma once

#include "nt/types.h"
#include "rtl/useraccess.h" // MM_USER_PROBE_ADDRESS, the no-access zone's first byte

constexpr ULONG_PTR MM_LOWEST_USER_ADDRESS = 0x00010000;
constexpr ULONG_PTR MM_SHARED_USER_DATA = 0x7FFE0000;     ///< KUSER_SHARED_DATA as user mode sees it
constexpr ULONG_PTR MM_HIGHEST_USER_ADDRESS = 0x7FFEFFFF; ///< the last byte before the no-access zone
constexpr ULONG_PTR MM_SYSTEM_RANGE_START = 0x80000000;   ///< the system's half; the loader's images lie at its start
constexpr ULONG_PTR MM_PFN_DATABASE = 0x81000000; ///< MMPFN of frame 0; the non-paged pool lies behind the last one
constexpr ULONG_PTR MM_SYSTEM_VIEW_START = 0xA0000000;
constexpr ULONG_PTR MM_PTE_BASE = 0xC0000000;         ///< page tables, each at the place that its number gives it
constexpr ULONG_PTR MM_PDE_BASE = 0xC0300000;         ///< the page table that is the page directory
constexpr ULONG_PTR MM_HYPERSPACE = 0xC0400000;       ///< 4 MB that each process has for itself
constexpr ULONG_PTR MM_WORKING_SET_LIST = 0xC0501000; ///< MMWSL of the process
constexpr ULONG_PTR MM_HYPERSPACE_END = 0xC07FFFFF;
constexpr ULONG_PTR MM_SYSTEM_WORKING_SET_LIST = 0xC0C00000;
constexpr ULONG_PTR MM_SYSTEM_CACHE_START = 0xC1000000;
constexpr ULONG_PTR MM_PAGED_POOL_START = 0xE1000000;
constexpr ULONG_PTR MM_SYSTEM_PTE_START = 0xED000000;
constexpr ULONG_PTR MM_HAL_START = 0xFFC00000;
constexpr ULONG_PTR MM_MAPPING_SLOTS = 0xFFD00000;      ///< see nt::MappedPage (mm/slots.h)
constexpr ULONG_PTR MM_KERNEL_SHARED_DATA = 0xFFDF0000; ///< KUSER_SHARED_DATA as the kernel writes it

constexpr PFN_NUMBER MM_PAGE_LIMIT = 0xE0000; ///< pages from 3.5 GB on are not used: the board's devices lie there

/// One region of the table above, as far as it is used.
struct MM_REGION {
    PCSTR Name;
    ULONG_PTR Start;
    ULONG_PTR End; ///< its last byte; below Start: nothing of it is used
};
constexpr ULONG MM_REGIONS = 18;

extern "C" {
// Computed in phase 0, constant afterwards.
NTKERNELAPI extern PVOID MmHighestUserAddress;
NTKERNELAPI extern PVOID MmSystemRangeStart;
NTKERNELAPI extern ULONG_PTR MmUserProbeAddress;
NTKERNELAPI extern ULONG_PTR MmNonPagedPoolStart;          ///< mapped from the start
NTKERNELAPI extern ULONG_PTR MmNonPagedPoolExpansionStart; ///< from here on pages are mapped when they are needed
NTKERNELAPI extern ULONG_PTR MmNonPagedPoolEnd;            ///< the byte behind it
NTKERNELAPI extern ULONG_PTR MmPagedPoolStart;
NTKERNELAPI extern ULONG_PTR MmPagedPoolEnd; ///< its last byte
NTKERNELAPI extern ULONG_PTR MmSystemPteStart;
NTKERNELAPI extern ULONG_PTR MmSystemPteEnd;      ///< its last byte
NTKERNELAPI extern ULONG MmNumberOfPhysicalPages; ///< pages of RAM that Mica uses, in use or not
NTKERNELAPI extern PFN_NUMBER MmHighestPhysicalPage;

extern MM_REGION MmRegions[MM_REGIONS]; ///< in the order of their addresses

/// The table above. @param Count receives the number of regions. @irql any
NTKERNELAPI const MM_REGION* NTAPI MmQueryRegions(ULONG* Count);
}
