// The services on sections.
//
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: "section objects", "mapped files". POL-08, POL-09, TRP-06
#include "rtl/capture.h"
#include "ke.h"
#include "ke/pagedcode.h"
#include "mm/section/segment.h"
#include "mm/targetprocess.h"

#pragma code_seg("PAGE")
namespace {

/// The right to a section that a view with this protection needs.
ACCESS_MASK ViewAccess(ULONG protect) {
    constexpr ULONG executes = PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    constexpr ULONG writes = PAGE_READWRITE | PAGE_EXECUTE_READWRITE;
    const ACCESS_MASK execute = (protect & executes) ? SECTION_MAP_EXECUTE : 0;
    const ACCESS_MASK write = (protect & writes) ? SECTION_MAP_WRITE : 0;
    return execute || write ? execute | write : SECTION_MAP_READ; // a copy-on-write view only reads the section
}

/// What NtMapViewOfSection is given by pointer, and gives back.
struct VIEW_WORDS {
    PVOID Base;
    LARGE_INTEGER Offset;
    SIZE_T Size;
};

/// Whether the size of an answer fits, and where it goes.
NTSTATUS TellInformation(KPROCESSOR_MODE mode, PVOID buffer, const void* told, SIZE_T bytes, SIZE_T* resultLength) {
    NT_TRY(RtlTellCaller(mode, buffer, told, bytes));
    return nt::TellOptional(mode, resultLength, bytes);
}

MM_IMAGE_VIEW_ROUTINE* ImageViewRoutine; // shared: written once, when the system starts

/// Whether somebody wants to know of images in the caller's process.
bool IsWatched(const EPROCESS* process, KPROCESSOR_MODE mode) {
    return mode == UserMode && process == MmCurrentProcess() && process->DebugPort && ImageViewRoutine;
}

/// The base of the image that an address of the caller's process is in; nullptr: it is in none.
PVOID ImageAt(PVOID address) {
    MEMORY_BASIC_INFORMATION told;
    if (!NT_SUCCESS(ZwQueryVirtualMemory(NtCurrentProcess(), address, MEMORY_INFORMATION_CLASS::MemoryBasicInformation,
                                         &told, sizeof(told), nullptr)))
        return nullptr;
    return told.Type == MEM_IMAGE ? told.AllocationBase : nullptr;
}

} // namespace

extern "C" {

void NTAPI MmSetImageViewRoutine(MM_IMAGE_VIEW_ROUTINE* Routine) { ImageViewRoutine = Routine; }

NTSTATUS NTAPI NtCreateSection(HANDLE* SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                               LARGE_INTEGER* MaximumSize, ULONG SectionPageProtection, ULONG AllocationAttributes,
                               HANDLE FileHandle) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER size = {.QuadPart = 0};
    NT_TRY(nt::Probe(mode, SectionHandle));
    NT_TRY(nt::CaptureOptional(mode, &size, MaximumSize));
    PVOID section;
    HANDLE made;
    NT_TRY(MmCreateSection(&section, DesiredAccess, ObjectAttributes, &size, SectionPageProtection,
                           AllocationAttributes, FileHandle, nullptr));
    const NTSTATUS status = ObInsertObject(section, nullptr, DesiredAccess, 0, nullptr, &made);
    NT_TRY(status);
    NT_TRY(nt::Tell(mode, SectionHandle, made));
    return status; // STATUS_OBJECT_NAME_EXISTS tells more
}

NTSTATUS NTAPI NtOpenSection(HANDLE* SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE opened;
    NT_TRY(nt::Probe(mode, SectionHandle));
    NT_TRY(ObOpenObjectByName(ObjectAttributes, MmSectionObjectType, mode, nullptr, DesiredAccess, nullptr, &opened));
    return nt::Tell(mode, SectionHandle, opened);
}

