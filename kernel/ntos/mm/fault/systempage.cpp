// Faults on pages of system space that leave memory: paged pool, pageable sections of images.
//
// What such a page is follows from its entry alone: no range describes system space. A page that comes back from memory or from a page
// file comes as a process's does (transition.cpp, pagein.cpp). The first use of a page of paged pool gets a page that holds anything:
// no user mode ever sees it.
//
// The wait may be long, and nothing that makes pages available may need a pageable page itself. So the routines of mm, and what they
// call, are never pageable and hold no locks of theirs when they use paged memory.
// Locks: the system's WorkingSetMutex, after that of a process, then MmPfnLock; the wait for pages holds none. IRQL: <= APC_LEVEL.
// In the books: "page fault handling", "paged pool", "pageable system code". MEM-05, POL-02, PFN-12
#include "etw.h"
#include "i386/cpu.h"
#include "i386/trap.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/layout.h"
#include "mm/mi.h"
#include "mm/ws/shortage.h"
#include "mm/ws/systemset.h"
#include "mm/ws/wsl.h"
#include "ps/process.h"

namespace {

constexpr ULONG_PTR INTERRUPTS_DISABLED = 0xFF; ///< documented, in the place of an IRQL

ULONG VpnOf(const MI_FAULT& fault) { return ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT); }

/// Takes a page for the entry. @returns MM_EMPTY_LIST: memory is short.
PFN_NUMBER TakePage(MMPTE* pte, ULONG index) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (!MiMayTakePage()) return MM_EMPTY_LIST;
    const PFN_NUMBER frame = MiRemoveAnyPage();
    MiInitializePfn(frame, pte, true);
    MiPfnElement(frame)->u1.WsIndex = index;
    return frame;
}

/// The first use of a page of paged pool.
NTSTATUS ResolveFirstUse(MI_FAULT& fault) {
    const ULONG index = MiAllocateWsle(fault.WorkingSet, VpnOf(fault), fault.Protection, true);
    if (index == WSLE_NULL_INDEX) return STATUS_NO_MEMORY;
    const PFN_NUMBER frame = TakePage(fault.Pte, index);
    if (frame == MM_EMPTY_LIST) {
        MiReleaseWsle(fault.WorkingSet, index);
        return STATUS_NO_MEMORY;
    }
    fault.Pte->Long = MiMakeValidPte(frame, fault.Protection, fault.Pte).Long;
    return STATUS_PAGE_FAULT_DEMAND_ZERO;
}

NTSTATUS ResolveKind(MI_FAULT& fault, MI_FAULT_KIND* kind) {
    switch (const MMPTE pte = *fault.Pte; MiPteKind(pte)) {
    case MI_PTE_KIND::Valid: *kind = MI_FAULT_KIND::Resolved; return STATUS_SUCCESS;
    case MI_PTE_KIND::DemandZero:
        *kind = MI_FAULT_KIND::DemandZero;
        fault.Protection = pte.Soft.Protection;
        return ResolveFirstUse(fault);
    case MI_PTE_KIND::Transition:
        *kind = MI_FAULT_KIND::Transition;
        fault.Protection = pte.Trans.Protection;
        return MiResolveTransitionFault(fault);
    case MI_PTE_KIND::PageFile:
        *kind = MI_FAULT_KIND::PageFile;
        fault.Protection = pte.Soft.Protection;
        return MiResolvePageFileFault(fault);
    default: *kind = MI_FAULT_KIND::AccessViolation; return STATUS_NOT_FOUND;
    }
}

NTSTATUS ResolveOnce(MI_FAULT& fault) {
    const nt::FastMutexGuard guard(fault.WorkingSet->WorkingSetMutex);
    fault.WorkingSet->PageFaultCount++;
    const MMPTE before = *fault.Pte;
    MI_FAULT_KIND kind;
    const NTSTATUS status = ResolveKind(fault, &kind);
    EtwTraceEvent(ETW_EVENT::PageFault, reinterpret_cast<ULONG_PTR>(fault.VirtualAddress),
                  ULONG_PTR(kind) | ULONG_PTR(fault.Write) << 8, before.Long, ULONG_PTR(status));
    return status;
}

/// A thread that holds a lock of mm must not wait for a page.
void CheckLocks(const MI_FAULT& fault, const KTRAP_FRAME* frame) {
    const KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(CONTAINING_RECORD(thread->ApcState.Process, EPROCESS, Pcb)->AddressSpace.Vm.WorkingSetMutex.Owner !=
              thread);
    if (fault.WorkingSet->WorkingSetMutex.Owner == thread)
        KeBugCheck2(PAGE_FAULT_IN_NONPAGED_AREA, reinterpret_cast<ULONG_PTR>(fault.VirtualAddress), fault.Write,
                    frame ? frame->Eip : 0, 0, const_cast<KTRAP_FRAME*>(frame));
}

} // namespace

bool MiIsPageable(const volatile void* address) {
    const auto at = reinterpret_cast<ULONG_PTR>(address);
    return at - MM_SYSTEM_RANGE_START < MM_PFN_DATABASE - MM_SYSTEM_RANGE_START ||
           at - MmPagedPoolStart <= MmPagedPoolEnd - MmPagedPoolStart;
}

NTSTATUS MiResolvePageableFault(PVOID address, bool write, PVOID trapInformation) {
    if (!MiIsPdeValid(address)) return STATUS_NOT_FOUND;
    auto* const frame = static_cast<KTRAP_FRAME*>(trapInformation);
    MI_FAULT fault = {.VirtualAddress = address,
                      .TrapInformation = trapInformation,
                      .Write = write,
                      .PreviousMode = KernelMode,
                      .WorkingSet = &MmSystemCacheWs,
                      .Pte = MiGetPteAddress(address)};
    if (fault.Pte->Long == 0) return STATUS_NOT_FOUND;
    if (frame && !(frame->EFlags & nt::cpu::EFLAGS_INTERRUPT))
        KeBugCheck2(IRQL_NOT_LESS_OR_EQUAL, reinterpret_cast<ULONG_PTR>(address), INTERRUPTS_DISABLED, write,
                    frame->Eip, frame);
    CheckLocks(fault, frame);
    for (;;) {
        const NTSTATUS status = ResolveOnce(fault);
        if (status == STATUS_NO_MEMORY) {
            MiWaitForAvailablePages();
        } else if (status == STATUS_NOT_FOUND || NT_SUCCESS(status)) {
            return status;
        } else if (status != STATUS_RETRY) { // the system's own memory could not be read
            KeBugCheck2(KERNEL_DATA_INPAGE_ERROR, reinterpret_cast<ULONG_PTR>(fault.Pte), ULONG_PTR(status),
                        fault.Pte->Long, reinterpret_cast<ULONG_PTR>(address), frame);
        }
    }
}
