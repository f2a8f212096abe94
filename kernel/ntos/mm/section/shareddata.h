// The page that the kernel shares with user mode: KUSER_SHARED_DATA (ke/shareddata.h).
//
// In the books: "shared user data". MEM-02, MEM-03
#pragma once

#include "mm/addressspace.h"
#include "mm/vad.h"
#include "mm/vad/pagetable.h"

/// Phase 0: maps the page where the kernel writes it, and makes it known to page faults.
void MiMapSharedUserData();
/// @returns the page's range if it holds page `vpn`, else nullptr. @irql any
MMVAD* MiSharedUserDataRange(ULONG vpn);
/// An address space that is being deleted gives its share of the page back. @irql PASSIVE_LEVEL
void MiUnmapSharedUserData(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table);
