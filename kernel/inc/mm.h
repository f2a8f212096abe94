// The memory manager's public face for the rest of the kernel: phase 0, kernel stacks, the pools' pages, page directories, counts and
// checks of pages. Virtual memory, sections, MDLs and page files have headers of their own in mm/.
//
// In the books: "memory management", "kernel stacks". MEM-01, MEM-02
#pragma once

#include "ex/pool.h"
#include "ke/irql.h"
#include "mm/layout.h"
#include "mm/pages.h"
#include "ntstatus.h"

struct LOADER_PARAMETER_BLOCK;

constexpr ULONG KERNEL_STACK_SIZE = 12 * 1024;

extern "C" {
/// Takes over the loader's memory map and page directory; drops the identity map. @irql HIGH_LEVEL, boot
NTKERNELAPI BOOLEAN NTAPI MmInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock) REQUIRES_(AtDispatchLevel);
/// @returns the highest address of a new kernel stack of KERNEL_STACK_SIZE bytes with a page below it that faults, or
/// nullptr: memory is short, at APC_LEVEL or below for five seconds. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmCreateKernelStack(BOOLEAN LargeStack);
NTKERNELAPI void NTAPI MmDeleteKernelStack(PVOID PointerKernelStack, BOOLEAN LargeStack);
/// Pages at addresses in a row; zeroed. @returns the address or nullptr. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmAllocateContiguousPages(ULONG Pages);
NTKERNELAPI void NTAPI MmFreeContiguousPages(PVOID Address, ULONG Pages);
/// The pools' pages, as EX_PAGE_SOURCE describes them.
PVOID NTAPI MmAllocatePoolPages(POOL_TYPE PoolType, ULONG Pages);
ULONG NTAPI MmFreePoolPages(PVOID Address);
BOOLEAN NTAPI MmDeterminePoolType(const volatile void* Address, POOL_TYPE* PoolType);
ULONG NTAPI MmQueryPoolPages(POOL_TYPE PoolType);
/// @returns whether the page level of both pools is in order: their runs, bitmaps and sums. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI MmCheckPools();
/// Physical address of a mapped one, 0 if it is not. @irql any
NTKERNELAPI PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress);
/// Physical address of this processor's page directory. @irql any
NTKERNELAPI ULONG_PTR NTAPI MmGetPageDirectory();
/// Physical address of the page table of this address space's hyperspace. @irql any
NTKERNELAPI ULONG_PTR NTAPI MmGetHyperspaceTable();
/// A new page directory: the user half empty, the system half shared, a hyperspace of its own.
/// @param DirectoryTableBase receives the physical addresses of both (KPROCESS). @returns FALSE: memory is short.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI MmCreateProcessDirectory(ULONG_PTR DirectoryTableBase[2]);
/// Gives it back. No processor runs in it, and its user half is empty.
NTKERNELAPI void NTAPI MmDeleteProcessDirectory(const ULONG_PTR DirectoryTableBase[2]);
/// As MmCreateProcessDirectory, for one that stays. @returns the directory's physical address, 0 if memory is short.
NTKERNELAPI ULONG_PTR NTAPI MmCreatePageDirectory();
/// The body of the zero page thread, of priority 0: it makes zeroed pages of free ones when no other thread wants the processor.
void NTAPI MmZeroPageThread(PVOID StartContext);
/// Makes zeroed pages of free ones until there are none. @irql < DISPATCH_LEVEL
NTKERNELAPI void NTAPI MiZeroFreePages();
/// Pages that can be given out: zeroed, free and standby. @irql any
NTKERNELAPI ULONG NTAPI MmQueryFreePages();
/// Pages that are promised, that can be, and that were promised at most. @irql any
NTKERNELAPI void NTAPI MmQueryCommitment(ULONG* Committed, ULONG* Limit, ULONG* Peak);
/// Checks the page frame number database: its lists, states and counters. Slow. @returns the rule that is broken; nullptr: all hold.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI PCSTR NTAPI MmCheckPageFrames();
}
