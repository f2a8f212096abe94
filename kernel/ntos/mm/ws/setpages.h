// What working sets of both kinds, a process's and the system's, ask of page tables and pages (MI_WORKING_SET_CALLS).
//
// Locks: WorkingSetMutex. IRQL: APC_LEVEL, but where said. In the books: "working sets". PFN-11, PFN-12
#pragma once

#include "mm/i386/pte.h"
#include "mm/ws/wsl.h"

inline MMPTE* MiPteOfVpn(ULONG vpn) { return MiGetPteAddress(reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT)); }

// As MI_WORKING_SET_CALLS says.
bool MiMapListPage(MMSUPPORT* workingSet, PVOID address);
void MiUnmapListPage(MMSUPPORT* workingSet, PVOID address);
bool MiTestAndClearAccessed(MMSUPPORT* workingSet, ULONG vpn);
void MiSetWsIndex(MMSUPPORT* workingSet, ULONG vpn, ULONG index);

/// Takes every page that may go out of a working set that is reachable here. @returns how many went. @irql <= APC_LEVEL
ULONG MiEmptyWorkingSet(MMSUPPORT* workingSet);
/// Checks a working set that is reachable here: its list, and that list, page tables and pages agree.
/// @returns what is broken, in words; nullptr if nothing is. @irql <= APC_LEVEL
PCSTR MiCheckWorkingSetPages(MMSUPPORT* workingSet);
