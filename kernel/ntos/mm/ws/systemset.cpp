// What the system's working set asks of page tables and pages. What each routine promises: wsl.h, systemset.h.
//
// Locks, IRQL: see wsl.h. In the books: "system working sets". PFN-11, PFN-12, PFN-14
#include "mm/ws/systemset.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/layout.h"
#include "mm/mi.h"
#include "mm/ws/setpages.h"
#include "mm/ws/trim.h"
#include "rtl/string.h"

extern "C" {
MMSUPPORT MmSystemCacheWs;
}

namespace {

constexpr ULONG MAXIMUM_HASH_BYTES = 1 << 20;
constexpr ULONG_PTR HASH_TABLE = MM_SYSTEM_WORKING_SET_LIST + (3u << 20);
constexpr ULONG FIRST_PAGE_ENTRIES = (PAGE_SIZE - sizeof(MMWSL)) / sizeof(MMWSLE);
constexpr ULONG MAXIMUM_ENTRIES = ULONG(HASH_TABLE - MM_SYSTEM_WORKING_SET_LIST - sizeof(MMWSL)) / sizeof(MMWSLE);
static_assert(HASH_TABLE + MAXIMUM_HASH_BYTES <= MM_SYSTEM_CACHE_START);
static_assert(MM_SYSTEM_WORKING_SET_LIST >> PDE_SHIFT ==
              (HASH_TABLE + MAXIMUM_HASH_BYTES - 1) >> PDE_SHIFT); // one table

/// A page of system space that is in no process's range keeps its protection where its entry was before it was valid.
ULONG ProtectionOf(PFN_NUMBER frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MiPfnElement(frame)->OriginalPte.Soft.Protection;
}

bool RemovePage(MMSUPPORT*, ULONG vpn) {
    MMPTE* const pte = MiPteOfVpn(vpn);
    MiTrimPte(pte, ProtectionOf(pte->Hard.PageFrameNumber));
    return true;
}

bool Enter(MMSUPPORT* workingSet) { return ExTryToAcquireFastMutex(&workingSet->WorkingSetMutex); }
void Leave(MMSUPPORT* workingSet) { ExReleaseFastMutex(&workingSet->WorkingSetMutex); }

constinit const MI_WORKING_SET_CALLS Calls = {
    MiMapListPage, MiUnmapListPage, MiTestAndClearAccessed, RemovePage, MiSetWsIndex, Enter, Leave,
};

/// The page table of the list and of its hash table.
bool MakePageTable() {
    nt::SpinLockGuard guard(MiPageLock);
    return MiMakePageTables(MM_SYSTEM_WORKING_SET_LIST, 1);
}

} // namespace

bool MiCreateSystemWorkingSet() {
    auto* const list = reinterpret_cast<MMWSL*>(MM_SYSTEM_WORKING_SET_LIST);
    ExInitializeFastMutex(&MmSystemCacheWs.WorkingSetMutex);
    MmSystemCacheWs.Flags.SystemWorkingSet = 1;
    MmSystemCacheWs.MinimumWorkingSetSize = MM_SYSTEM_MINIMUM_WORKING_SET;
    MmSystemCacheWs.MaximumWorkingSetSize = MmNumberOfPhysicalPages / 2;
    MmSystemCacheWs.Calls = &Calls;
    if (!MakePageTable() || !MiMapListPage(&MmSystemCacheWs, list)) return false;
    MiInitializeWorkingSetList(&MmSystemCacheWs, list,
                               {.Wsle = reinterpret_cast<MMWSLE*>(list + 1),
                                .MappedEntries = FIRST_PAGE_ENTRIES,
                                .MaximumEntries = MAXIMUM_ENTRIES,
                                .HashTable = reinterpret_cast<MMWSLE_HASH*>(HASH_TABLE),
                                .MaximumHashTableSize = MAXIMUM_HASH_BYTES / sizeof(MMWSLE_HASH)});
    return true;
}

void MiLinkSystemWorkingSet() { MiLinkWorkingSet(&MmSystemCacheWs); }

ULONG NTAPI MmEmptySystemWorkingSet() { return MiEmptyWorkingSet(&MmSystemCacheWs); }

PCSTR NTAPI MmCheckSystemWorkingSet() { return MiCheckWorkingSetPages(&MmSystemCacheWs); }
