// MmAccessFault: from a trap to the routine of its kind, and back with a status.
//
// A fault is decided anew as often as it takes: the mutex may have been released for a read, and while a thread waits for a page
// of memory all may change.
// Locks: the address space's WorkingSetMutex; the wait for pages holds none. IRQL: <= APC_LEVEL in the user's half.
// In the books: "page fault handling". MEM-05, MEM-07, ERR-10
#include "etw.h"
#include "i386/trap.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/layout.h"
#include "mm/pages.h"
#include "mm/section/shareddata.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/userpages.h"
#include "mm/ws/shortage.h"
#include "nt/atomic.h"
#include "ps/process.h"

MMINFO_COUNTERS MmInfoCounters;

namespace {

NTSTATUS ResolveKind(MI_FAULT_KIND kind, MI_FAULT& fault) {
    switch (kind) {
    case MI_FAULT_KIND::Resolved: return STATUS_SUCCESS;
    case MI_FAULT_KIND::DemandZero: return MiResolveDemandZeroFault(fault);
    case MI_FAULT_KIND::Transition: return MiResolveTransitionFault(fault);
    case MI_FAULT_KIND::PageFile: return MiResolvePageFileFault(fault);
    case MI_FAULT_KIND::Prototype: return MiResolveProtoPteFault(fault);
    case MI_FAULT_KIND::CopyOnWrite: return MiResolveCopyOnWriteFault(fault);
    case MI_FAULT_KIND::GuardPage: return MiResolveGuardFault(fault);
    case MI_FAULT_KIND::AccessViolation: break;
    }
    return STATUS_ACCESS_VIOLATION;
}

/// One attempt. The WorkingSetMutex is held.
NTSTATUS ResolveOnce(MI_FAULT& fault) {
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT);
    fault.Pte = MiGetPteAddress(fault.VirtualAddress);
    fault.Vad = MiLocateVad(*fault.Space, vpn);
    if (!fault.Vad) fault.Vad = MiSharedUserDataRange(vpn);
    const MMPTE pte = MiReadUserPte(fault.VirtualAddress);
    const MI_FAULT_DECISION decision = MiDecideFault(fault.Vad, pte, fault.Write);
    fault.Protection = decision.Protection;
    if (decision.Kind != MI_FAULT_KIND::AccessViolation && !MiHasUserPageTable(fault.VirtualAddress) &&
        !MiMakeUserPageTable(fault.VirtualAddress))
        return STATUS_NO_MEMORY;

    const NTSTATUS status = ResolveKind(decision.Kind, fault);
    EtwTraceEvent(ETW_EVENT::PageFault, reinterpret_cast<ULONG_PTR>(fault.VirtualAddress),
                  ULONG_PTR(decision.Kind) | ULONG_PTR(fault.Write) << 8 | ULONG_PTR(fault.PreviousMode) << 9, pte.Long,
                  ULONG_PTR(status));
    return status;
}

NTSTATUS ResolveUserFault(MI_FAULT& fault, const KTHREAD* thread) {
    FAST_MUTEX& mutex = fault.WorkingSet->WorkingSetMutex;
    if (mutex.Owner == thread) { // a routine that holds it used a page that is not there
        KeBugCheck2(PAGE_FAULT_IN_NONPAGED_AREA, reinterpret_cast<ULONG_PTR>(fault.VirtualAddress), fault.Write, 0, 0,
                    static_cast<KTRAP_FRAME*>(fault.TrapInformation));
    }
    for (;;) {
        ExAcquireFastMutex(&mutex);
        fault.WorkingSet->PageFaultCount++;
        const NTSTATUS status = ResolveOnce(fault);
        ExReleaseFastMutex(&mutex);
        if (status == STATUS_NO_MEMORY) {
            MiWaitForAvailablePages();
        } else if (status != STATUS_RETRY) {
            return status;
        }
    }
}

} // namespace

NTSTATUS NTAPI MmAccessFault(ULONG_PTR FaultStatus, PVOID VirtualAddress, KPROCESSOR_MODE PreviousMode,
                             PVOID TrapInformation) {
    InterlockedIncrement(&MmInfoCounters.PageFaultCount);
    const bool write = FaultStatus != 0;
    if (reinterpret_cast<ULONG_PTR>(VirtualAddress) >= MM_SYSTEM_RANGE_START)
        return MiResolveSystemFault(VirtualAddress, write, PreviousMode, TrapInformation);
    auto* const frame = static_cast<KTRAP_FRAME*>(TrapInformation);
    if (const KIRQL irql = KeGetCurrentIrql(); irql >= DISPATCH_LEVEL)
        KeBugCheck2(IRQL_NOT_LESS_OR_EQUAL, reinterpret_cast<ULONG_PTR>(VirtualAddress), ULONG_PTR(irql), write,
                    frame ? frame->Eip : 0, frame);

    const KTHREAD* const thread = KeGetCurrentThread();
    MM_ADDRESS_SPACE& space = CONTAINING_RECORD(thread->ApcState.Process, EPROCESS, Pcb)->AddressSpace;
    if (!space.Vm.VmWorkingSetList) return STATUS_ACCESS_VIOLATION; // a process without a user's half
    MI_FAULT fault = {.VirtualAddress = VirtualAddress,
                      .TrapInformation = TrapInformation,
                      .Write = write,
                      .PreviousMode = PreviousMode,
                      .Space = &space,
                      .WorkingSet = &space.Vm};
    const NTSTATUS status = ResolveUserFault(fault, thread);
    const bool grew = status == STATUS_PAGE_FAULT_GUARD_PAGE || status == STATUS_STACK_OVERFLOW;
    if (grew) MiTellStackLimit(thread, VirtualAddress);
    return status;
}
