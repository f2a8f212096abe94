// Making a section of a file's data longer: the file first, then its segment.
//
//     5000 bytes     subsection 0: 2 pages, 5000 bytes
//     19000 bytes    subsection 0: 2 pages, 8192 bytes     subsection 1: 3 pages, the other 10808 bytes
//
// Prototype PTEs of pages that are there never move: views hold their addresses. New ones come with a subsection of their own.
// Lock: MiSectionExtendLock, which no page fault takes; what faults read meanwhile changes under MmPfnLock.
// In the books: "section objects", "mapped files". POL-08
#include "ex/pool.h"
#include "ex/pushlock.h"
#include "ke/apc.h"
#include "mm/section/segment.h"
#include "nt/assert.h"

namespace {

constinit EX_PUSH_LOCK MiSectionExtendLock = {}; ///< SizeOfSegment, and the size of the file behind it

NTSTATUS ExtendBacking(MM_BACKING* file, ULONGLONG size) {
    if (size <= file->Calls->Size(file)) return STATUS_SUCCESS;
    return file->Calls->Extend ? file->Calls->Extend(file, size) : STATUS_SECTION_NOT_EXTENDED;
}

} // namespace

NTSTATUS MiExtendFile(SEGMENT* segment, ULONGLONG size) {
    NTSTATUS status = STATUS_SUCCESS;
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&MiSectionExtendLock);
    if (size > segment->SizeOfSegment) {
        status = ExtendBacking(segment->ControlArea->FilePointer, size);
        if (NT_SUCCESS(status)) status = MiExtendDataSegment(segment, size);
    }
    ExReleasePushLockExclusive(&MiSectionExtendLock);
    KeLeaveCriticalRegion();
    return status;
}

extern "C" NTSTATUS NTAPI MmExtendSection(SECTION* Section, ULONGLONG* NewSize) {
    const MMSECTION_FLAGS kind = Section->Segment->ControlArea->Flags;
    if (!kind.File || kind.Image) return STATUS_SECTION_NOT_EXTENDED;
    if (*NewSize > Section->SizeOfSection) {
        NT_TRY(MiExtendFile(Section->Segment, *NewSize));
        Section->SizeOfSection = *NewSize;
    }
    *NewSize = Section->SizeOfSection;
    return STATUS_SUCCESS;
}
