// Making and freeing segments: the structures, and prototype PTEs that say where each page comes from.
//
//     page file         every page: demand zero; of reserved memory: decommitted, until it is committed
//     data of a file    every page: read through the subsection
//     image             bytes of the file: read through the subsection of their part; behind them: demand zero;
//                       between parts: 0, no page
//
// In the books: "section objects", "control areas", "image activation". POL-08, POL-09
#include "ex/pool.h"
#include "mm/charge.h"
#include "mm/pfn/pageaccess.h"
#include "mm/section/imagelayout.h"
#include "mm/section/segment.h"
#include "nt/assert.h"

namespace {

constexpr ULONG MAXIMUM_PAGES = 1u << 20; ///< 4 GB

/// A block of the pool that goes with the guard, unless it is kept.
template <typename T> class POOL_BLOCK {
public:
    POOL_BLOCK(SIZE_T bytes, ULONG tag) : m_tag(tag) {
        m_block = static_cast<T*>(ExAllocatePoolWithTag(NonPagedPool, bytes, tag));
    }
    ~POOL_BLOCK() {
        if (m_block) ExFreePoolWithTag(m_block, m_tag);
    }
    POOL_BLOCK(const POOL_BLOCK&) = delete;
    POOL_BLOCK& operator=(const POOL_BLOCK&) = delete;
    explicit operator bool() const { return m_block != nullptr; }
    T* operator->() const { return m_block; }
    [[nodiscard]] T* Get() const { return m_block; }
    T* Keep() {
        T* const kept = m_block;
        m_block = nullptr;
        return kept;
    }

private:
    T* m_block;
    const ULONG m_tag;
};

/// @param pages at most MAXIMUM_PAGES.
bool PagesOf(ULONGLONG size, ULONG* pages) {
    const ULONGLONG count = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
    *pages = ULONG(count);
    return count != 0 && count <= MAXIMUM_PAGES;
}

/// Whether a PTE has bits enough for the distance of a subsection.
bool IsNear(const void* end) {
    return reinterpret_cast<ULONG_PTR>(end) - MmNonPagedPoolStart <= MI_FARTHEST_SUBSECTION;
}

/// A segment without users, with its subsections and prototype PTEs. Subsections and prototype PTEs are all 0.
NTSTATUS Allocate(MM_BACKING* file, ULONG subsections, ULONG pages, SEGMENT** made) {
    const SIZE_T areaBytes = sizeof(CONTROL_AREA) + subsections * sizeof(SUBSECTION);
    POOL_BLOCK<SEGMENT> segment(sizeof(SEGMENT), MI_SEGMENT_TAG);
    POOL_BLOCK<CONTROL_AREA> area(areaBytes, MI_CONTROL_AREA_TAG);
    POOL_BLOCK<MMPTE> prototypes(SIZE_T(pages) * sizeof(MMPTE), MI_PROTOTYPE_TAG);
    if (!segment || !area || !prototypes) return STATUS_INSUFFICIENT_RESOURCES;
    auto* const first = reinterpret_cast<SUBSECTION*>(area.Get() + 1);
    if (!IsNear(first + subsections) || !IsNear(prototypes.Get() + pages)) return STATUS_INSUFFICIENT_RESOURCES;

    *area.Get() = {};
    area->Segment = segment.Get();
    area->FilePointer = file;
    area->Flags.File = file != nullptr;
    area->NumberOfSubsections = subsections;
    area->FirstSubsection = first;
    for (ULONG i = 0; i < subsections; i++) {
        first[i] = {};
        first[i].ControlArea = area.Get();
        first[i].NextSubsection = i + 1 < subsections ? &first[i + 1] : nullptr;
    }
    first[0].SubsectionBase = prototypes.Get();
    for (ULONG i = 0; i < pages; i++)
        prototypes.Get()[i].Long = 0;
    *segment.Get() = {};
    segment->ControlArea = area.Get();
    segment->TotalNumberOfPtes = pages;
    if (file) MmReferenceBacking(file);

    (void)area.Keep();
    (void)prototypes.Keep();
    *made = segment.Keep();
    return STATUS_SUCCESS;
}

void SetFileBytes(SUBSECTION* subsection, ULONGLONG bytes) {
    subsection->NumberOfFullSectors = ULONG(bytes / MM_SECTOR_SIZE);
    subsection->Flags.SectorEndOffset = ULONG(bytes % MM_SECTOR_SIZE);
}

/// Fills the prototype PTEs of a subsection: pages of the file's bytes, then pages of zeros.
void FillPrototypes(SUBSECTION* subsection, ULONG protection) {
    const ULONGLONG bytes = MiBytesOfSubsection(subsection);
    const MMPTE inFile = MiMakeSubsectionPte(subsection, protection);
    MMPTE zeros = {};
    zeros.Soft.Protection = protection;
    for (ULONG page = 0; page < subsection->PtesInSubsection; page++)
        subsection->SubsectionBase[page] = ULONGLONG(page) * PAGE_SIZE < bytes ? inFile : zeros;
}

/// Reads the layout of an image from its file. @param headers a block of MI_IMAGE_HEADER_BYTES, at a page's start
NTSTATUS ReadLayout(MM_BACKING* file, UCHAR* headers, MI_IMAGE_LAYOUT* layout) {
    constexpr ULONG pages = MI_IMAGE_HEADER_BYTES / PAGE_SIZE;
    PFN_NUMBER frames[pages];
    for (ULONG i = 0; i < pages; i++)
        frames[i] = MiFrameOfPte(reinterpret_cast<MMPTE*>(headers + i * PAGE_SIZE)); // any mapped address will do
    ULONG bytes = 0;
    const NTSTATUS status = MiTransferPages(file, false, 0, frames, pages, &bytes);
    if (status == STATUS_END_OF_FILE) return STATUS_INVALID_IMAGE_NOT_MZ; // an empty file
    NT_TRY(status);
    return MiReadImageLayout(headers, bytes, file->Calls->Size(file), layout);
}

/// Fills subsections and prototype PTEs of an image.
void FillImage(SEGMENT* segment, const MI_IMAGE_LAYOUT& layout) {
    MMPTE* const prototypes = segment->ControlArea->FirstSubsection->SubsectionBase;
    SUBSECTION* subsection = segment->ControlArea->FirstSubsection;
    for (ULONG i = 0; i < layout.Parts; i++, subsection = subsection->NextSubsection) {
        const MI_IMAGE_PART& part = layout.Part[i];
        subsection->Flags.Protection = part.Protection;
        subsection->Flags.GlobalMemory = part.Shared;
        subsection->StartingSector = part.FileOffset / MM_SECTOR_SIZE;
        subsection->SubsectionBase = prototypes + part.FirstPage;
        subsection->PtesInSubsection = part.Pages;
        subsection->StartingPage = part.FirstPage;
        SetFileBytes(subsection, part.FileBytes);
        FillPrototypes(subsection, part.Protection);
        if (part.Protection == MM_WRITECOPY || part.Protection == MM_EXECUTE_WRITECOPY)
            segment->CopyOnWritePages += part.Pages;
    }
}

/// Pages of an image that are nowhere but in memory or on a page file: those that all processes write to.
ULONG SharedPages(const MI_IMAGE_LAYOUT& layout) {
    ULONG pages = 0;
    for (ULONG i = 0; i < layout.Parts; i++)
        if (layout.Part[i].Shared) pages += layout.Part[i].Pages;
    return pages;
}

} // namespace

