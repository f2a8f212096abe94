// Private to mm: page table entries and the frame bitmap.
//
// MiPageLock guards the frame bitmap, the page bitmaps of the stack and I/O regions and every page table of those
// regions. It is a leaf lock: nothing is acquired under it.
#pragma once

#include "ke/ipi.h"
#include "ke/spinlock.h"
#include "ldr.h"
#include "mm.h"
#include "rtl/bitmap.h"

constexpr ULONG MM_PTE_VALID = 0x001;
constexpr ULONG MM_PTE_WRITE = 0x002;
constexpr ULONG MM_PTE_WRITE_THROUGH = 0x008;
constexpr ULONG MM_PTE_CACHE_DISABLE = 0x010;
constexpr ULONG MM_PTE_LARGE_PAGE = 0x080;
constexpr ULONG MM_PTE_GLOBAL = 0x100;
constexpr ULONG LARGE_PAGE_SHIFT = 22;
constexpr ULONG PTE_PER_PAGE = 1024;
constexpr ULONG MAXIMUM_PAGES = LDR_DIRECT_MAP_LIMIT / PAGE_SIZE;

extern KSPIN_LOCK MiPageLock;

/// Virtual address of a physical one, in the direct map.
inline PVOID MiDirectMap(ULONG_PTR address) { return reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START + address); }

/// Takes `pages` free frames in a row. @returns the first frame's number, 0 if there are none (frame 0 is never free).
PFN_NUMBER MiAllocateFrames(ULONG pages) REQUIRES_(MiPageLock);
void MiFreeFrames(PFN_NUMBER frame, ULONG pages) REQUIRES_(MiPageLock);
/// Fills the frame bitmap from the loader's memory map. @returns the number of free pages.
ULONG MiInitializeFrames(LOADER_PARAMETER_BLOCK* loaderBlock) REQUIRES_(MiPageLock);
extern ULONG MiFreePageCount GUARDED_BY(MiPageLock);

/// The page directory entry and the page table entry of an address, in the address space of this processor.
ULONG* MiGetPdeAddress(const volatile void* address);
/// @returns nullptr if the directory entry is not valid or maps a large page.
ULONG* MiGetPteAddress(const volatile void* address);
/// Forgets every processor's translation of a page. Not needed where the entry was invalid: no processor remembers that.
void MiFlushEntry(PVOID address);
/// Forgets all of the processor's translations.
void MiFlushAll();

/// A part of system space that is mapped page by page: its page tables exist from the start, so that every page
/// directory made later shares them.
struct MI_REGION {
    ULONG_PTR Base;
    RTL_BITMAP Pages; ///< set: in use
};

/// Makes the page tables of a part of system space. @returns false if memory is short.
bool MiMakePageTables(ULONG_PTR base, ULONG pages) REQUIRES_(MiPageLock);
/// Makes the ranges of the pools, with their page tables (pool/poolpages.cpp). @returns false if memory is short.
bool MiInitializePools();
/// Makes a region with its page tables. @returns false if memory is short.
BOOLEAN MiInitializeRegion(MI_REGION* region, ULONG_PTR base, ULONG* bitmap, ULONG pages) REQUIRES_(MiPageLock);
extern MI_REGION MiStackRegion GUARDED_BY(MiPageLock);
extern MI_REGION MiIoRegion GUARDED_BY(MiPageLock);
