// Pages whose entries are gone, until they may be used for something else.
//
// A processor may remember a translation for as long as nobody tells it to forget. So the entry goes first, then the processors
// forget it, then the page is free. Telling the other processors is dear: pages are collected, and one flush serves all.
// Locks: the WorkingSetMutex of the address space. IRQL: APC_LEVEL.
// In the books: "translation look-aside buffer". MEM-04, PFN-08
#pragma once

#include "nt/types.h"

/// Private pages that are to be freed.
class MI_DELETED_PAGES {
public:
    MI_DELETED_PAGES() = default;
    ~MI_DELETED_PAGES() { Free(); }
    MI_DELETED_PAGES(const MI_DELETED_PAGES&) = delete;
    MI_DELETED_PAGES& operator=(const MI_DELETED_PAGES&) = delete;

    /// The page at an address, whose entry is not valid any more.
    void Add(PVOID address, PFN_NUMBER frame);
    /// Frees all: on return no processor knows them, and their page tables are shared by them no longer.
    void Free();

private:
    static constexpr ULONG ROOM = 32;
    PFN_NUMBER m_frames[ROOM];
    PVOID m_first = nullptr; ///< the address of m_frames[0]
    ULONG m_count = 0;
};
