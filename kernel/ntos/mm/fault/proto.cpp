// Pages of sections: a process's entry becomes valid through the prototype PTE of the page, and lets it go again.
//
//     this process's entry          prototype PTE                 what happens
//     0, or "the VAD tells"  --->   valid                         one share more of the same page
//                            --->   transition                    the page becomes active again
//                            --->   demand zero                   the prototype PTE gets a page of zeros
//                            --->   subsection, page file         the page is read first (protoread.cpp)
//
// Every process that uses the page has a share of it. With the last share the prototype PTE gets its transition form
// (MiDecrementShareCount), and the page goes to the standby or the modified list for all of them.
// Locks, IRQL: see fault.h. In the books: "prototype PTEs", "page fault handling". MEM-05, POL-08, POL-09
#include "ke/bugcheck.h"
#include "ke/ipi.h"
#include "mm/fault/fault.h"
#include "mm/pfn/pageaccess.h"
#include "mm/protect.h"
#include "mm/section/views.h"
#include "mm/vad/userpages.h"
#include "mm/ws/wsl.h"
#include "nt/atomic.h"

namespace {

[[maybe_unused]] ULONG VpnOf(const void* address) { return ULONG(reinterpret_cast<ULONG_PTR>(address) >> PAGE_SHIFT); }
ULONG VpnOf(const MMPTE* pte) { return VpnOf(MiGetVirtualAddressMappedByPte(pte)); }

/// The entry of a valid, shared page.
MMPTE SharedPte(PFN_NUMBER frame, ULONG protection, const MMPTE* pte) {
    MMPTE valid = MiMakeValidPte(frame, protection, pte);
    valid.Hard.Prototype = 1;
    return valid;
}

/// Changes an entry in one step: the processor may set Dirty until then. @returns what it was
MMPTE Exchange(MMPTE* pte, MMPTE after) {
    auto* const word = reinterpret_cast<volatile LONG*>(&pte->Long);
    return {.Long = ULONG(InterlockedExchange(word, LONG(after.Long)))};
}

/// The index of the working set entry of a valid page.
ULONG IndexOf(const MM_ADDRESS_SPACE& space, const MMPTE* pte) {
    const ULONG index = MiLocateWsle(space.Vm.VmWorkingSetList, VpnOf(pte), MiWsIndexOf(pte->Hard.PageFrameNumber));
    NT_ASSERT(index != WSLE_NULL_INDEX);
    return index;
}

} // namespace

// LAB(2.7) begin
namespace {

/// The form of a prototype PTE whose page is in use. No processor looks at it: only its frame counts.
MMPTE ValidPrototype(PFN_NUMBER frame) {
    MMPTE pte = {};
    pte.Hard = {.Valid = 1, .Write = 1, .PageFrameNumber = frame};
    return pte;
}

/// The prototype PTE gets a page of zeros. Until it is changed its contents are nowhere, and need not be written.
NTSTATUS GiveZeroPage(MMPTE* prototype) REQUIRES_PFN_LOCK {
    if (!MiMayTakePage()) return STATUS_NO_MEMORY;
    bool zeroed = false;
    const PFN_NUMBER frame = MiRemoveZeroPage(&zeroed);
    MiInitializePfn(frame, prototype, false);
    MiPfnElement(frame)->e1.PrototypePte = 1;
    if (!zeroed) MiZeroPhysicalPage(frame);
    prototype->Long = ValidPrototype(frame).Long;
    return STATUS_PAGE_FAULT_DEMAND_ZERO;
}

/// The page comes back from the standby or a modified list.
NTSTATUS Reactivate(MMPTE* prototype, MI_IN_PAGE** read) REQUIRES_PFN_LOCK {
    const PFN_NUMBER frame = prototype->Trans.PageFrameNumber;
    MMPFN* const pfn = MiPfnElement(frame);
    if (pfn->e1.ReadInProgress) {
        *read = MiJoinPageRead(pfn);
        return STATUS_RETRY;
    }
    if (pfn->u4.InPageError) return pfn->u1.ReadStatus;
    MiReactivatePfn(frame);
    prototype->Long = ValidPrototype(frame).Long;
    return STATUS_PAGE_FAULT_TRANSITION;
}

/// A share of the page for the entry `pte`. @param[out] frame the page. @param[out] first whether no other process has it.
/// @param[out] read if it is being read: what to wait for. @returns STATUS_PAGE_FAULT_*; STATUS_RETRY; STATUS_NO_MEMORY;
/// STATUS_NOT_FOUND: it is not in memory; STATUS_ACCESS_VIOLATION: there is no such page
NTSTATUS TakeShare(MMPTE* prototype, const MMPTE* pte, PFN_NUMBER* frame, bool* first, MI_IN_PAGE** read) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    NTSTATUS status = STATUS_PAGE_FAULT_TRANSITION;
    *first = true;
    switch (MiPteKind(*prototype)) {
    case MI_PTE_KIND::Valid:
        MiIncrementShareCount(prototype->Hard.PageFrameNumber);
        *first = false;
        break;
    case MI_PTE_KIND::Transition: status = Reactivate(prototype, read); break;
    case MI_PTE_KIND::DemandZero: status = GiveZeroPage(prototype); break;
    case MI_PTE_KIND::Prototype: // through a subsection
    case MI_PTE_KIND::PageFile: return STATUS_NOT_FOUND;
    default: return STATUS_ACCESS_VIOLATION; // between the parts of an image
    }
    if (status == STATUS_RETRY || !NT_SUCCESS(status)) return status;
    *frame = prototype->Hard.PageFrameNumber;
    MiIncrementShareCount(MiFrameOfPte(pte)); // the page table is shared by its valid entries
    return status;
}

