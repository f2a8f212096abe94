// Writing what a process has changed in a view to the file.
//
// The processor notes a change in the dirty bit of this process's entry alone. So the bits of the range go to the pages first, and are
// clear before the processors have forgotten the entries: a change that comes later is noted again.
// Locks: the WorkingSetMutex for the entries; the write holds none. IRQL: APC_LEVEL, PASSIVE_LEVEL for the write.
// In the books: "flushing views". POL-08
#include "ke/ipi.h"
#include "mm/section/views.h"
#include "mm/vad/userpages.h"

namespace {

/// The dirty bits of the pages go to the page frame database.
void CaptureDirtyBits(MI_USER_PAGES& table, MI_PAGES pages) {
    bool any = false;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        MMPTE pte = table.Read(vpn);
        if (!pte.Hard.Valid || !pte.Hard.Prototype || !pte.Hard.Dirty) continue;
        MMPTE* const entry = MiGetPteAddress(reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT));
        constexpr ULONG dirty = 1u << 6;
        (void)__atomic_fetch_and(&entry->Long, ~dirty, __ATOMIC_SEQ_CST);
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        MiCaptureDirtyBit(pte.Hard.PageFrameNumber, pte);
        any = true;
    }
    if (any) KeFlushEntireTb(FALSE, TRUE);
}

/// Finds the range's pages in their segment, with the entries' dirty bits captured. @param[out] area has one user more.
NTSTATUS Begin(MM_ADDRESS_SPACE& space, ULONG_PTR base, SIZE_T size, MI_PAGES* pages, CONTROL_AREA** area,
               ULONG* first) {
    MI_SPACE_GUARD guard(space);
    const MMVAD* const vad = MiLocateVad(space, ULONG(base >> PAGE_SHIFT));
    if (!vad || vad->Flags.PrivateMemory || !vad->ControlArea) return STATUS_NOT_MAPPED_VIEW;
    if (!vad->ControlArea->Flags.File || vad->ControlArea->Flags.Image) return STATUS_NOT_MAPPED_DATA;
    pages->First = ULONG(base >> PAGE_SHIFT);
    pages->Last = vad->Node.EndingVpn;
    if (size != 0) pages->Last = MiPagesOf(base, size).Last;
    if (pages->Last < pages->First || pages->Last > vad->Node.EndingVpn) return STATUS_NOT_MAPPED_VIEW;
    MI_USER_PAGES table(space);
    CaptureDirtyBits(table, *pages);
    *area = vad->ControlArea;
    *first = MiSegmentPageOf(vad, pages->First);
    nt::QueuedSpinLockGuard lock(LockQueuePfnLock);
    MiReferenceControlArea(*area, MI_AREA_USE::Transfer);
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS MiFlushView(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size) {
    MI_PAGES pages{};
    CONTROL_AREA* area = nullptr;
    ULONG first = 0;
    NT_TRY(Begin(space, *base, *size, &pages, &area, &first));
    const NTSTATUS status = MiFlushSegment(area, first, pages.Count());
    MiDereferenceControlArea(area, MI_AREA_USE::Transfer);
    *base = pages.Base();
    *size = pages.Bytes();
    return status;
}