NTSTATUS MiCreatePagingFileSegment(ULONGLONG size, ULONG protection, bool reserve, SEGMENT** made) {
    ULONG pages;
    if (!PagesOf(size, &pages)) return STATUS_SECTION_TOO_BIG;
    const ULONG committed = reserve ? 0 : pages;
    NT_TRY(MiChargeCommitment(committed, nullptr));
    if (const NTSTATUS status = Allocate(nullptr, 1, pages, made); !NT_SUCCESS(status)) {
        MiReturnCommitment(committed, nullptr);
        return status;
    }
    SEGMENT* const segment = *made;
    segment->NumberOfCommittedPages = committed;
    segment->ControlArea->Flags.Reserve = reserve;
    segment->SizeOfSegment = ULONGLONG(pages) * PAGE_SIZE;
    SUBSECTION* const subsection = segment->ControlArea->FirstSubsection;
    subsection->PtesInSubsection = pages;
    subsection->Flags.Protection = protection;
    FillPrototypes(subsection, protection);
    for (ULONG page = committed; page < pages; page++)
        subsection->SubsectionBase[page].Soft.Protection = MM_DECOMMIT;
    return STATUS_SUCCESS;
}

NTSTATUS MiCreateDataSegment(MM_BACKING* file, ULONGLONG size, SEGMENT** made) {
    ULONG pages;
    if (!PagesOf(size, &pages)) return STATUS_SECTION_TOO_BIG;
    NT_TRY(Allocate(file, 1, pages, made));
    SEGMENT* const segment = *made;
    segment->SizeOfSegment = size;
    SUBSECTION* const subsection = segment->ControlArea->FirstSubsection;
    subsection->PtesInSubsection = pages;
    subsection->Flags.Protection = MM_EXECUTE_READWRITE; // views have a protection of their own
    SetFileBytes(subsection, size);
    FillPrototypes(subsection, MM_EXECUTE_READWRITE);
    return STATUS_SUCCESS;
}

