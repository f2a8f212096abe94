// Mapping sections in system space, and the faults on such views.
//
// Each entry of a view leads to its prototype PTE by address, because no VAD describes system space. The first use of a page is a
// fault, which takes a share of it; the view keeps the share until it is unmapped.
//
//     entry: address of the prototype PTE --fault--> valid, a share of the page --unmap--> 0, the share given back
//
// Simplified: pages of a view do not leave memory before the view goes: there is no working set that they could be trimmed from.
// Locks: the mutex of this file guards the tree of views and their entries; a read of a page releases it. IRQL: PASSIVE_LEVEL, faults
// APC_LEVEL. In the books: "section objects", "system address space". POL-08, MEM-05, MEM-08
#include "mm/section/systemview.h"
#include "ex/pool.h"
#include "ke.h"
#include "ke/flushtb.h"
#include "mm/fault/fault.h"
#include "mm/mi.h"
#include "mm/protect.h"
#include "mm/section/views.h"
#include "mm/ws/shortage.h"
#include "nt/atomic.h"

namespace {

constexpr ULONG VIEW_TAG = EX_TAG("MmSv");
constexpr ULONG FIRST_VPN = MM_SYSTEM_VIEW_START >> PAGE_SHIFT, LAST_VPN = (MM_PTE_BASE >> PAGE_SHIFT) - 1;
constexpr ULONG ALIGNMENT = MM_ALLOCATION_GRANULARITY / PAGE_SIZE;

/// A view; a node of the tree of all of them.
struct SYSTEM_VIEW {
    MMADDRESS_NODE Node;
    CONTROL_AREA* ControlArea;
    ULONG Protection; ///< MM_PROTECTION of its pages
};

MMSUPPORT Set;      ///< its mutex is the lock here, which a read of a page knows how to release
MM_AVL_TABLE Views; ///< SYSTEM_VIEW; under that mutex

PVOID AddressOf(ULONG vpn) { return reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT); }
ULONG VpnOf(const void* address) { return ULONG(reinterpret_cast<ULONG_PTR>(address) >> PAGE_SHIFT); }

/// The view that holds a page; nullptr: none.
SYSTEM_VIEW* Locate(ULONG vpn) {
    MMADDRESS_NODE* const node = MiLocateAddressInTree(vpn, &Views);
    return node ? CONTAINING_RECORD(node, SYSTEM_VIEW, Node) : nullptr;
}

bool MakeTables(ULONG vpn, ULONG pages) {
    nt::SpinLockGuard guard(MiPageLock);
    const ULONG first = vpn / PTE_PER_PAGE * PTE_PER_PAGE;
    return MiMakePageTables(ULONG_PTR(first) << PAGE_SHIFT, pages + vpn - first);
}

/// Gives a view its place, and its entries.
NTSTATUS Insert(SYSTEM_VIEW* view, ULONG pages) {
    const nt::FastMutexGuard guard(Set.WorkingSetMutex);
    ULONG first;
    if (!MiFindEmptyAddressRange(&Views, pages, ALIGNMENT, FIRST_VPN, LAST_VPN, &first)) return STATUS_NO_MEMORY;
    if (!MakeTables(first, pages)) return STATUS_INSUFFICIENT_RESOURCES; // tables that were made stay for the next view
    for (ULONG page = 0; page < pages; page++) {
        PVOID const address = AddressOf(first + page);
        (void)MiIsPdeValid(address); // this process may not know the table yet
        MiGetPteAddress(address)->Long = MiMakeProtoPte(MiLocatePrototype(view->ControlArea, page)).Long;
    }
    view->Node.StartingVpn = first;
    view->Node.EndingVpn = first + pages - 1;
    MiInsertNode(&view->Node, &Views);
    return STATUS_SUCCESS;
}

/// Takes the entries of a view away, and gives the shares of its pages back, once no processor knows them.
void DeleteEntries(const SYSTEM_VIEW* view) {
    for (ULONG vpn = view->Node.StartingVpn; vpn <= view->Node.EndingVpn;) {
        MMPTE old[FLUSH_MULTIPLE_MAXIMUM];
        KTB_FLUSH_LIST list = {};
        ULONG count = 0;
        for (; count < FLUSH_MULTIPLE_MAXIMUM && vpn + count <= view->Node.EndingVpn; count++) {
            PVOID const address = AddressOf(vpn + count);
            (void)MiIsPdeValid(address);
            old[count].Long = __atomic_exchange_n(&MiGetPteAddress(address)->Long, 0, __ATOMIC_SEQ_CST);
            if (old[count].Hard.Valid) list.Add(address);
        }
        if (list.Count != 0) KeFlushMultipleTb(&list, nullptr);
        for (ULONG i = 0; i < count; i++)
            if (old[i].Hard.Valid) MiReleasePrototypeShare(MiGetPteAddress(AddressOf(vpn + i)), old[i]);
        vpn += count;
    }
}

