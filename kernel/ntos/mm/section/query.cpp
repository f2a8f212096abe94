// Telling about a section.
//
// In the books: "section objects". POL-08
#include "mm/section/segment.h"

extern "C" void NTAPI MmQuerySection(SECTION* Section, SECTION_BASIC_INFORMATION* Information) {
    *Information = {};
    Information->BaseAddress = reinterpret_cast<PVOID>(Section->Segment->BasedAddress);
    Information->AllocationAttributes = Section->AllocationAttributes;
    Information->MaximumSize.QuadPart = LONGLONG(Section->SizeOfSection);
}

extern "C" NTSTATUS NTAPI MmQueryImageSection(SECTION* Section, SECTION_IMAGE_INFORMATION* Information) {
    if (!Section->Segment->ControlArea->Flags.Image) return STATUS_SECTION_NOT_IMAGE;
    *Information = Section->Segment->ImageInformation;
    return STATUS_SUCCESS;
}

extern "C" PCUNICODE_STRING NTAPI MmQuerySectionName(SECTION* Section) {
    const MM_BACKING* const file = Section->Segment->ControlArea->FilePointer;
    return file ? file->Name : nullptr;
}