/// The entry `pte` gives its share back. @param old what it was when it was valid; no processor knows it any more.
void ReleaseShare(const MMPTE* pte, MMPTE old) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiCaptureDirtyBit(old.Hard.PageFrameNumber, old);
    MiDecrementShareCount(old.Hard.PageFrameNumber);
    MiDecrementShareCount(MiFrameOfPte(pte));
}

/// How the page may be used. An entry that was never used says nothing: in an image the page's part decides.
/// @returns whether the access is allowed.
bool FindProtection(MI_FAULT& fault) {
    if (fault.Pte->Long == 0) fault.Protection = MiProtectionOfViewPage(fault.Vad, VpnOf(fault.VirtualAddress));
    return MiIsAccessAllowed(fault.Protection, fault.Write ? MI_ACCESS::Write : MI_ACCESS::Read);
}

/// A page of zeros of an image that each process has for itself: nobody shares it, so it need not be copied later.
bool IsPrivateFromTheStart(const MI_FAULT& fault, const MMPTE* prototype) {
    return fault.Vad->Flags.VadType == VadImageMap && MiIsCopyOnWrite(fault.Protection) &&
           MiPteKind(*prototype) == MI_PTE_KIND::DemandZero;
}

} // namespace
// LAB(2.7) else
//| // Room for helpers of your own.
// LAB(2.7) end

/// A page of a view: the process gets a share of the page that its prototype PTE describes (MiPrototypeOfPage).
///
/// - How the page may be used, an entry of 0 leaves to the view (MiProtectionOfViewPage); else fault.Protection says it. A page that
///   is not there, or may not be used so, is STATUS_ACCESS_VIOLATION.
/// - Post: *fault.Pte is valid, as that protection allows, with Prototype. The page has one share for each valid entry that leads to
///   it, and one reference for all of them. The prototype PTE is valid and names its frame.
/// - A page that is in no process yet comes from where its prototype PTE says: a page of zeros (demand zero), which is not Modified;
///   the frame that is still in memory (transition), which keeps what it has. Its frame has PrototypePte, and belongs to the
///   prototype PTE.
/// - The page has an entry of fault.WorkingSet. It is Direct, and the page's WsIndex, only if no other process has the page
///   (MiMapFaultedPage). The page table that holds *fault.Pte is shared once more.
/// - *fault.Pte was counted when it was first used (MI_USER_PAGES::Write of the form MiMakeLookupPte). PrototypeCount is one more.
/// - A write to a page with a copy-on-write protection goes on as a fault of that kind (MiResolveCopyOnWriteFault).
/// - A page of zeros of an image's copy-on-write part is private from the start: a fault of the kind DemandZero, with the copy's
///   protection.
/// - A page that is being read is waited for as a private one is (MiJoinPageRead, MiWaitForPageRead). One that is not in memory is
///   read by MiReadPrototypePage.
/// @returns STATUS_PAGE_FAULT_DEMAND_ZERO; STATUS_PAGE_FAULT_TRANSITION: it was in memory; STATUS_PAGE_FAULT_COPY_ON_WRITE; what the
/// routines that it goes on with return; STATUS_NO_MEMORY: then the process has no share
NTSTATUS MiResolveProtoPteFault(MI_FAULT& fault) {
    // LAB(2.7) begin
    const ULONG vpn = VpnOf(fault.VirtualAddress);
    MMPTE* const prototype = MiPrototypeOfPage(fault.Vad, vpn);
    if (!prototype || !FindProtection(fault)) return STATUS_ACCESS_VIOLATION;
    if (IsPrivateFromTheStart(fault, prototype)) {
        fault.Protection = MiProtectionOfCopy(fault.Protection);
        return MiResolveDemandZeroFault(fault);
    }

    PFN_NUMBER frame;
    bool first;
    MI_IN_PAGE* read = nullptr;
    const NTSTATUS status = TakeShare(prototype, fault.Pte, &frame, &first, &read);
    if (read) return MiWaitForPageRead(fault, read);
    if (status == STATUS_NOT_FOUND) return MiReadPrototypePage(fault, MiSubsectionOfPage(fault.Vad, vpn), prototype);
    if (status == STATUS_RETRY || !NT_SUCCESS(status)) return status;

    MI_USER_PAGES(*fault.Space).Write(vpn, MiMakeLookupPte(fault.Protection)); // in use from now on
    const MMPTE valid = SharedPte(frame, fault.Protection, fault.Pte);
    if (!MiMapFaultedPage(fault, frame, valid, first)) {
        ReleaseShare(fault.Pte, valid);
        return STATUS_NO_MEMORY;
    }
    InterlockedIncrement(&MmInfoCounters.PrototypeCount);
    if (fault.Write && valid.Hard.CopyOnWrite) return MiResolveCopyOnWriteFault(fault);
    return status;
    // LAB(2.7) else
    //| LAB_NOT_IMPLEMENTED("2.7");
    // LAB(2.7) end
}

