// Opening: from the rest of a name to a file object.
//
// The look-up of a name ends at a device, or at an open directory whose handle the name is relative to. Its parse procedure makes the
// file object, and the device says whether there is such a file. Only NtCreateFile opens files: it hands over a packet, and all others
// that come this way, with a name of an event for example, are refused.
// In the books: "opening a file", "parse procedures". IOM-03, OBJ-05
#include "io/iop.h"

namespace {

constexpr ULONG MAXIMUM_FILE_NAME = MAXIMUM_USHORT - 2 * sizeof(WCHAR);

/// Writes directory, separator and name into one buffer from pool. `\` alone is the device's root: its name is empty.
NTSTATUS MakeName(const FILE_OBJECT* directory, const UNICODE_STRING& name, UNICODE_STRING* complete) {
    UNICODE_STRING front = directory ? directory->FileName : UNICODE_STRING{};
    UNICODE_STRING rest = name;
    const ULONG separator = sizeof(WCHAR);
    if (rest.Length != 0 && rest.Buffer[0] == u'\\') {
        rest.Buffer++;
        rest.Length = USHORT(rest.Length - separator);
    }
    if (front.Length + separator + rest.Length > MAXIMUM_FILE_NAME) return STATUS_NAME_TOO_LONG;
    const bool joined = rest.Length != 0;
    const ULONG length = front.Length + (joined ? separator + rest.Length : 0);
    *complete = {};
    if (length == 0) return STATUS_SUCCESS;
    auto* const text = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, length, IO_NAME_TAG));
    if (!text) return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyMemory(text, front.Buffer, front.Length);
    if (joined) {
        const WCHAR backslash = u'\\';
        RtlCopyMemory(text + front.Length, &backslash, separator);
        RtlCopyMemory(text + front.Length + separator, rest.Buffer, rest.Length);
    }
    *complete = {USHORT(length), USHORT(length), reinterpret_cast<PWSTR>(text)};
    return STATUS_SUCCESS;
}

ULONG FlagsOf(ULONG createOptions) {
    if (createOptions & FILE_SYNCHRONOUS_IO_ALERT) return FO_SYNCHRONOUS_IO | FO_ALERTABLE_IO;
    return (createOptions & FILE_SYNCHRONOUS_IO_NONALERT) ? FO_SYNCHRONOUS_IO : 0;
}

void Initialize(FILE_OBJECT* file, IO_DEVICE* device, const IO_OPEN& open) {
    RtlZeroMemory(file, sizeof(*file));
    file->Type = IO_TYPE_FILE;
    file->Size = sizeof(*file);
    (void)ObfReferenceObject(device);
    file->DeviceObject = device;
    file->Flags = FlagsOf(open.CreateOptions);
    const ACCESS_MASK access = (open.DesiredAccess & MAXIMUM_ALLOWED) ? FILE_ALL_ACCESS : open.DesiredAccess;
    file->ReadAccess = (access & (FILE_READ_DATA | FILE_EXECUTE)) != 0;
    file->WriteAccess = (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    file->DeleteAccess = (access & DELETE) != 0;
    file->SharedRead = (open.ShareAccess & FILE_SHARE_READ) != 0;
    file->SharedWrite = (open.ShareAccess & FILE_SHARE_WRITE) != 0;
    file->SharedDelete = (open.ShareAccess & FILE_SHARE_DELETE) != 0;
    KeInitializeEvent(&file->Lock, SynchronizationEvent, TRUE);
    KeInitializeEvent(&file->Event, NotificationEvent, FALSE);
}

/// A directory was asked for, or anything else.
NTSTATUS CheckKind(FILE_OBJECT* file, ULONG createOptions) {
    const bool isDirectory = IopIsDirectory(IopDescribe(file));
    if (isDirectory && (createOptions & FILE_NON_DIRECTORY_FILE) != 0) return STATUS_FILE_IS_A_DIRECTORY;
    if (!isDirectory && (createOptions & FILE_DIRECTORY_FILE) != 0) return STATUS_NOT_A_DIRECTORY;
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS IopOpenFile(IO_DEVICE* device, const FILE_OBJECT* directory, const UNICODE_STRING& name,
                     IOP_OPEN_PACKET* packet, PVOID* object) {
    PVOID made;
    NT_TRY(
        ObCreateObject(KernelMode, IoFileObjectType, nullptr, KernelMode, nullptr, sizeof(FILE_OBJECT), 0, 0, &made));
    auto* const file = static_cast<FILE_OBJECT*>(made);
    Initialize(file, device, packet->Open);
    NTSTATUS status = MakeName(directory, name, &file->FileName);
    if (NT_SUCCESS(status)) status = device->Calls->Open(file, &packet->Open);
    if (NT_SUCCESS(status)) {
        file->Flags |= FO_FILE_OPEN;
        status = CheckKind(file, packet->Open.CreateOptions);
    }
    if (!NT_SUCCESS(status)) {
        (void)ObfDereferenceObject(file);
        return status;
    }
    packet->Opened = true;
    *object = file;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI IopParseDevice(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE, KPROCESSOR_MODE, ULONG,
                              PUNICODE_STRING, PUNICODE_STRING RemainingName, PVOID Context,
                              PSECURITY_QUALITY_OF_SERVICE, PVOID* Object) {
    auto* const device = static_cast<IO_DEVICE*>(ParseObject);
    if (Context && ObjectType == IoFileObjectType)
        return IopOpenFile(device, nullptr, *RemainingName, static_cast<IOP_OPEN_PACKET*>(Context), Object);
    const bool deviceItself = RemainingName->Length == 0 && (!ObjectType || ObjectType == IoDeviceObjectType);
    if (Context || !deviceItself) return STATUS_OBJECT_TYPE_MISMATCH;
    (void)ObfReferenceObject(device);
    *Object = device;
    return STATUS_SUCCESS;
}
