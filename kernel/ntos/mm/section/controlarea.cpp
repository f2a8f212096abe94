// Who uses a segment: counting users, finding a file's segment, and its end with the last user.
//
//     MmCreateBackedSection ---> in use ---last user---> being deleted ---modified pages written, pages freed---> gone
//           ^                                            |
//           '------ waits, then makes a new one ---------'
//
// Lock: MmPfnLock. In the books: "control areas". POL-08
#include "mm/pfn/pageaccess.h"
#include "mm/section/segment.h"
#include "nt/assert.h"

namespace {

ULONG& CountOf(CONTROL_AREA* area, MI_AREA_USE use) {
    switch (use) {
    case MI_AREA_USE::Section: return area->NumberOfSectionReferences;
    case MI_AREA_USE::View: return area->NumberOfMappedViews;
    default: return area->NumberOfUserReferences;
    }
}

bool IsUsed(const CONTROL_AREA* area) {
    return (area->NumberOfSectionReferences | area->NumberOfMappedViews | area->NumberOfUserReferences) != 0;
}

/// What names the segment of a file.
CONTROL_AREA*& SlotOf(MM_BACKING* file, bool image) REQUIRES_PFN_LOCK {
    return image ? file->SectionObjectPointer.ImageSectionObject : file->SectionObjectPointer.DataSectionObject;
}

/// Frees the page of a prototype PTE that no view uses, wherever it is.
void DeletePrototype(MMPTE* prototype) REQUIRES_PFN_LOCK {
    const MMPTE pte = *prototype;
    NT_ASSERT(MiPteKind(pte) != MI_PTE_KIND::Valid);
    if (MiPteKind(pte) == MI_PTE_KIND::Transition) MiDeletePfn(pte.Trans.PageFrameNumber);
    if (MiPteKind(pte) == MI_PTE_KIND::PageFile) MiReleasePageOfPageFile(pte);
    prototype->Long = 0;
}

/// Frees the pages of a segment. The lock is given back now and then, so that nobody waits long for it.
void DeletePages(const CONTROL_AREA* area) {
    constexpr ULONG pagesAtOnce = 64;
    for (const SUBSECTION* subsection = area->FirstSubsection; subsection; subsection = subsection->NextSubsection) {
        for (ULONG page = 0; page < subsection->PtesInSubsection;) {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            for (ULONG i = 0; i < pagesAtOnce && page < subsection->PtesInSubsection; i++)
                DeletePrototype(&subsection->SubsectionBase[page++]);
        }
    }
}

/// The file has no such segment any more: wakes the threads that wait for this.
void Forget(CONTROL_AREA* area) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    SlotOf(area->FilePointer, area->Flags.Image) = nullptr;
    while (MI_DELETION_WAIT* const wait = area->WaitingForDeletion) {
        area->WaitingForDeletion = wait->Next; // once it is woken, it may be gone
        (void)KeSetEvent(&wait->Event, 0, FALSE);
    }
}

/// The end of a segment that nobody uses: BeingDeleted keeps everybody away.
void Delete(CONTROL_AREA* area) {
    // A page that cannot be written is lost: nobody is left who could be told.
    if (area->Flags.File && !area->Flags.Image) (void)MiFlushSegment(area, 0, area->Segment->TotalNumberOfPtes);
    DeletePages(area);
    NT_ASSERT(area->NumberOfPfnReferences == 0);
    if (area->Flags.File) Forget(area);
    MiFreeSegment(area->Segment);
}

NTSTATUS Make(MM_BACKING* file, bool image, ULONGLONG size, SEGMENT** made) {
    return image ? MiCreateImageSegment(file, made) : MiCreateDataSegment(file, size, made);
}

/// Takes the file's segment, or gives it the one that the caller has made. @returns the segment; nullptr: there is none, or
/// it is being deleted. Then `wait`, if it is, is told the end.
SEGMENT* TakeOrGive(MM_BACKING* file, bool image, SEGMENT* made, MI_DELETION_WAIT* wait, bool* waiting) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    CONTROL_AREA*& slot = SlotOf(file, image);
    *waiting = false;
    if (slot && slot->Flags.BeingDeleted) {
        KeInitializeEvent(&wait->Event, NotificationEvent, FALSE);
        wait->Next = slot->WaitingForDeletion;
        slot->WaitingForDeletion = wait;
        *waiting = true;
        return nullptr;
    }
    if (!slot && made) slot = made->ControlArea;
    if (!slot) return nullptr;
    slot->NumberOfSectionReferences++;
    return slot->Segment;
}

} // namespace

void MiReferenceControlArea(CONTROL_AREA* area, MI_AREA_USE use) {
    NT_ASSERT(!area->Flags.BeingDeleted);
    CountOf(area, use)++;
}

void MiDereferenceControlArea(CONTROL_AREA* area, MI_AREA_USE use) {
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        NT_ASSERT(CountOf(area, use) != 0);
        CountOf(area, use)--;
        if (IsUsed(area)) return;
        area->Flags.BeingDeleted = 1;
    }
    Delete(area);
}

NTSTATUS MiReferenceFileSegment(MM_BACKING* file, bool image, ULONGLONG size, SEGMENT** found) {
    SEGMENT* made = nullptr;
    for (;;) {
        MI_DELETION_WAIT wait;
        bool waiting;
        *found = TakeOrGive(file, image, made, &wait, &waiting);
        if (*found) {
            if (made && *found != made) MiFreeSegment(made); // another thread was first
            return STATUS_SUCCESS;
        }
        if (waiting)
            (void)KeWaitForSingleObject(&wait.Event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        else
            NT_TRY(Make(file, image, size, &made));
    }
}
