// Private to mm: page frames, valid page table entries, page tables of system space.
//
// MiPageLock guards the system's page directory and the page tables of the pools. Under it only MmPfnLock is acquired.
#pragma once

#include "ke/ipi.h"
#include "ke/spinlock.h"
#include "ldr.h"
#include "mm.h"
#include "mm/i386/pte.h"

extern KSPIN_LOCK MiPageLock;

/// Takes a page for the system's own use; its contents are anything. @returns its number, 0 if there is none (frame 0 is never
/// free). @irql <= DISPATCH_LEVEL
PFN_NUMBER MiAllocateFrame();
void MiFreeFrame(PFN_NUMBER frame);
/// Fills the page frame number database, which is mapped already, from the loader's memory map.
void MiInitializeFrames(const LOADER_PARAMETER_BLOCK* loaderBlock);
/// Frames that were used before there was a database.
void MiClaimFrames(PFN_NUMBER frame, ULONG pages);

/// The entry of a page of system space: writable, known to all address spaces.
inline MMPTE MiKernelPte(PFN_NUMBER frame) {
    MMPTE pte{};
    pte.Hard = {.Valid = 1, .Write = 1, .Accessed = 1, .Dirty = 1, .Global = 1, .PageFrameNumber = frame};
    return pte;
}
/// The directory's entry of a page table. It is not global, because it also maps the page table itself.
inline MMPTE MiPageTablePde(PFN_NUMBER frame) {
    MMPTE pde{};
    pde.Hard = {.Valid = 1, .Write = 1, .Accessed = 1, .PageFrameNumber = frame};
    return pde;
}

/// Writes an entry of the system's directory and of the current one. @param address in system space, whose entry was invalid
void MiSetSystemPde(const volatile void* address, MMPTE pde) REQUIRES_(MiPageLock);
/// Whether there is a page table, or a large page, for the address.
bool MiIsPdeValid(const volatile void* address);

/// Forgets every processor's translation of a page. Not needed where the entry was invalid: no processor remembers that.
void MiFlushEntry(PVOID address);
/// Phase 0: where the system's directory is mapped. @param directory its frame
void MiMapSystemDirectory(PFN_NUMBER directory);

/// Makes the page tables of a part of system space, where there are none. @returns false if memory is short.
bool MiMakePageTables(ULONG_PTR base, ULONG pages) REQUIRES_(MiPageLock, AtDispatchLevel);
/// Makes the ranges of the pools (pool/poolpages.cpp). The non-paged pool's first pages are mapped. @returns false if memory is
/// short.
bool MiInitializePools();
