// Mapping a view and taking it away.
//
// A view is made in this order, so that a step that fails leaves nothing: the control area gets a view, pages that may be copied
// are charged, the range is made. It goes in the reverse order, its page table entries first.
// Locks, IRQL: views.h. In the books: "section objects". POL-08, POL-09, POL-07
#include "mm/section/views.h"
#include "ex/pool.h"
#include "mm/charge.h"
#include "mm/protect.h"
#include "mm/vad/services.h"

namespace {

constexpr ULONG MAXIMUM_ZERO_BITS = 20;

/// What is wrong with the request. @param protection[out] MM_PROTECTION of the view.
NTSTATUS CheckRequest(const SECTION* section, const MI_VIEW_REQUEST& request, ULONG* protection) {
    if (request.Base >= MI_END_OF_USER) return STATUS_INVALID_PARAMETER_3;
    if (request.ZeroBits > MAXIMUM_ZERO_BITS) return STATUS_INVALID_PARAMETER_4;
    if (request.Size > MI_END_OF_USER - request.Base) return STATUS_INVALID_PARAMETER_7;
    if (request.Inherit != ViewShare && request.Inherit != ViewUnmap) return STATUS_INVALID_PARAMETER_8;
    if (request.AllocationType & ~MEM_TOP_DOWN) return STATUS_INVALID_PARAMETER_9;
    *protection = MiMakeProtectionMask(request.Protect);
    if (*protection == MM_INVALID_PROTECTION) return STATUS_INVALID_PAGE_PROTECTION;
    if (section->Segment->ControlArea->Flags.Image) {
        if (request.Offset != 0) return STATUS_INVALID_VIEW_SIZE;
        *protection = MM_EXECUTE_WRITECOPY;
        return STATUS_SUCCESS;
    }
    if (!MiIsViewAllowed(section->InitialPageProtection, *protection)) return STATUS_SECTION_PROTECTION;
    if (request.Offset % MM_ALLOCATION_GRANULARITY != 0) return STATUS_MAPPED_ALIGNMENT;
    if (section->AllocationAttributes & SEC_NOCACHE) *protection |= MM_NOCACHE;
    return STATUS_SUCCESS;
}

/// How many bytes the view has.
NTSTATUS ChooseSize(const SECTION* section, const MI_VIEW_REQUEST& request, SIZE_T* size) {
    const ULONGLONG end = section->SizeOfSection;
    if (request.Offset >= end) return STATUS_INVALID_VIEW_SIZE;
    const ULONGLONG left = end - request.Offset;
    const ULONGLONG pages = (left + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE; // the last page is there as a whole
    const bool whole = request.Size == 0 || section->Segment->ControlArea->Flags.Image;
    if (!whole && request.Size > pages) return STATUS_INVALID_VIEW_SIZE;
    const ULONGLONG wanted = whole ? left : request.Size;
    if (wanted > MI_END_OF_USER) return STATUS_INVALID_VIEW_SIZE;
    *size = SIZE_T(wanted);
    return STATUS_SUCCESS;
}

/// The view's range, in no tree yet. Its pages are chosen later.
MMVAD* AllocateView(SECTION* section, const MI_VIEW_REQUEST& request, ULONG pages, ULONG protection) {
    CONTROL_AREA* const area = section->Segment->ControlArea;
    const auto first = ULONG(request.Offset / PAGE_SIZE);
    SUBSECTION* const subsection = MiLocateSubsection(area, first);
    auto* const vad = static_cast<MMVAD*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(MMVAD), MI_VAD_TAG));
    if (!vad) return nullptr;
    *vad = {};
    vad->Flags.Protection = protection;
    vad->Flags.ViewUnmap = request.Inherit == ViewUnmap;
    vad->ControlArea = area;
    if (area->Flags.Image) {
        vad->Flags.VadType = VadImageMap;
        vad->Flags.CommitCharge = section->Segment->CopyOnWritePages;
        vad->FirstPrototypePte = area->FirstSubsection->SubsectionBase;
        vad->LastContiguousPte = vad->FirstPrototypePte + section->Segment->TotalNumberOfPtes - 1;
        return vad;
    }
    vad->Flags.CommitCharge = MiIsCopyOnWrite(protection) ? pages : 0;
    vad->FirstPrototypePte = subsection->SubsectionBase + (first - subsection->StartingPage);
    vad->LastContiguousPte = subsection->SubsectionBase + subsection->PtesInSubsection - 1;
    return vad;
}

/// Where an image would lie, if there is room and the caller has not named a place.
ULONG_PTR WantedBase(const MM_ADDRESS_SPACE& space, const SEGMENT* segment, const MI_VIEW_REQUEST& request,
                     ULONG pages) {
    const ULONG_PTR wanted = segment->BasedAddress;
    if (request.Base != 0 || wanted < MM_LOWEST_USER_ADDRESS || wanted >= MI_END_OF_USER) return request.Base;
    const MI_PAGES there = MiPagesOf(wanted, SIZE_T(pages) * PAGE_SIZE);
    if (there.Last > MI_HIGHEST_USER_VPN || (request.ZeroBits != 0 && there.Last > MI_MAXIMUM_VPN >> request.ZeroBits))
        return 0;
    return MiCheckForConflictingNode(there.First, there.Last, &space.VadRoot) ? 0 : wanted;
}

