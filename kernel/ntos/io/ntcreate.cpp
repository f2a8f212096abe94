// NtCreateFile and NtOpenFile.
//
// In the books: "opening a file". IOM-03, TRP-06
#include "io/iop.h"

namespace {

constexpr ULONG FILE_SYNCHRONOUS = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;

/// Options that do not go together, or do not exist.
bool AreOptionsGood(ACCESS_MASK desired, const IO_OPEN& open) {
    const ULONG options = open.CreateOptions;
    const ULONG synchronous = options & FILE_SYNCHRONOUS;
    if ((options & ~FILE_VALID_OPTION_FLAGS) != 0 || open.Disposition > FILE_MAXIMUM_DISPOSITION) return false;
    if ((open.ShareAccess & ~FILE_SHARE_VALID_FLAGS) != 0) return false;
    if ((open.FileAttributes & ~FILE_ATTRIBUTE_VALID_FLAGS) != 0) return false;
    if (synchronous == FILE_SYNCHRONOUS) return false;
    if (synchronous != 0 && (desired & SYNCHRONIZE) == 0) return false; // its caller could not wait
    if ((options & FILE_DELETE_ON_CLOSE) != 0 && (desired & DELETE) == 0) return false;
    if ((options & FILE_DIRECTORY_FILE) == 0) return true;
    const ULONG disposition = open.Disposition;
    return (options & FILE_NON_DIRECTORY_FILE) == 0 &&
           (disposition == FILE_OPEN || disposition == FILE_CREATE || disposition == FILE_OPEN_IF);
}

NTSTATUS Create(HANDLE* handle, ACCESS_MASK desired, POBJECT_ATTRIBUTES attributes, PIO_STATUS_BLOCK statusBlock,
                IO_OPEN open) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(nt::Probe(mode, handle));
    NT_TRY(nt::Probe(mode, statusBlock));
    if (!AreOptionsGood(desired, open)) return STATUS_INVALID_PARAMETER;
    open.DesiredAccess = desired;
    RtlMapGenericMask(&open.DesiredAccess, &IoFileObjectType->TypeInfo.GenericMapping);
    IOP_OPEN_PACKET packet = {.Open = open};
    HANDLE opened;
    NTSTATUS status = ObOpenObjectByName(attributes, IoFileObjectType, mode, nullptr, desired, &packet, &opened);
    IO_STATUS_BLOCK told = {};
    told.Status = status;
    told.Information = NT_SUCCESS(status) ? packet.Open.Information : 0;
    const NTSTATUS written = nt::Tell(mode, statusBlock, told);
    NT_TRY(status);
    status = NT_SUCCESS(written) ? nt::Tell(mode, handle, opened) : written;
    if (!NT_SUCCESS(status)) (void)ObCloseHandle(opened, mode);
    return status;
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtCreateFile(HANDLE* FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                            PIO_STATUS_BLOCK IoStatusBlock, LARGE_INTEGER* AllocationSize, ULONG FileAttributes,
                            ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
                            ULONG EaLength) {
    LARGE_INTEGER size = {};
    NT_TRY(nt::CaptureOptional(ExGetPreviousMode(), &size, AllocationSize));
    if (size.QuadPart < 0) return STATUS_INVALID_PARAMETER;
    if (EaBuffer || EaLength != 0) return STATUS_EAS_NOT_SUPPORTED;
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock,
                  {.CreateOptions = CreateOptions,
                   .Disposition = CreateDisposition,
                   .FileAttributes = FileAttributes,
                   .ShareAccess = ShareAccess});
}

NTSTATUS NTAPI NtOpenFile(HANDLE* FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                          PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions) {
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock,
                  {.CreateOptions = OpenOptions, .Disposition = FILE_OPEN, .ShareAccess = ShareAccess});
}
}
