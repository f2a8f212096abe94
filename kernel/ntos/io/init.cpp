// The types File and Device, and devices with names.
//
// In the books: "device objects", "file object". IOM-03, OBJ-03
#include "io/iop.h"
#include "mm/section.h"

POBJECT_TYPE IoFileObjectType;
POBJECT_TYPE IoDeviceObjectType;

namespace {

constexpr GENERIC_MAPPING FILE_MAPPING = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};

NTSTATUS MakeType(PCWSTR name, const OBJECT_TYPE_INITIALIZER& info, POBJECT_TYPE* type) {
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    OBJECT_TYPE_INITIALIZER copy = info;
    return ObCreateObjectType(&text, &copy, nullptr, type);
}

NTSTATUS MakeTypes() {
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .CaseInsensitive = TRUE,
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = FILE_MAPPING,
        .ValidAccessMask = FILE_ALL_ACCESS,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(IO_DEVICE)),
        .ParseProcedure = IopParseDevice,
    };
    info.UseDefaultObject = TRUE;
    NT_TRY(MakeType(u"Device", info, &IoDeviceObjectType));
    info.UseDefaultObject = FALSE;
    info.InvalidAttributes = OBJ_OPENLINK | OBJ_PERMANENT | OBJ_EXCLUSIVE;
    info.MaintainHandleCount = TRUE;
    info.DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(FILE_OBJECT));
    info.ParseProcedure = IopParseFile;
    info.DeleteProcedure = IopDeleteFile;
    info.CloseProcedure = IopCloseFile;
    info.QueryNameProcedure = IopQueryFileName;
    NT_TRY(MakeType(u"File", info, &IoFileObjectType));
    IoFileObjectType->DefaultObject = ObWaitableAt(offsetof(FILE_OBJECT, Event));
    return STATUS_SUCCESS;
}

} // namespace

/// A handle to a permanent symbolic link is closed at once: the name stays.
NTSTATUS IopMakeLink(PCWSTR link, PCWSTR target) {
    UNICODE_STRING name, to;
    RtlInitUnicodeString(&name, link);
    RtlInitUnicodeString(&to, target);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    HANDLE handle;
    NT_TRY(ZwCreateSymbolicLinkObject(&handle, SYMBOLIC_LINK_ALL_ACCESS, &attributes, &to));
    return ZwClose(handle);
}

extern "C" {

BOOLEAN NTAPI IoInitSystem() {
    static constexpr MM_FILE_SOURCE source = {&IoFileObjectType, IoGetFileBacking};
    if (!NT_SUCCESS(MakeTypes())) return FALSE;
    MmRegisterFileSource(&source); // a section of a handle to a file
    return TRUE;
}

NTSTATUS NTAPI IoCreateFileDevice(PCWSTR Name, PCWSTR Link, const IO_DEVICE_CALLS* Calls, ULONG DeviceType,
                                  ULONG Characteristics) {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, Name);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    PVOID object;
    NT_TRY(ObCreateObject(KernelMode, IoDeviceObjectType, &attributes, KernelMode, nullptr, sizeof(IO_DEVICE), 0, 0,
                          &object));
    *static_cast<IO_DEVICE*>(object) = {Calls, DeviceType, Characteristics};
    NT_TRY(ObInsertObject(object, nullptr, 0, 0, nullptr, nullptr));
    (void)ObfDereferenceObject(object); // its name keeps it
    return Link ? IopMakeLink(Link, Name) : STATUS_SUCCESS;
}
}