NTSTATUS NTAPI NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID* BaseAddress, ULONG_PTR ZeroBits,
                                  SIZE_T CommitSize, LARGE_INTEGER* SectionOffset, SIZE_T* ViewSize,
                                  SECTION_INHERIT InheritDisposition, ULONG AllocationType, ULONG Protect) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    VIEW_WORDS words = {};
    NT_TRY(nt::Probe(mode, BaseAddress));
    NT_TRY(nt::Probe(mode, ViewSize));
    NT_TRY(nt::ProbeOptional(mode, SectionOffset));
    NT_TRY(nt::Capture(mode, &words.Base, BaseAddress));
    NT_TRY(nt::Capture(mode, &words.Size, ViewSize));
    NT_TRY(nt::CaptureOptional(mode, &words.Offset, SectionOffset));
    MI_TARGET_PROCESS process;
    nt::ObjectRef<SECTION> section;
    NT_TRY(process.Open(ProcessHandle, PROCESS_VM_OPERATION, mode));
    NT_TRY(section.Open(SectionHandle, ViewAccess(Protect), MmSectionObjectType, mode));
    const NTSTATUS status = MmMapViewOfSection(section.Get(), process.Get(), &words.Base, ZeroBits, CommitSize,
                                               &words.Offset, &words.Size, InheritDisposition, AllocationType, Protect);
    NT_TRY(status);
    // The memory may have gone since it was probed: then the view is there all the same.
    NT_TRY(nt::Tell(mode, BaseAddress, words.Base));
    NT_TRY(nt::Tell(mode, ViewSize, words.Size));
    NT_TRY(nt::TellOptional(mode, SectionOffset, words.Offset));
    if (IsWatched(process.Get(), mode) && ImageAt(words.Base) == words.Base) ImageViewRoutine(words.Base, TRUE);
    return status; // STATUS_IMAGE_NOT_AT_BASE tells more
}

NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    MI_TARGET_PROCESS process;
    NT_TRY(process.Open(ProcessHandle, PROCESS_VM_OPERATION, mode));
    PVOID const image = IsWatched(process.Get(), mode) ? ImageAt(BaseAddress) : nullptr;
    NT_TRY(MmUnmapViewOfSection(process.Get(), BaseAddress));
    if (image) ImageViewRoutine(image, FALSE);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtQuerySection(HANDLE SectionHandle, SECTION_INFORMATION_CLASS SectionInformationClass,
                              PVOID SectionInformation, SIZE_T SectionInformationLength, SIZE_T* ResultLength) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    const bool image = SectionInformationClass == SECTION_INFORMATION_CLASS::SectionImageInformation;
    if (!image && SectionInformationClass != SECTION_INFORMATION_CLASS::SectionBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    const SIZE_T bytes = image ? sizeof(SECTION_IMAGE_INFORMATION) : sizeof(SECTION_BASIC_INFORMATION);
    if (SectionInformationLength < bytes) return STATUS_INFO_LENGTH_MISMATCH;
    NT_TRY(RtlProbeCaller(mode, SectionInformation, bytes, alignof(ULONG)));
    NT_TRY(nt::ProbeOptional(mode, ResultLength));
    nt::ObjectRef<SECTION> section;
    NT_TRY(section.Open(SectionHandle, SECTION_QUERY, MmSectionObjectType, mode));
    if (image) {
        SECTION_IMAGE_INFORMATION told;
        NT_TRY(MmQueryImageSection(section.Get(), &told));
        return TellInformation(mode, SectionInformation, &told, bytes, ResultLength);
    }
    SECTION_BASIC_INFORMATION told;
    MmQuerySection(section.Get(), &told);
    return TellInformation(mode, SectionInformation, &told, bytes, ResultLength);
}

NTSTATUS NTAPI NtExtendSection(HANDLE SectionHandle, LARGE_INTEGER* NewSectionSize) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER size;
    NT_TRY(nt::Probe(mode, NewSectionSize));
    NT_TRY(nt::Capture(mode, &size, NewSectionSize));
    nt::ObjectRef<SECTION> section;
    NT_TRY(section.Open(SectionHandle, SECTION_EXTEND_SIZE, MmSectionObjectType, mode));
    auto bytes = ULONGLONG(size.QuadPart);
    NT_TRY(MmExtendSection(section.Get(), &bytes));
    size.QuadPart = LONGLONG(bytes);
    return nt::Tell(mode, NewSectionSize, size);
}
}
#pragma code_seg()
