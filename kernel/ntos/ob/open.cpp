// Objects by name and by pointer: a reference, or a handle.
//
// In the books: "object names", "object handles". OBJ-05, OBJ-06
#include "ob/obp.h"

namespace {

/// Checks the access to an object that exists, and makes a handle.
NTSTATUS Open(PVOID object, PACCESS_STATE state, ACCESS_MASK desired, ULONG attributes, KPROCESSOR_MODE mode,
              HANDLE* handle) {
    ACCESS_MASK granted;
    NT_TRY(ObpGrantAccess(ObGetObjectType(object), state, desired, mode, &granted));
    return ObpCreateHandle(ObOpenHandle, object, granted, attributes, mode, handle);
}

} // namespace

extern "C" {

NTSTATUS NTAPI ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes, PACCESS_STATE PassedAccessState,
                                       ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                       PVOID ParseContext, PVOID* Object) {
    *Object = nullptr;
    OBP_LOOKUP lookup = {.Name = *ObjectName,
                         .Attributes = Attributes,
                         .Type = ObjectType,
                         .Mode = AccessMode,
                         .AccessState = PassedAccessState,
                         .ParseContext = ParseContext};
    if (ObjectType && ObjectType->TypeInfo.CaseInsensitive) lookup.Attributes |= OBJ_CASE_INSENSITIVE;
    NT_TRY(ObpLookupObjectName(lookup));
    ACCESS_MASK granted;
    const NTSTATUS status =
        ObpGrantAccess(ObGetObjectType(lookup.Found), PassedAccessState, DesiredAccess, AccessMode, &granted);
    if (!NT_SUCCESS(status)) {
        (void)ObfDereferenceObject(lookup.Found);
        return status;
    }
    *Object = lookup.Found;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ObOpenObjectByName(POBJECT_ATTRIBUTES ObjectAttributes, POBJECT_TYPE ObjectType,
                                  KPROCESSOR_MODE AccessMode, PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess,
                                  PVOID ParseContext, HANDLE* Handle) {
    *Handle = nullptr;
    if (!ObjectAttributes) return STATUS_INVALID_PARAMETER;
    OBJECT_CREATE_INFORMATION info;
    NT_TRY(ObpCaptureAttributes(AccessMode, ObjectAttributes, &info));
    OBP_LOOKUP lookup = {.RootDirectory = info.RootDirectory,
                         .Name = info.Name,
                         .Attributes = info.Attributes,
                         .Type = ObjectType,
                         .Mode = AccessMode,
                         .AccessState = AccessState,
                         .ParseContext = ParseContext};
    if (ObjectType && ObjectType->TypeInfo.CaseInsensitive) lookup.Attributes |= OBJ_CASE_INSENSITIVE;
    NTSTATUS status = ObpLookupObjectName(lookup);
    ObpFreeCreateInfoName(&info);
    NT_TRY(status);
    status = Open(lookup.Found, AccessState, DesiredAccess, info.Attributes, AccessMode, Handle);
    (void)ObfDereferenceObject(lookup.Found);
    return status;
}

NTSTATUS NTAPI ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                                     ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                     HANDLE* Handle) {
    *Handle = nullptr;
    NT_TRY(ObReferenceObjectByPointer(Object, DesiredAccess, ObjectType, AccessMode));
    const NTSTATUS status = (HandleAttributes & ObGetObjectType(Object)->TypeInfo.InvalidAttributes) != 0
                                ? STATUS_INVALID_PARAMETER
                                : Open(Object, PassedAccessState, DesiredAccess, HandleAttributes, AccessMode, Handle);
    (void)ObfDereferenceObject(Object);
    return status;
}
}
