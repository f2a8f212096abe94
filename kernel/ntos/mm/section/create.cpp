// Making a section object: checking what is asked for, and finding or making its segment.
//
// In the books: "section objects". POL-08, POL-09
#include "ex/pool.h"
#include "mm/protect.h"
#include "mm/section/segment.h"

namespace {

constexpr ULONG KINDS = SEC_COMMIT | SEC_RESERVE | SEC_IMAGE;

/// What is wrong with the arguments. @param protection[out] MM_PROTECTION.
NTSTATUS CheckArguments(const MM_BACKING* file, ULONGLONG size, ULONG protect, ULONG attributes, ULONG* protection) {
    const ULONG kind = attributes & KINDS;
    if (attributes & ~(KINDS | SEC_NOCACHE)) return STATUS_INVALID_PARAMETER_6;
    if (kind != SEC_COMMIT && kind != SEC_RESERVE && kind != SEC_IMAGE) return STATUS_INVALID_PARAMETER_6;
    if (kind == SEC_IMAGE && (attributes & SEC_NOCACHE)) return STATUS_INVALID_PARAMETER_6;
    if (kind == SEC_IMAGE && !file) return STATUS_INVALID_FILE_FOR_SECTION;
    if (!file && size == 0) return STATUS_INVALID_PARAMETER_4;
    *protection = MiMakeProtectionMask(protect);
    if (*protection == MM_INVALID_PROTECTION || *protection == MM_NOACCESS) return STATUS_INVALID_PAGE_PROTECTION;
    // Guard pages and uncached pages are a process's own matter.
    if (*protection & (MM_GUARD_PAGE | MM_NOCACHE)) return STATUS_INVALID_PAGE_PROTECTION;
    return STATUS_SUCCESS;
}

/// The segment of a file's data, long enough. @param size in: 0: as long as the file; out: the section's size.
NTSTATUS ReferenceData(MM_BACKING* file, ULONGLONG* size, ULONG protection, SEGMENT** found) {
    const ULONGLONG length = file->Calls->Size(file);
    if (*size == 0) *size = length;
    if (*size == 0) return STATUS_MAPPED_FILE_SIZE_ZERO;
    if (*size > length && !MiIsAccessAllowed(protection, MI_ACCESS::Write)) return STATUS_SECTION_TOO_BIG;
    NT_TRY(MiReferenceFileSegment(file, false, length != 0 ? length : *size, found));
    if (*size <= (*found)->SizeOfSegment) return STATUS_SUCCESS;
    const NTSTATUS status = MiExtendFile((*found), *size);
    if (NT_SUCCESS(status)) return status;
    MiDereferenceControlArea((*found)->ControlArea, MI_AREA_USE::Section);
    *found = nullptr; // or the section's end would give it back again
    return STATUS_SECTION_TOO_BIG;
}

/// The segment of a new section, with one SECTION more. @param size in and out.
NTSTATUS ReferenceSegment(MM_BACKING* file, ULONGLONG* size, ULONG protection, ULONG attributes, SEGMENT** found) {
    if (attributes & SEC_IMAGE) {
        NT_TRY(MiReferenceFileSegment(file, true, 0, found));
        *size = (*found)->SizeOfSegment;
        return STATUS_SUCCESS;
    }
    if (file) return ReferenceData(file, size, protection, found);
    NT_TRY(MiCreatePagingFileSegment(*size, protection, (attributes & SEC_RESERVE) != 0, found));
    *size = (*found)->SizeOfSegment;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiReferenceControlArea((*found)->ControlArea, MI_AREA_USE::Section);
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS MiInitializeSection(SECTION* section, MM_BACKING* file, ULONGLONG size, ULONG protect, ULONG attributes) {
    *section = {.SizeOfSection = size, .AllocationAttributes = attributes};
    NT_TRY(CheckArguments(file, size, protect, attributes, &section->InitialPageProtection));
    return ReferenceSegment(file, &section->SizeOfSection, section->InitialPageProtection, attributes,
                            &section->Segment);
}

void MiEndSection(SECTION* section) {
    if (section->Segment) MiDereferenceControlArea(section->Segment->ControlArea, MI_AREA_USE::Section);
}

extern "C" NTSTATUS NTAPI MmCreateBackedSection(SECTION** Section, MM_BACKING* File, ULONGLONG MaximumSize,
                                                ULONG SectionPageProtection, ULONG AllocationAttributes) {
    auto* const section = static_cast<SECTION*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(SECTION), MI_SECTION_TAG));
    if (!section) return STATUS_INSUFFICIENT_RESOURCES;
    const NTSTATUS status =
        MiInitializeSection(section, File, MaximumSize, SectionPageProtection, AllocationAttributes);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(section, MI_SECTION_TAG);
        return status;
    }
    *Section = section;
    return STATUS_SUCCESS;
}

extern "C" void NTAPI MmCloseSection(SECTION* Section) {
    MiEndSection(Section);
    ExFreePoolWithTag(Section, MI_SECTION_TAG);
}
