// Views that the system maps for itself: pages of a section in system space, for every process.
//
// In the books: "section objects", "system address space". POL-08, MEM-08
#pragma once

#include "mm/layout.h"
#include "ntstatus.h"

/// Phase 0: there are none.
void MiInitializeSystemViews();
inline bool MiIsSystemView(const volatile void* address) {
    return reinterpret_cast<ULONG_PTR>(address) - MM_SYSTEM_VIEW_START < MM_PTE_BASE - MM_SYSTEM_VIEW_START;
}
/// Brings the page of an address in the region of system views. @returns STATUS_SUCCESS, STATUS_PAGE_FAULT_*; STATUS_NOT_FOUND: no
/// view is there; STATUS_ACCESS_VIOLATION: the page is not committed; why it could not be read. @irql <= APC_LEVEL
NTSTATUS MiResolveSystemViewFault(PVOID address, bool write);
