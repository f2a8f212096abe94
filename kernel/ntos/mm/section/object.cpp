// Section objects: the type, and how one is made, of a file's handle too.
//
// The one place where a file's handle becomes something with pages: MM_FILE_SOURCE, which the component of file objects registers.
// Locks: none. IRQL: PASSIVE_LEVEL. In the books: "section objects", "type objects". POL-08, OBJ-03
#include "rtl/capture.h"
#include "ke.h"
#include "mm/protect.h"
#include "mm/section/segment.h"

POBJECT_TYPE MmSectionObjectType;

namespace {

const MM_FILE_SOURCE* Files; // shared: written once, when the system starts

constexpr GENERIC_MAPPING SECTION_MAPPING = {STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ,
                                             STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE,
                                             STANDARD_RIGHTS_EXECUTE | SECTION_MAP_EXECUTE, SECTION_ALL_ACCESS};

void NTAPI DeleteSection(PVOID object) { MiEndSection(static_cast<SECTION*>(object)); }

/// What a section with this protection does to its file.
ACCESS_MASK FileAccess(ULONG protect, ULONG attributes) {
    if (attributes & SEC_IMAGE) return FILE_EXECUTE;
    const ULONG mask = MiMakeProtectionMask(protect);
    if (mask == MM_INVALID_PROTECTION) return 0; // the section will not be made
    ACCESS_MASK access = FILE_READ_DATA;
    if (MiIsAccessAllowed(mask, MI_ACCESS::Write) && !MiIsCopyOnWrite(mask)) access |= FILE_WRITE_DATA;
    return access;
}

/// The pages of a file's handle. @param file receives a reference
NTSTATUS BackingOfHandle(HANDLE handle, ACCESS_MASK access, MM_BACKING** file) {
    if (!Files) return STATUS_INVALID_HANDLE;
    nt::ObjectRef<void> object;
    NT_TRY(object.Open(handle, access, *Files->FileType, ExGetPreviousMode()));
    return Files->GetBacking(object.Get(), file);
}

NTSTATUS MakeObject(PVOID* made, POBJECT_ATTRIBUTES attributes, ULONGLONG size, ULONG protect, ULONG kind,
                    MM_BACKING* file) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    PVOID object;
    NT_TRY(ObCreateObject(mode, MmSectionObjectType, attributes, mode, nullptr, sizeof(SECTION), 0, 0, &object));
    const NTSTATUS status = MiInitializeSection(static_cast<SECTION*>(object), file, size, protect, kind);
    if (NT_SUCCESS(status)) {
        *made = object;
    } else {
        (void)ObDereferenceObject(object);
    }
    return status;
}

} // namespace

bool MiCreateSectionType() {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"Section");
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = SECTION_MAPPING,
        .ValidAccessMask = SECTION_ALL_ACCESS,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(SECTION)),
        .DeleteProcedure = DeleteSection,
    };
    return NT_SUCCESS(ObCreateObjectType(&name, &info, nullptr, &MmSectionObjectType));
}

extern "C" {

void NTAPI MmRegisterFileSource(const MM_FILE_SOURCE* Source) { Files = Source; }

NTSTATUS NTAPI MmCreateSection(PVOID* SectionObject, ACCESS_MASK, POBJECT_ATTRIBUTES ObjectAttributes,
                               LARGE_INTEGER* MaximumSize, ULONG SectionPageProtection, ULONG AllocationAttributes,
                               HANDLE FileHandle, MM_BACKING* File) {
    *SectionObject = nullptr;
    MM_BACKING* file = File;
    if (FileHandle) NT_TRY(BackingOfHandle(FileHandle, FileAccess(SectionPageProtection, AllocationAttributes), &file));
    const ULONGLONG size = MaximumSize ? ULONGLONG(MaximumSize->QuadPart) : 0;
    const NTSTATUS status =
        MakeObject(SectionObject, ObjectAttributes, size, SectionPageProtection, AllocationAttributes, file);
    if (FileHandle) MmDereferenceBacking(file); // the segment has its own reference
    return status;
}
}
