// What the services of virtual memory ask of page tables: the entries of the user's half of one address space.
//
// The services know ranges and the entries that hold no page: 0, demand zero, decommitted, or the section has it (the form
// that leads to a prototype PTE). An entry that holds a page (valid, in transition, on a page file) belongs to those who know
// pages, and is changed through DeletePage and Protect only.
// Called with the address space's WorkingSetMutex held, at APC_LEVEL, in that address space.
// In the books: "virtual address translation", "page table entries". MEM-04, POL-06
#pragma once

#include "mm/i386/pte.h"

/// The entries of the user's half of an address space, by page number (vpn).
class MI_PAGE_TABLE {
public:
    /// The entry of a page; 0 if its page table does not exist.
    virtual MMPTE Read(ULONG vpn) = 0;
    /// Writes an entry that holds no page over one that holds none. The page table exists.
    virtual void Write(ULONG vpn, MMPTE pte) = 0;
    /// Makes the page table that holds the entry of a page, unless it exists. @returns false: memory is short.
    virtual bool MakeTable(ULONG vpn) = 0;
    /// How many entries of the page table that holds the entry of `vpn` are not 0; 0 too if it does not exist.
    virtual ULONG UsedEntries(ULONG vpn) = 0;
    /// Frees each page table that holds the entry of a page from `first` to `last` (both included), if all its entries are 0: those of
    /// other pages, too. Page tables with an entry in use stay, and so do entries. The caller holds the WorkingSetMutex, as for every
    /// routine here; MmPfnLock, which guards the page tables' frames, is free: FreeTables acquires it itself.
    virtual void FreeTables(ULONG first, ULONG last) = 0;

    /// Gives back what an entry holds: its page leaves the working set and memory, its place on the page file is free.
    /// @param after what the entry is then; it holds no page.
    virtual void DeletePage(ULONG vpn, MMPTE after) = 0;
    /// The MM_PROTECTION of an entry that holds a page, and a new one for it.
    virtual ULONG Protection(ULONG vpn) = 0;
    virtual void Protect(ULONG vpn, ULONG protection) = 0;

protected:
    ~MI_PAGE_TABLE() = default;
};
