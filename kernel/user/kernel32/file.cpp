// Files, and the handles of standard input and output. Contract: kernel32.h.
//
// In the books: "file object", "I/O processing". IOM-03
#include "k32.h"

namespace {

const HANDLE InvalidHandle = INVALID_HANDLE_VALUE;

/// What CreateFile is asked for, as NtCreateFile has it. @returns false: it is none of the documented values
bool DispositionOf(DWORD creation, ULONG* disposition) {
    constexpr ULONG dispositions[] = {FILE_CREATE, FILE_OVERWRITE_IF, FILE_OPEN, FILE_OPEN_IF, FILE_OVERWRITE};
    if (creation < CREATE_NEW || creation > TRUNCATE_EXISTING) return false;
    *disposition = dispositions[creation - CREATE_NEW];
    return true;
}

HANDLE Create(PUNICODE_STRING path, DWORD access, DWORD share, ULONG disposition, DWORD flags) {
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io;
    HANDLE file = nullptr;
    InitializeObjectAttributes(&attributes, path, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    const ULONG options = FILE_NON_DIRECTORY_FILE | ((flags & FILE_FLAG_OVERLAPPED) ? 0 : FILE_SYNCHRONOUS_IO_NONALERT);
    const NTSTATUS status = NtCreateFile(&file, access | SYNCHRONIZE | FILE_READ_ATTRIBUTES, &attributes, &io, nullptr,
                                         FILE_ATTRIBUTE_NORMAL, share, disposition, options, nullptr, 0);
    return BaseSucceeded(status) ? file : InvalidHandle;
}

/// Where a transfer with an OVERLAPPED begins; nullptr: at the file's position.
LARGE_INTEGER* OffsetOf(const OVERLAPPED* overlapped, LARGE_INTEGER* offset) {
    if (!overlapped) return nullptr;
    offset->LowPart = overlapped->Offset;
    offset->HighPart = LONG(overlapped->OffsetHigh);
    return offset;
}

HANDLE* StandardHandle(DWORD which) {
    RTL_USER_PROCESS_PARAMETERS* const parameters = NtCurrentPeb()->ProcessParameters;
    switch (which) {
    case STD_INPUT_HANDLE: return &parameters->StandardInput;
    case STD_OUTPUT_HANDLE: return &parameters->StandardOutput;
    case STD_ERROR_HANDLE: return &parameters->StandardError;
    default: SetLastError(ERROR_INVALID_HANDLE); return nullptr;
    }
}

NTSTATUS QuerySize(HANDLE file, LONGLONG* size) {
    IO_STATUS_BLOCK io;
    FILE_STANDARD_INFORMATION information;
    NT_TRY(NtQueryInformationFile(file, &io, &information, sizeof(information),
                                  FILE_INFORMATION_CLASS::FileStandardInformation));
    *size = information.EndOfFile.QuadPart;
    return STATUS_SUCCESS;
}

/// Where a position counts from.
NTSTATUS QueryOrigin(HANDLE file, DWORD method, LONGLONG* origin) {
    IO_STATUS_BLOCK io;
    FILE_POSITION_INFORMATION position;
    *origin = 0;
    if (method == FILE_END) return QuerySize(file, origin);
    if (method != FILE_CURRENT) return method == FILE_BEGIN ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    NT_TRY(NtQueryInformationFile(file, &io, &position, sizeof(position),
                                  FILE_INFORMATION_CLASS::FilePositionInformation));
    *origin = position.CurrentByteOffset.QuadPart;
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

HANDLE NTAPI CreateFileW(PCWSTR FileName, DWORD DesiredAccess, DWORD ShareMode, LPSECURITY_ATTRIBUTES,
                         DWORD CreationDisposition, DWORD FlagsAndAttributes, HANDLE) {
    UNICODE_STRING path;
    ULONG disposition = 0;
    if (!FileName || !DispositionOf(CreationDisposition, &disposition)) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return InvalidHandle;
    }
    if (!RtlDosPathNameToNtPathName_U(FileName, &path, nullptr, nullptr)) {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return InvalidHandle;
    }
    const HANDLE file = Create(&path, DesiredAccess, ShareMode, disposition, FlagsAndAttributes);
    RtlFreeUnicodeString(&path);
    return file;
}

HANDLE NTAPI CreateFileA(PCSTR FileName, DWORD DesiredAccess, DWORD ShareMode, LPSECURITY_ATTRIBUTES SecurityAttributes,
                         DWORD CreationDisposition, DWORD FlagsAndAttributes, HANDLE TemplateFile) {
    BASE_WIDE name(FileName);
    if (!BaseSucceeded(name.Status())) return InvalidHandle;
    return CreateFileW(name.Get() ? name.Get()->Buffer : nullptr, DesiredAccess, ShareMode, SecurityAttributes,
                       CreationDisposition, FlagsAndAttributes, TemplateFile);
}

BOOL NTAPI ReadFile(HANDLE File, LPVOID Buffer, DWORD Bytes, DWORD* BytesRead, OVERLAPPED* Overlapped) {
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER offset;
    NTSTATUS status =
        NtReadFile(File, nullptr, nullptr, nullptr, &io, Buffer, Bytes, OffsetOf(Overlapped, &offset), nullptr);
    if (status == STATUS_END_OF_FILE && !Overlapped) { // documented: a success, without bytes
        status = STATUS_SUCCESS;
        io.Information = 0;
    }
    if (BytesRead) *BytesRead = NT_SUCCESS(status) ? DWORD(io.Information) : 0;
    return BaseSucceeded(status);
}

BOOL NTAPI WriteFile(HANDLE File, const void* Buffer, DWORD Bytes, DWORD* BytesWritten, OVERLAPPED* Overlapped) {
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER offset;
    const NTSTATUS status = NtWriteFile(File, nullptr, nullptr, nullptr, &io, const_cast<LPVOID>(Buffer), Bytes,
                                        OffsetOf(Overlapped, &offset), nullptr);
    if (BytesWritten) *BytesWritten = NT_SUCCESS(status) ? DWORD(io.Information) : 0;
    return BaseSucceeded(status);
}

DWORD NTAPI GetFileSize(HANDLE File, DWORD* FileSizeHigh) {
    LARGE_INTEGER size{};
    if (!BaseSucceeded(QuerySize(File, &size.QuadPart))) return INVALID_FILE_SIZE;
    if (FileSizeHigh) *FileSizeHigh = DWORD(size.HighPart);
    if (size.LowPart == INVALID_FILE_SIZE) SetLastError(ERROR_SUCCESS); // it is one
    return size.LowPart;
}

DWORD NTAPI SetFilePointer(HANDLE File, LONG DistanceToMove, LONG* DistanceToMoveHigh, DWORD MoveMethod) {
    LARGE_INTEGER distance{};
    distance.LowPart = ULONG(DistanceToMove);
    distance.HighPart = DistanceToMoveHigh ? *DistanceToMoveHigh : DistanceToMove < 0 ? -1 : 0;
    FILE_POSITION_INFORMATION position;
    IO_STATUS_BLOCK io;
    LONGLONG origin = 0;
    NTSTATUS status = QueryOrigin(File, MoveMethod, &origin);
    position.CurrentByteOffset.QuadPart = origin + distance.QuadPart;
    if (NT_SUCCESS(status) && position.CurrentByteOffset.QuadPart < 0) {
        SetLastError(ERROR_NEGATIVE_SEEK);
        return INVALID_FILE_SIZE;
    }
    if (NT_SUCCESS(status))
        status = NtSetInformationFile(File, &io, &position, sizeof(position),
                                      FILE_INFORMATION_CLASS::FilePositionInformation);
    if (!BaseSucceeded(status)) return INVALID_FILE_SIZE;
    if (DistanceToMoveHigh) *DistanceToMoveHigh = position.CurrentByteOffset.HighPart;
    if (position.CurrentByteOffset.LowPart == INVALID_FILE_SIZE) SetLastError(ERROR_SUCCESS);
    return position.CurrentByteOffset.LowPart;
}

DWORD NTAPI GetFileType(HANDLE File) {
    IO_STATUS_BLOCK io;
    FILE_FS_DEVICE_INFORMATION device;
    if (!BaseSucceeded(NtQueryVolumeInformationFile(File, &io, &device, sizeof(device),
                                                    FS_INFORMATION_CLASS::FileFsDeviceInformation)))
        return FILE_TYPE_UNKNOWN;
    SetLastError(ERROR_SUCCESS);
    return device.DeviceType == FILE_DEVICE_DISK      ? FILE_TYPE_DISK
           : device.DeviceType == FILE_DEVICE_CONSOLE ? FILE_TYPE_CHAR
                                                      : FILE_TYPE_UNKNOWN;
}

HANDLE NTAPI GetStdHandle(DWORD StdHandle) {
    const HANDLE* const handle = StandardHandle(StdHandle);
    return handle ? *handle : InvalidHandle;
}
BOOL NTAPI SetStdHandle(DWORD StdHandle, HANDLE Handle) {
    HANDLE* const handle = StandardHandle(StdHandle);
    if (handle) *handle = Handle;
    return handle != nullptr;
}
}
