// File objects: what a handle to a file leads to, from the opening to the last reference.
//
// In the books: "file object". IOM-03, OBJ-02
#include "io/iop.h"

/// A name that is relative to an open file: to a directory.
NTSTATUS NTAPI IopParseFile(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE, KPROCESSOR_MODE, ULONG,
                            PUNICODE_STRING, PUNICODE_STRING RemainingName, PVOID Context, PSECURITY_QUALITY_OF_SERVICE,
                            PVOID* Object) {
    auto* const file = static_cast<FILE_OBJECT*>(ParseObject);
    if (!Context || ObjectType != IoFileObjectType) return STATUS_OBJECT_TYPE_MISMATCH;
    if (RemainingName->Length != 0 && !IopIsDirectory(IopDescribe(file))) return STATUS_OBJECT_PATH_NOT_FOUND;
    return IopOpenFile(file->DeviceObject, file, *RemainingName, static_cast<IOP_OPEN_PACKET*>(Context), Object);
}

void NTAPI IopCloseFile(EPROCESS* Process, PVOID Object, ACCESS_MASK, ULONG ProcessHandleCount, ULONG) {
    auto* const file = static_cast<FILE_OBJECT*>(Object);
    const IO_DEVICE_CALLS& calls = *file->DeviceObject->Calls;
    if (ProcessHandleCount == 1 && calls.Cleanup) calls.Cleanup(file, Process);
}

void NTAPI IopDeleteFile(PVOID Object) {
    auto* const file = static_cast<FILE_OBJECT*>(Object);
    const IO_DEVICE_CALLS& calls = *file->DeviceObject->Calls;
    if ((file->Flags & FO_FILE_OPEN) != 0 && calls.Close) calls.Close(file);
    if (file->FileName.Buffer) ExFreePoolWithTag(file->FileName.Buffer, IO_NAME_TAG);
    if (file->CompletionContext) ExFreePoolWithTag(file->CompletionContext, IO_NAME_TAG);
    (void)ObfDereferenceObject(file->DeviceObject);
}

/// The device's name, and behind it the file's.
NTSTATUS NTAPI IopQueryFileName(PVOID Object, BOOLEAN, OBJECT_NAME_INFORMATION* ObjectNameInfo, ULONG Length,
                                ULONG* ReturnLength) {
    const UNICODE_STRING& own = static_cast<FILE_OBJECT*>(Object)->FileName;
    ULONG bytes;
    const NTSTATUS status =
        ObQueryNameString(static_cast<FILE_OBJECT*>(Object)->DeviceObject, ObjectNameInfo, Length, &bytes);
    *ReturnLength = bytes + own.Length;
    if (*ReturnLength - sizeof(OBJECT_NAME_INFORMATION) > MAXIMUM_USHORT) return STATUS_NAME_TOO_LONG;
    NT_TRY(status);
    if (Length < *ReturnLength) return STATUS_INFO_LENGTH_MISMATCH;
    UNICODE_STRING& name = ObjectNameInfo->Name;
    RtlCopyMemory(name.Buffer + name.Length / sizeof(WCHAR), own.Buffer, own.Length);
    name.Length = USHORT(name.Length + own.Length);
    name.MaximumLength = USHORT(name.MaximumLength + own.Length);
    name.Buffer[name.Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

extern "C" {

NTSTATUS NTAPI IoGetFileBacking(PVOID FileObject, MM_BACKING** Backing) {
    *Backing = nullptr;
    SECTION_OBJECT_POINTERS* const pointers = static_cast<FILE_OBJECT*>(FileObject)->SectionObjectPointer;
    if (!pointers) return STATUS_INVALID_FILE_FOR_SECTION;
    *Backing = CONTAINING_RECORD(pointers, MM_BACKING, SectionObjectPointer);
    MmReferenceBacking(*Backing);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI IoWaitForFile(FILE_OBJECT* File, PVOID Object, KPROCESSOR_MODE Mode) {
    const BOOLEAN alertable = (File->Flags & FO_ALERTABLE_IO) != 0;
    return KeWaitForSingleObject(Object, KWAIT_REASON::Executive, Mode, alertable, nullptr);
}
}