/// Gives the range its pages and puts it into the tree.
NTSTATUS Insert(MM_ADDRESS_SPACE& space, const SEGMENT* segment, MI_VIEW_REQUEST* request, MMVAD* vad, ULONG pages) {
    MI_SPACE_GUARD guard(space);
    if (space.Deleted) return STATUS_PROCESS_IS_TERMINATING;
    const ULONG_PTR base = WantedBase(space, segment, *request, pages);
    MI_PAGES range;
    NT_TRY(MiChoosePages(space, base, request->ZeroBits, SIZE_T(pages) * PAGE_SIZE, request->AllocationType, &range));
    if (range.Last > MI_HIGHEST_USER_VPN) return STATUS_CONFLICTING_ADDRESSES;
    // An address that is not on a multiple of 64 KB is rounded down; the view keeps its length.
    vad->Node.StartingVpn = range.First;
    vad->Node.EndingVpn = range.First + pages - 1;
    MiInsertVad(space, vad);
    request->Base = MiPagesOf(vad).Base();
    request->Size = MiPagesOf(vad).Bytes();
    return STATUS_SUCCESS;
}

/// Makes a view of a control area that counts it already.
NTSTATUS MakeView(MM_ADDRESS_SPACE& space, SECTION* section, MI_VIEW_REQUEST* request, SIZE_T size, ULONG protection) {
    const ULONG pages = MiPagesOf(0, size).Count();
    MMVAD* const vad = AllocateView(section, *request, pages, protection);
    if (!vad) return STATUS_INSUFFICIENT_RESOURCES;
    const ULONG charge = vad->Flags.CommitCharge;
    NTSTATUS status = MiChargeCommitment(charge, &space);
    if (NT_SUCCESS(status)) {
        status = Insert(space, section->Segment, request, vad, pages);
        if (NT_SUCCESS(status)) return status;
        MiReturnCommitment(charge, &space);
    }
    MiFreeVad(vad);
    return status;
}

/// Takes a view out of the tree, with what its page tables hold. @returns its control area, which counts it still.
CONTROL_AREA* Remove(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, MMVAD* vad) {
    CONTROL_AREA* const area = vad->ControlArea;
    const MI_PAGES pages = MiPagesOf(vad);
    MiDeletePages(table, pages, MI_ZERO_PTE);
    table.FreeTables(pages.First, pages.Last);
    MiReturnCommitment(vad->Flags.CommitCharge, &space);
    space.VirtualSize -= pages.Bytes();
    MiRemoveNode(&vad->Node, &space.VadRoot);
    MiFreeVad(vad);
    return area;
}

/// The lowest view of an address space; nullptr: there is none.
MMVAD* FirstView(const MM_ADDRESS_SPACE& space) {
    const MMADDRESS_NODE* node = MiCheckForConflictingNode(0, MI_MAXIMUM_VPN, &space.VadRoot);
    for (; node; node = MiGetNextNode(node)) {
        MMVAD* const vad = MiVadOf(const_cast<MMADDRESS_NODE*>(node));
        if (!vad->Flags.PrivateMemory && vad->ControlArea) return vad;
    }
    return nullptr;
}

} // namespace

bool MiIsViewAllowed(ULONG section, ULONG view) {
    constexpr ULONG execute =
        2; // of the first eight protections, those that differ in this bit alone differ in execution
    if (view == MM_NOACCESS) return true;
    const ULONG use = view & MM_USE_MASK, own = section & MM_USE_MASK;
    if ((use & execute) && !(own & execute)) return false;
    // A copy-on-write view changes nothing but the process's own copies: it may be had of everything that may be read.
    return MiIsCopyOnWrite(use) || !MiIsAccessAllowed(use, MI_ACCESS::Write) ||
           (MiIsAccessAllowed(own, MI_ACCESS::Write) && !MiIsCopyOnWrite(own));
}

NTSTATUS MiMapViewOfSection(MM_ADDRESS_SPACE& space, SECTION* section, MI_VIEW_REQUEST* request) {
    ULONG protection = 0;
    SIZE_T size = 0;
    NT_TRY(CheckRequest(section, *request, &protection));
    NT_TRY(ChooseSize(section, *request, &size));
    CONTROL_AREA* const area = section->Segment->ControlArea;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        MiReferenceControlArea(area, MI_AREA_USE::View);
    }
    const NTSTATUS status = MakeView(space, section, request, size, protection);
    if (!NT_SUCCESS(status)) {
        MiDereferenceControlArea(area, MI_AREA_USE::View);
        return status;
    }
    if (area->Flags.Image && request->Base != section->Segment->BasedAddress) return STATUS_IMAGE_NOT_AT_BASE;
    return STATUS_SUCCESS;
}

NTSTATUS MiUnmapViewOfSection(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR address) {
    CONTROL_AREA* area;
    {
        MI_SPACE_GUARD guard(space);
        MMVAD* const vad = MiLocateVad(space, ULONG(address >> PAGE_SHIFT));
        if (!vad || vad->Flags.PrivateMemory || !vad->ControlArea) return STATUS_NOT_MAPPED_VIEW;
        if (vad->Flags.NoChange) return STATUS_INVALID_PAGE_PROTECTION;
        area = Remove(space, table, vad);
    }
    MiDereferenceControlArea(area, MI_AREA_USE::View);
    return STATUS_SUCCESS;
}

void MiUnmapAllViews(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table) {
    for (;;) {
        CONTROL_AREA* area;
        {
            MI_SPACE_GUARD guard(space);
            space.Deleted = TRUE;
            MMVAD* const vad = FirstView(space);
            if (!vad) return;
            area = Remove(space, table, vad);
        }
        MiDereferenceControlArea(area, MI_AREA_USE::View);
    }
}
