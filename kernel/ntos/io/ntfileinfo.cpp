// NtQueryInformationFile, NtSetInformationFile, NtQueryVolumeInformationFile.
//
// In the books: "file object". IOM-03, TRP-06
#include "io/iop.h"

namespace {

/// What one class needs: the right, and the fixed bytes.
struct CLASS {
    ACCESS_MASK Access; ///< 0: any handle may ask
    ULONG Length;       ///< 0: there is no such class
};

CLASS ClassOf(FILE_INFORMATION_CLASS informationClass) {
    switch (informationClass) {
    case FILE_INFORMATION_CLASS::FileBasicInformation: return {FILE_READ_ATTRIBUTES, sizeof(FILE_BASIC_INFORMATION)};
    case FILE_INFORMATION_CLASS::FileStandardInformation: return {0, sizeof(FILE_STANDARD_INFORMATION)};
    case FILE_INFORMATION_CLASS::FileInternalInformation: return {0, sizeof(FILE_INTERNAL_INFORMATION)};
    case FILE_INFORMATION_CLASS::FileAccessInformation: return {0, sizeof(FILE_ACCESS_INFORMATION)};
    case FILE_INFORMATION_CLASS::FileNameInformation: return {0, sizeof(FILE_NAME_INFORMATION)};
    case FILE_INFORMATION_CLASS::FilePositionInformation:
        return {FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA, sizeof(FILE_POSITION_INFORMATION)};
    case FILE_INFORMATION_CLASS::FileModeInformation: return {0, sizeof(FILE_MODE_INFORMATION)};
    case FILE_INFORMATION_CLASS::FileAlignmentInformation: return {0, sizeof(FILE_ALIGNMENT_INFORMATION)};
    default: return {0, 0};
    }
}

/// The answer to the classes of fixed size.
union ANSWER {
    FILE_BASIC_INFORMATION Basic;
    FILE_STANDARD_INFORMATION Standard;
    FILE_INTERNAL_INFORMATION Internal;
    FILE_ACCESS_INFORMATION Access;
    FILE_POSITION_INFORMATION Position;
    FILE_MODE_INFORMATION Mode;
    FILE_ALIGNMENT_INFORMATION Alignment;
};

ULONG ModeOf(const FILE_OBJECT* file) {
    if ((file->Flags & FO_ALERTABLE_IO) != 0) return FILE_SYNCHRONOUS_IO_ALERT;
    return IopIsSynchronous(file) ? FILE_SYNCHRONOUS_IO_NONALERT : 0;
}

void Fill(const IOP_OPERATION& operation, FILE_INFORMATION_CLASS informationClass, ANSWER* answer) {
    FILE_OBJECT* const file = operation.File();
    const IO_FILE_DESCRIPTION description = IopDescribe(file);
    RtlZeroMemory(answer, sizeof(*answer)); // padding tells nothing of the stack
    switch (informationClass) {
    case FILE_INFORMATION_CLASS::FileBasicInformation: answer->Basic.FileAttributes = description.Attributes; break;
    case FILE_INFORMATION_CLASS::FileStandardInformation:
        answer->Standard.AllocationSize.QuadPart = LONGLONG(IopAllocationOf(description.Size));
        answer->Standard.EndOfFile.QuadPart = LONGLONG(description.Size);
        answer->Standard.NumberOfLinks = 1;
        answer->Standard.Directory = IopIsDirectory(description);
        break;
    case FILE_INFORMATION_CLASS::FileInternalInformation:
        answer->Internal.IndexNumber.QuadPart = LONGLONG(description.Index);
        break;
    case FILE_INFORMATION_CLASS::FileAccessInformation: answer->Access.AccessFlags = operation.Granted(); break;
    case FILE_INFORMATION_CLASS::FilePositionInformation:
        answer->Position.CurrentByteOffset = file->CurrentByteOffset;
        break;
    case FILE_INFORMATION_CLASS::FileModeInformation: answer->Mode.Mode = ModeOf(file); break;
    default: break; // alignment: any
    }
}

/// The name, as much of it as there is room for.
NTSTATUS TellName(const IOP_OPERATION& operation, PVOID callers, ULONG length, ULONG_PTR* information) {
    static constexpr WCHAR root[] = {u'\\'};
    UNICODE_STRING name = operation.File()->FileName;
    if (name.Length == 0) name = {sizeof(root), sizeof(root), const_cast<PWSTR>(root)};
    const ULONG full = name.Length;
    const ULONG room = length - ULONG(offsetof(FILE_NAME_INFORMATION, FileName));
    const ULONG told = full <= room ? full : room & ~1u;
    auto* const bytes = static_cast<UCHAR*>(callers);
    NT_TRY(RtlTellCaller(operation.Mode(), bytes, &full, sizeof(full)));
    NT_TRY(RtlTellCaller(operation.Mode(), bytes + offsetof(FILE_NAME_INFORMATION, FileName), name.Buffer, told));
    *information = offsetof(FILE_NAME_INFORMATION, FileName) + told;
    return told == full ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

NTSTATUS Query(const IOP_OPERATION& operation, FILE_INFORMATION_CLASS informationClass, ULONG fixed, PVOID callers,
               ULONG length, ULONG_PTR* information) {
    if (informationClass == FILE_INFORMATION_CLASS::FileNameInformation)
        return TellName(operation, callers, length, information);
    ANSWER answer;
    Fill(operation, informationClass, &answer);
    NT_TRY(RtlTellCaller(operation.Mode(), callers, &answer, fixed));
    *information = fixed;
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                      ULONG Length, FILE_INFORMATION_CLASS FileInformationClass) {
    const CLASS asked = ClassOf(FileInformationClass);
    if (asked.Length == 0) return STATUS_INVALID_INFO_CLASS;
    if (Length < asked.Length) return STATUS_INFO_LENGTH_MISMATCH;
    IOP_OPERATION operation;
    NT_TRY(RtlProbeCaller(operation.Mode(), FileInformation, Length, alignof(ULONG)));
    const NTSTATUS begun = operation.Begin(FileHandle, asked.Access, IoStatusBlock);
    if (begun != STATUS_SUCCESS) return begun;
    ULONG_PTR information = 0;
    const NTSTATUS status = Query(operation, FileInformationClass, asked.Length, FileInformation, Length, &information);
    return operation.End(status, information);
}

NTSTATUS NTAPI NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                    ULONG Length, FILE_INFORMATION_CLASS FileInformationClass) {
    if (FileInformationClass != FILE_INFORMATION_CLASS::FilePositionInformation) return STATUS_INVALID_INFO_CLASS;
    if (Length < sizeof(FILE_POSITION_INFORMATION)) return STATUS_INFO_LENGTH_MISMATCH;
    IOP_OPERATION operation;
    FILE_POSITION_INFORMATION wanted;
    NT_TRY(nt::Capture(operation.Mode(), &wanted, static_cast<FILE_POSITION_INFORMATION*>(FileInformation)));
    const NTSTATUS begun =
        operation.Begin(FileHandle, FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA, IoStatusBlock);
    if (begun != STATUS_SUCCESS) return begun;
    const bool good = wanted.CurrentByteOffset.QuadPart >= 0 && IopIsSynchronous(operation.File());
    if (good) operation.File()->CurrentByteOffset = wanted.CurrentByteOffset;
    return operation.End(good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, 0);
}

NTSTATUS NTAPI NtQueryVolumeInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FsInformation,
                                            ULONG Length, FS_INFORMATION_CLASS FsInformationClass) {
    if (FsInformationClass != FS_INFORMATION_CLASS::FileFsDeviceInformation) return STATUS_INVALID_INFO_CLASS;
    if (Length < sizeof(FILE_FS_DEVICE_INFORMATION)) return STATUS_INFO_LENGTH_MISMATCH;
    IOP_OPERATION operation;
    NT_TRY(RtlProbeCaller(operation.Mode(), FsInformation, Length, alignof(ULONG)));
    const NTSTATUS begun = operation.Begin(FileHandle, 0, IoStatusBlock);
    if (begun != STATUS_SUCCESS) return begun;
    const IO_DEVICE& device = *operation.File()->DeviceObject;
    const FILE_FS_DEVICE_INFORMATION told = {device.DeviceType, device.Characteristics};
    const NTSTATUS status = RtlTellCaller(operation.Mode(), FsInformation, &told, sizeof(told));
    return operation.End(status, NT_SUCCESS(status) ? sizeof(told) : 0);
}
}
