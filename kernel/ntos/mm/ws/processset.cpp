// What a process's working set asks of page tables and pages. What each routine promises: wsl.h, processset.h.
// Locks, IRQL: see wsl.h. In the books: "working sets". PFN-11, PFN-13, PFN-14
#include "mm/ws/processset.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/faults.h"
#include "mm/layout.h"
#include "mm/ws/setpages.h"
#include "mm/ws/trim.h"
#include "ps/process.h"

namespace {

constexpr ULONG_PTR HASH_TABLE = MM_HYPERSPACE;
constexpr ULONG MAXIMUM_HASH_SIZE = (1 << 20) / sizeof(MMWSLE_HASH);
constexpr ULONG MAXIMUM_ENTRIES = ULONG(MM_SYSTEM_RANGE_START / PAGE_SIZE);
constexpr ULONG FIRST_PAGE_ENTRIES = (PAGE_SIZE - sizeof(MMWSL)) / sizeof(MMWSLE);
static_assert(HASH_TABLE + MAXIMUM_HASH_SIZE * sizeof(MMWSLE_HASH) <= MM_WORKING_SET_LIST);
static_assert(MM_WORKING_SET_LIST + sizeof(MMWSL) + MAXIMUM_ENTRIES * sizeof(MMWSLE) <= MM_HYPERSPACE_END);

bool RemovePage(MMSUPPORT* workingSet, ULONG vpn) {
    MMPTE* const pte = MiPteOfVpn(vpn);
    MM_ADDRESS_SPACE* const space = CONTAINING_RECORD(workingSet, MM_ADDRESS_SPACE, Vm);
    if (pte->Hard.Prototype) return MiTrimProtoPte(workingSet, pte, MiProtoPteProtection(*space, pte));
    MiTrimPte(pte, MiPteProtection(*space, pte));
    return true;
}

/// The working set manager's thread, in another process. It is at work on one working set at a time.
KAPC_STATE Entered;

KPROCESS* ProcessOf(MMSUPPORT* workingSet) { return &CONTAINING_RECORD(workingSet, EPROCESS, AddressSpace.Vm)->Pcb; }

bool Enter(MMSUPPORT* workingSet) {
    KeStackAttachProcess(ProcessOf(workingSet), &Entered);
    if (ExTryToAcquireFastMutex(&workingSet->WorkingSetMutex)) return true;
    KeUnstackDetachProcess(&Entered);
    return false;
}

void Leave(MMSUPPORT* workingSet) {
    ExReleaseFastMutex(&workingSet->WorkingSetMutex);
    KeUnstackDetachProcess(&Entered);
}

MMSUPPORT& CurrentWorkingSet() { return MmCurrentProcess()->AddressSpace.Vm; }

} // namespace

constinit const MI_WORKING_SET_CALLS MiProcessWorkingSetCalls = {
    MiMapListPage, MiUnmapListPage, MiTestAndClearAccessed, RemovePage, MiSetWsIndex, Enter, Leave,
};

void MiCreateProcessWorkingSet(MM_ADDRESS_SPACE& space) {
    auto* const list = reinterpret_cast<MMWSL*>(MM_WORKING_SET_LIST);
    space.Vm.Calls = &MiProcessWorkingSetCalls;
    MiInitializeWorkingSetList(&space.Vm, list,
                               {.Wsle = reinterpret_cast<MMWSLE*>(list + 1),
                                .MappedEntries = FIRST_PAGE_ENTRIES,
                                .MaximumEntries = MAXIMUM_ENTRIES,
                                .HashTable = reinterpret_cast<MMWSLE_HASH*>(HASH_TABLE),
                                .MaximumHashTableSize = MAXIMUM_HASH_SIZE});
    MiLinkWorkingSet(&space.Vm);
}

void MiDeleteProcessWorkingSet(MM_ADDRESS_SPACE& space) {
    MiUnlinkWorkingSet(&space.Vm);
    NT_ASSERT(space.Vm.WorkingSetSize == 0);
    for (ULONG_PTR address = MM_HYPERSPACE; address < MM_HYPERSPACE_END; address += PAGE_SIZE) {
        auto* const page = reinterpret_cast<PVOID>(address);
        if (address != MM_WORKING_SET_LIST && MiGetPteAddress(page)->Hard.Valid) MiUnmapListPage(&space.Vm, page);
    }
    space.Vm.VmWorkingSetList = nullptr;
}

void NTAPI MmEmptyWorkingSet() { MiEmptyWorkingSet(&CurrentWorkingSet()); }

PCSTR NTAPI MmCheckWorkingSet() { return MiCheckWorkingSetPages(&CurrentWorkingSet()); }
