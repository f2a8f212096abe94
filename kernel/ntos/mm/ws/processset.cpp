// What a process's working set asks of page tables and pages. What each routine promises: wsl.h, processset.h.
//
// The accessed bit is cleared without a flush: a processor that remembers the page goes on using it unnoticed until it forgets it,
// which the next change of address spaces makes sure of. A page that is used all the time may look unused once; it costs a
// soft fault at worst.
// Locks, IRQL: see wsl.h. In the books: "working sets". PFN-11, PFN-13, PFN-14
#include "mm/ws/processset.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/faults.h"
#include "mm/layout.h"
#include "mm/pfn/pageaccess.h"
#include "mm/ws/trim.h"
#include "ps/process.h"

namespace {

constexpr ULONG_PTR HASH_TABLE = MM_HYPERSPACE;
constexpr ULONG MAXIMUM_HASH_SIZE = (1 << 20) / sizeof(MMWSLE_HASH);
constexpr ULONG MAXIMUM_ENTRIES = ULONG(MM_SYSTEM_RANGE_START / PAGE_SIZE);
constexpr ULONG FIRST_PAGE_ENTRIES = (PAGE_SIZE - sizeof(MMWSL)) / sizeof(MMWSLE);
static_assert(HASH_TABLE + MAXIMUM_HASH_SIZE * sizeof(MMWSLE_HASH) <= MM_WORKING_SET_LIST);
static_assert(MM_WORKING_SET_LIST + sizeof(MMWSL) + MAXIMUM_ENTRIES * sizeof(MMWSLE) <= MM_HYPERSPACE_END);

PVOID AddressOf(ULONG vpn) { return reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT); }
MMPTE* PteOf(ULONG vpn) { return MiGetPteAddress(AddressOf(vpn)); }

bool MapPage(MMSUPPORT*, PVOID address) {
    MMPTE* const pte = MiGetPteAddress(address);
    PFN_NUMBER frame;
    bool zeroed = false;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        if (!MiMayTakePage()) return false;
        frame = MiRemoveZeroPage(&zeroed);
        MiInitializePfn(frame, pte, true);
    }
    if (!zeroed) MiZeroPhysicalPage(frame);
    pte->Long = MiMakeValidPte(frame, MM_READWRITE, pte).Long;
    return true;
}

void UnmapPage(MMSUPPORT*, PVOID address) {
    MMPTE* const pte = MiGetPteAddress(address);
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
    pte->Long = 0;
    KeFlushSingleTb(address, TRUE);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiDeletePfn(frame);
}

bool TestAndClearAccessed(MMSUPPORT*, ULONG vpn) {
    constexpr MMPTE accessed = {.Hard = {.Accessed = 1}};
    MMPTE* const pte = PteOf(vpn);
    if (!pte->Hard.Accessed) return false;
    __atomic_and_fetch(&pte->Long, ~accessed.Long, __ATOMIC_SEQ_CST); // the processor sets bits meanwhile
    return true;
}

bool RemovePage(MMSUPPORT* workingSet, ULONG vpn) {
    MMPTE* const pte = PteOf(vpn);
    MM_ADDRESS_SPACE* const space = CONTAINING_RECORD(workingSet, MM_ADDRESS_SPACE, Vm);
    if (pte->Hard.Prototype) return MiTrimProtoPte(workingSet, pte, MiProtoPteProtection(*space, pte));
    MiTrimPte(pte, MiPteProtection(*space, pte));
    return true;
}

void SetWsIndex(MMSUPPORT*, ULONG vpn, ULONG index) {
    const PFN_NUMBER frame = PteOf(vpn)->Hard.PageFrameNumber;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiPfnElement(frame)->u1.WsIndex = index;
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

/// @returns what page table or page of a valid entry does not agree with it; nullptr if all does.
PCSTR CheckEntry(const MMWSL* list, ULONG index) {
    const auto& entry = list->Wsle[index].e1;
    if (!MiGetPdeAddress(AddressOf(entry.VirtualPageNumber))->Hard.Valid) return "an entry's page has no page table";
    const MMPTE pte = *PteOf(entry.VirtualPageNumber);
    if (!pte.Hard.Valid) return "an entry's page is not valid";
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPFN* const pfn = MiPfnElement(pte.Hard.PageFrameNumber);
    if (pfn->e1.PageLocation != ActiveAndValid) return "an entry's page is not active";
    if (!pte.Hard.Prototype && pfn->PteAddress != PteOf(entry.VirtualPageNumber))
        return "a private page has another PTE";
    return bool(entry.Direct) == (pfn->u1.WsIndex == index) || pte.Hard.Prototype ? nullptr
                                                                                  : "Direct and WsIndex do not agree";
}

} // namespace

constinit const MI_WORKING_SET_CALLS MiProcessWorkingSetCalls = {
    MapPage, UnmapPage, TestAndClearAccessed, RemovePage, SetWsIndex, Enter, Leave,
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
        if (address != MM_WORKING_SET_LIST && MiGetPteAddress(page)->Hard.Valid) UnmapPage(&space.Vm, page);
    }
    space.Vm.VmWorkingSetList = nullptr;
}

void NTAPI MmEmptyWorkingSet() {
    MMSUPPORT& workingSet = CurrentWorkingSet();
    ExAcquireFastMutex(&workingSet.WorkingSetMutex);
    MMWSL* const list = workingSet.VmWorkingSetList;
    for (ULONG index = list->FirstDynamic; index <= list->LastEntry; index++) {
        const auto entry = list->Wsle[index].e1;
        if (entry.Valid && RemovePage(&workingSet, entry.VirtualPageNumber)) MiReleaseWsle(&workingSet, index);
    }
    ExReleaseFastMutex(&workingSet.WorkingSetMutex);
}

PCSTR NTAPI MmCheckWorkingSet() {
    MMSUPPORT& workingSet = CurrentWorkingSet();
    ExAcquireFastMutex(&workingSet.WorkingSetMutex);
    const MMWSL* const list = workingSet.VmWorkingSetList;
    PCSTR broken = MiCheckWorkingSet(&workingSet);
    for (ULONG index = 0; !broken && index <= list->LastEntry; index++) {
        if (list->Wsle[index].e1.Valid) broken = CheckEntry(list, index);
    }
    ExReleaseFastMutex(&workingSet.WorkingSetMutex);
    return broken;
}
