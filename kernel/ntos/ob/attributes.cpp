// Object attributes: copied from the caller and checked.
//
// The structure, the string and its text are each read once: user mode may change them meanwhile.
// In the books: "object names", "probing and capturing parameters". OBJ-05, TRP-06
#include "ob/obp.h"

#include "rtl/capture.h"

NTSTATUS ObpCaptureAttributes(KPROCESSOR_MODE mode, const OBJECT_ATTRIBUTES* attributes,
                              OBJECT_CREATE_INFORMATION* info) {
    *info = {.ProbeMode = mode};
    if (!attributes) return STATUS_SUCCESS;
    OBJECT_ATTRIBUTES given;
    NT_TRY(nt::Capture(mode, &given, attributes));
    if (given.Length != sizeof(OBJECT_ATTRIBUTES) || (given.Attributes & ~OBJ_VALID_ATTRIBUTES) != 0)
        return STATUS_INVALID_PARAMETER;
    if (mode != KernelMode) given.Attributes &= ~(OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK);
    info->Attributes = given.Attributes;
    info->RootDirectory = given.RootDirectory;
    if (!given.ObjectName) return given.RootDirectory ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
    UNICODE_STRING name;
    NT_TRY(nt::Capture(mode, &name, given.ObjectName));
    if (name.Length % sizeof(WCHAR) != 0) return STATUS_OBJECT_NAME_INVALID;
    if (name.Length == 0) return STATUS_SUCCESS;
    auto* const text = static_cast<PWSTR>(ExAllocatePoolWithTag(NonPagedPool, name.Length, OB_NAME_TAG));
    if (!text) return STATUS_INSUFFICIENT_RESOURCES;
    info->Name = {name.Length, name.Length, text};
    const NTSTATUS status = RtlCaptureFromCaller(mode, text, name.Buffer, name.Length, alignof(WCHAR));
    if (!NT_SUCCESS(status)) ObpFreeCreateInfoName(info);
    return status;
}

void ObpFreeCreateInfoName(OBJECT_CREATE_INFORMATION* info) {
    if (info->Name.Buffer) ExFreePoolWithTag(info->Name.Buffer, OB_NAME_TAG);
    info->Name = {};
}
