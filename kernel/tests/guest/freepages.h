// How many pages tests have left for others, counted exactly.
#pragma once

#include "mm.h"
#include "mm/layout.h"
#include "mm/pages.h"

/// Pages that are free, and those that the non-paged pool has been given: it grows, and keeps them (mm/pool). After a test that gives
/// everything back there are as many as before.
inline ULONG FreeAndPoolPages() {
    ULONG pages = MmQueryFreePages();
    for (ULONG_PTR page = MmNonPagedPoolExpansionStart; page < MmNonPagedPoolEnd; page += PAGE_SIZE)
        pages += MmIsAddressValid(reinterpret_cast<PVOID>(page));
    return pages;
}