/// A shared page leaves a working set. *pte is valid with Prototype; the caller releases the working set entry.
///
/// - Post: *pte leads to the prototype PTE, with this protection (MiMakeLookupPte), before any processor forgets the page. What the
///   processor had noted (Dirty) is the page's (MiCaptureDirtyBit).
/// - The share is given back when no processor knows the page through *pte, and so is that of the page table.
bool MiTrimProtoPte(MMSUPPORT*, MMPTE* pte, ULONG protection) {
    // LAB(2.7) begin
    const MMPTE old = Exchange(pte, MiMakeLookupPte(protection));
    KeFlushSingleTb(MiGetVirtualAddressMappedByPte(pte), TRUE);
    ReleaseShare(pte, old);
    return true;
    // LAB(2.7) else
    //| LAB_NOT_IMPLEMENTED("2.7");
    // LAB(2.7) end
}

/// An entry of a view goes: *pte is `after`. One that was valid gives its share back as a trimmed one does; one that was not holds
/// none.
void MiDeleteProtoPte(MMPTE* pte, MMPTE after) {
    // LAB(2.7) begin
    const MMPTE old = Exchange(pte, after);
    if (!old.Hard.Valid) return;
    KeFlushSingleTb(MiGetVirtualAddressMappedByPte(pte), TRUE);
    ReleaseShare(pte, old);
    // LAB(2.7) else
    //| LAB_NOT_IMPLEMENTED("2.7");
    // LAB(2.7) end
}

ULONG MiProtoPteProtection(MM_ADDRESS_SPACE& space, const MMPTE* pte) {
    if (!pte->Hard.Valid) return pte->Soft.Protection;
    return space.Vm.VmWorkingSetList->Wsle[IndexOf(space, pte)].e1.Protection;
}

void MiSetProtoPteProtection(MM_ADDRESS_SPACE& space, MMPTE* pte, ULONG protection) {
    if (!pte->Hard.Valid) {
        pte->Long = MiMakeLookupPte(protection).Long;
        return;
    }
    const ULONG index = IndexOf(space, pte);
    if (!MiMayBeValid(protection)) { // it leaves the working set
        MiReleaseLockedWsle(&space.Vm, index);
        (void)MiTrimProtoPte(&space.Vm, pte, protection);
        return;
    }
    space.Vm.VmWorkingSetList->Wsle[index].e1.Protection = protection;
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber;
    const MMPTE old = Exchange(pte, SharedPte(frame, protection, pte));
    KeFlushSingleTb(MiGetVirtualAddressMappedByPte(pte), TRUE);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiCaptureDirtyBit(frame, old);
}

/// Takes a share for an entry of a view in system space, which is in no working set. The share, the frame and the prototype PTE are
/// then as after a fault of a process, and *pte is the caller's to write.
/// @param pte its page table is shared once more. @param[out] frame the page. @param[out] first whether no other entry has it.
/// @param[out] read the read to wait for, where the page is being read. @returns STATUS_PAGE_FAULT_*: the caller has the share;
/// STATUS_RETRY: wait for the read, or decide anew; STATUS_NOT_FOUND: the page is not in memory; STATUS_NO_MEMORY; why it could not be
/// read; STATUS_ACCESS_VIOLATION: there is no such page
NTSTATUS MiTakePrototypeShare(MMPTE* prototype, const MMPTE* pte, PFN_NUMBER* frame, bool* first, MI_IN_PAGE** read) {
    // LAB(2.7) begin
    return TakeShare(prototype, pte, frame, first, read);
    // LAB(2.7) else
    //| LAB_NOT_IMPLEMENTED("2.7");
    // LAB(2.7) end
}

/// Gives such a share back, as when an entry of a process goes. @param old what the entry was while it was valid; no processor knows it
/// any more
void MiReleasePrototypeShare(const MMPTE* pte, MMPTE old) {
    // LAB(2.7) begin
    ReleaseShare(pte, old);
    // LAB(2.7) else
    //| LAB_NOT_IMPLEMENTED("2.7");
    // LAB(2.7) end
}