NTSTATUS MiExtendDataSegment(SEGMENT* segment, ULONGLONG size) {
    ULONG pages;
    if (!PagesOf(size, &pages)) return STATUS_SECTION_TOO_BIG;
    CONTROL_AREA* const area = segment->ControlArea;
    SUBSECTION* last = area->FirstSubsection;
    while (last->NextSubsection)
        last = last->NextSubsection;
    const ULONG end = segment->TotalNumberOfPtes;
    SUBSECTION* added = nullptr;
    if (pages > end) {
        POOL_BLOCK<SUBSECTION> block(sizeof(SUBSECTION), MI_CONTROL_AREA_TAG);
        POOL_BLOCK<MMPTE> prototypes(SIZE_T(pages - end) * sizeof(MMPTE), MI_PROTOTYPE_TAG);
        if (!block || !prototypes || !IsNear(block.Get() + 1) || !IsNear(prototypes.Get() + (pages - end)))
            return STATUS_INSUFFICIENT_RESOURCES;
        *block.Get() = {};
        added = block.Keep();
        added->ControlArea = area;
        added->Flags.Protection = last->Flags.Protection;
        added->StartingPage = end;
        added->StartingSector = end * (PAGE_SIZE / MM_SECTOR_SIZE);
        added->SubsectionBase = prototypes.Keep();
        added->PtesInSubsection = pages - end;
        SetFileBytes(added, size - ULONGLONG(end) * PAGE_SIZE);
        FillPrototypes(added, added->Flags.Protection);
    }
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const ULONGLONG start = ULONGLONG(last->StartingPage) * PAGE_SIZE;
    SetFileBytes(last, added ? ULONGLONG(last->PtesInSubsection) * PAGE_SIZE : size - start);
    __atomic_store_n(&last->NextSubsection, added, __ATOMIC_RELEASE);
    area->NumberOfSubsections += added != nullptr;
    segment->TotalNumberOfPtes = pages;
    segment->SizeOfSegment = size;
    return STATUS_SUCCESS;
}

NTSTATUS MiCreateImageSegment(MM_BACKING* file, SEGMENT** made) {
    const POOL_BLOCK<UCHAR> headers(MI_IMAGE_HEADER_BYTES, MI_SECTION_READ_TAG);
    const POOL_BLOCK<MI_IMAGE_LAYOUT> layout(sizeof(MI_IMAGE_LAYOUT), MI_SECTION_READ_TAG);
    if (!headers || !layout) return STATUS_INSUFFICIENT_RESOURCES;
    NT_TRY(ReadLayout(file, headers.Get(), layout.Get()));

    const ULONG committed = SharedPages(*layout.Get());
    NT_TRY(MiChargeCommitment(committed, nullptr));
    if (const NTSTATUS status = Allocate(file, layout->Parts, layout->Pages, made); !NT_SUCCESS(status)) {
        MiReturnCommitment(committed, nullptr);
        return status;
    }
    SEGMENT* const segment = *made;
    segment->ControlArea->Flags.Image = 1;
    segment->NumberOfCommittedPages = committed;
    segment->SizeOfSegment = ULONGLONG(layout->Pages) * PAGE_SIZE;
    segment->BasedAddress = layout->ImageBase;
    segment->ImageInformation = layout->Information;
    FillImage(segment, *layout.Get());
    return STATUS_SUCCESS;
}

void MiFreeSegment(SEGMENT* segment) {
    CONTROL_AREA* const area = segment->ControlArea;
    MiReturnCommitment(segment->NumberOfCommittedPages, nullptr);
    if (area->FilePointer) MmDereferenceBacking(area->FilePointer);
    // An image's parts share one block of prototype PTEs; a subsection that was added to data has its own, as the first one has.
    ExFreePoolWithTag(area->FirstSubsection->SubsectionBase, MI_PROTOTYPE_TAG);
    if (!area->Flags.Image) {
        for (SUBSECTION* added = area->FirstSubsection->NextSubsection; added;) {
            SUBSECTION* const next = added->NextSubsection;
            ExFreePoolWithTag(added->SubsectionBase, MI_PROTOTYPE_TAG);
            ExFreePoolWithTag(added, MI_CONTROL_AREA_TAG);
            added = next;
        }
    }
    ExFreePoolWithTag(area, MI_CONTROL_AREA_TAG);
    ExFreePoolWithTag(segment, MI_SEGMENT_TAG);
}