/// One attempt. The mutex is held.
NTSTATUS ResolveOnce(MI_FAULT& fault) {
    const ULONG vpn = VpnOf(fault.VirtualAddress);
    const SYSTEM_VIEW* const view = Locate(vpn);
    if (!view || !MiIsPdeValid(fault.VirtualAddress)) return STATUS_NOT_FOUND;
    if (fault.Pte->Hard.Valid) return STATUS_SUCCESS; // another thread was first
    MMPTE* const prototype = MiPrototypeOfPte(*fault.Pte);
    PFN_NUMBER frame;
    bool first;
    MI_IN_PAGE* read = nullptr;
    const NTSTATUS status = MiTakePrototypeShare(prototype, fault.Pte, &frame, &first, &read);
    if (read) return MiWaitForPageRead(fault, read);
    if (status == STATUS_NOT_FOUND) {
        SUBSECTION* const subsection = MiLocateSubsection(view->ControlArea, vpn - view->Node.StartingVpn);
        return MiReadPrototypePage(fault, subsection, prototype);
    }
    if (status == STATUS_RETRY || !NT_SUCCESS(status)) return status;
    MMPTE valid = MiMakeValidPte(frame, view->Protection, fault.Pte);
    valid.Hard.Prototype = 1;
    fault.Pte->Long = valid.Long;
    InterlockedIncrement(&MmInfoCounters.PrototypeCount);
    return status;
}

} // namespace

void MiInitializeSystemViews() { ExInitializeFastMutex(&Set.WorkingSetMutex); }

NTSTATUS MiResolveSystemViewFault(PVOID address, bool write) {
    NT_ASSERT(Set.WorkingSetMutex.Owner != KeGetCurrentThread());
    MI_FAULT fault = {.VirtualAddress = address,
                      .Write = write,
                      .PreviousMode = KernelMode,
                      .WorkingSet = &Set,
                      .Pte = MiGetPteAddress(address)};
    for (;;) {
        NTSTATUS status;
        {
            const nt::FastMutexGuard guard(Set.WorkingSetMutex);
            status = ResolveOnce(fault);
        }
        if (status == STATUS_NO_MEMORY) {
            MiWaitForAvailablePages();
        } else if (status != STATUS_RETRY) {
            return status;
        }
    }
}

extern "C" {

NTSTATUS NTAPI MmMapViewInSystemSpace(PVOID Section, PVOID* MappedBase, SIZE_T* ViewSize) {
    const auto* const section = static_cast<const SECTION*>(Section);
    CONTROL_AREA* const area = section->Segment->ControlArea;
    if (area->Flags.Image) return STATUS_INVALID_PARAMETER;
    const ULONGLONG size = *ViewSize != 0 ? *ViewSize : section->SizeOfSection;
    const ULONGLONG pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
    if (pages > (section->SizeOfSection + PAGE_SIZE - 1) / PAGE_SIZE) return STATUS_INVALID_VIEW_SIZE;
    if (pages > LAST_VPN - FIRST_VPN + 1) return STATUS_NO_MEMORY;

    auto* const view = static_cast<SYSTEM_VIEW*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(SYSTEM_VIEW), VIEW_TAG));
    if (!view) return STATUS_INSUFFICIENT_RESOURCES;
    const ULONG own = section->InitialPageProtection;
    *view = {.Node = {}, .ControlArea = area, .Protection = MiIsCopyOnWrite(own) ? ULONG(MM_READONLY) : own};
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        MiReferenceControlArea(area, MI_AREA_USE::View);
    }
    if (const NTSTATUS status = Insert(view, ULONG(pages)); !NT_SUCCESS(status)) {
        MiDereferenceControlArea(area, MI_AREA_USE::View);
        ExFreePoolWithTag(view, VIEW_TAG);
        return status;
    }
    *MappedBase = AddressOf(view->Node.StartingVpn);
    *ViewSize = SIZE_T(pages) * PAGE_SIZE;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI MmUnmapViewInSystemSpace(PVOID MappedBase) {
    SYSTEM_VIEW* view;
    {
        const nt::FastMutexGuard guard(Set.WorkingSetMutex);
        view = MiIsSystemView(MappedBase) ? Locate(VpnOf(MappedBase)) : nullptr;
        if (!view || AddressOf(view->Node.StartingVpn) != MappedBase) return STATUS_NOT_MAPPED_VIEW;
        DeleteEntries(view);
        MiRemoveNode(&view->Node, &Views);
    }
    MiDereferenceControlArea(view->ControlArea, MI_AREA_USE::View);
    ExFreePoolWithTag(view, VIEW_TAG);
    return STATUS_SUCCESS;
}
}
