// The address space of a process, from its page directory to its end.
//
//     MmCreateProcessAddressSpace       page directory, hyperspace's page table, first page of the working set list
//     MmInitializeProcessAddressSpace   the working set, once a thread can attach
//     MmCleanProcessAddressSpace        all ranges go, with their pages and page tables
//     MmDeleteProcessAddressSpace       the three pages go
//
// Locks: AddressCreationLock, WorkingSetMutex, MmPfnLock. IRQL: PASSIVE_LEVEL.
// In the books: "process address space", "hyperspace". MEM-06, MEM-07, KPR-03
#include "ex/inject.h"
#include "ke.h"
#include "mm.h"
#include "mm/mi.h"
#include "mm/pageable/pageable.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"
#include "mm/processspace.h"
#include "mm/section/segment.h"
#include "mm/section/shareddata.h"
#include "mm/section/views.h"
#include "mm/slots.h"
#include "mm/vad/services.h"
#include "mm/vad/userpages.h"
#include "mm/ws/processset.h"
#include "mm/ws/systemset.h"
#include "mm/ws/trim.h"
#include "ps/process.h"

namespace {

MMPTE* ListPte() { return MiGetPteAddress(reinterpret_cast<PVOID>(MM_WORKING_SET_LIST)); }

PFN_NUMBER FrameOf(ULONG_PTR physical) { return PFN_NUMBER(physical / PAGE_SIZE); }

/// Puts a page of zeros behind MM_WORKING_SET_LIST of an address space that is not the current one.
/// @param table the frame of its hyperspace's page table
bool MapListPage(PFN_NUMBER table) {
    if (ExInjectFailure(EX_ALLOCATION::Page)) return false;
    PFN_NUMBER frame;
    bool zeroed = false;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        frame = MiRemoveZeroPage(&zeroed);
        if (frame == MM_EMPTY_LIST) return false;
        MiInitializePfnForOtherProcess(frame, ListPte(), table);
    }
    if (!zeroed) MiZeroPhysicalPage(frame);
    MMPTE pte = MiKernelPte(frame);
    pte.Hard.Global = 0; // each process has its own
    const nt::DispatchLevelGuard irql;
    MiWritePteInFrame(table, ListPte(), pte);
    return true;
}

/// Takes it away. No processor runs in the address space any more.
void UnmapListPage(PFN_NUMBER table) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER frame = MiReadPteInFrame(table, ListPte()).Hard.PageFrameNumber;
    MiWritePteInFrame(table, ListPte(), MMPTE{0});
    MiDeletePfn(frame);
}

} // namespace

BOOLEAN NTAPI MmCreateProcessAddressSpace(ULONG_PTR DirectoryTableBase[2]) {
    if (!MmCreateProcessDirectory(DirectoryTableBase)) return FALSE;
    if (MapListPage(FrameOf(DirectoryTableBase[1]))) return TRUE;
    MmDeleteProcessDirectory(DirectoryTableBase);
    return FALSE;
}

void NTAPI MmInitializeProcessAddressSpace(EPROCESS* Process) {
    MmInitializeAddressSpace(&Process->AddressSpace, Process->Pcb.DirectoryTableBase[0]);
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    MiCreateProcessWorkingSet(Process->AddressSpace);
    KeUnstackDetachProcess(&saved);
}

void NTAPI MmCleanProcessAddressSpace(EPROCESS* Process) {
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    {
        MI_USER_PAGES pages(Process->AddressSpace);
        MiUnmapAllViews(Process->AddressSpace, pages);
        MiDeletePrivateRanges(Process->AddressSpace, pages);
        MiUnmapSharedUserData(Process->AddressSpace, pages);
    }
    MiDeleteProcessWorkingSet(Process->AddressSpace);
    KeUnstackDetachProcess(&saved);
}

void NTAPI MmDeleteProcessAddressSpace(EPROCESS* Process) {
    UnmapListPage(FrameOf(Process->Pcb.DirectoryTableBase[1]));
    MmDeleteProcessDirectory(Process->Pcb.DirectoryTableBase);
}

BOOLEAN NTAPI MmInitSystemProcess(EPROCESS* Process) {
    if (!MiCreateSectionType()) return FALSE;
    MiInitializeWorkingSetManager();
    MiStartMemoryEvents();
    if (!MapListPage(FrameOf(Process->Pcb.DirectoryTableBase[1]))) return FALSE;
    MiCreateProcessWorkingSet(Process->AddressSpace); // it is the current one
    MiLinkSystemWorkingSet();
    return MiInitializePageableImages();
}
