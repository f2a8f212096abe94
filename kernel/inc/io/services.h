// The services on files: what user mode calls.
//
// Each ends before it returns: no status is STATUS_PENDING. Still the event, the file object and the APC tell the end, as documented.
// A Zw form is the same call in the name of kernel mode. Pointers are the caller's. IRQL: PASSIVE_LEVEL.
// In the books: "I/O processing", "synchronous and asynchronous I/O". IOM-01, TRP-06
#pragma once

#include "io/files.h"
#include "ob/handles.h"

#define IO_SERVICE(name, ...)                         \
    NTKERNELAPI NTSTATUS NTAPI Nt##name(__VA_ARGS__); \
    NTKERNELAPI NTSTATUS NTAPI Zw##name(__VA_ARGS__)

extern "C" {
/// Makes the types File and Device. @irql PASSIVE_LEVEL, boot
BOOLEAN NTAPI IoInitSystem();

/// Opens a file. @param AllocationSize not looked at: no device can make files yet. @param EaBuffer must be nullptr.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: options that do not go together; STATUS_EAS_NOT_SUPPORTED; as
/// ObOpenObjectByName, and what the device says: STATUS_OBJECT_NAME_NOT_FOUND, STATUS_ACCESS_DENIED ...
IO_SERVICE(CreateFile, HANDLE* FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PIO_STATUS_BLOCK IoStatusBlock, LARGE_INTEGER* AllocationSize, ULONG FileAttributes, ULONG ShareAccess,
           ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength);
/// Opens a file that is there. @returns as NtCreateFile
IO_SERVICE(OpenFile, HANDLE* FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions);
/// Reads. @param Event signaled at the end; may be nullptr. @param ApcRoutine may be nullptr. @param ByteOffset of a synchronous file:
/// nullptr: at the file's position. @param Key not looked at. @returns STATUS_SUCCESS; STATUS_END_OF_FILE; STATUS_INVALID_HANDLE;
/// STATUS_ACCESS_DENIED; STATUS_INVALID_PARAMETER: ByteOffset; STATUS_INVALID_DEVICE_REQUEST: of a directory
IO_SERVICE(ReadFile, HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, LARGE_INTEGER* ByteOffset, ULONG* Key);
/// Writes. @returns as NtReadFile
IO_SERVICE(WriteFile, HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, LARGE_INTEGER* ByteOffset, ULONG* Key);
/// Tells about a file. @returns STATUS_SUCCESS; STATUS_BUFFER_OVERFLOW: a part of the name; STATUS_INFO_LENGTH_MISMATCH;
/// STATUS_INVALID_INFO_CLASS
IO_SERVICE(QueryInformationFile, HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
           FILE_INFORMATION_CLASS FileInformationClass);
/// Changes where a file is read (FilePositionInformation). @returns also STATUS_INVALID_PARAMETER: the position
IO_SERVICE(SetInformationFile, HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
           FILE_INFORMATION_CLASS FileInformationClass);
/// Tells what kind of device a file is on.
IO_SERVICE(QueryVolumeInformationFile, HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FsInformation,
           ULONG Length, FS_INFORMATION_CLASS FsInformationClass);
/// Tells what is in a directory, from where the last call ended. @param FileInformationClass FileNamesInformation,
/// FileDirectoryInformation, FileFullDirectoryInformation, FileBothDirectoryInformation. @param FileName a pattern with * and ?, of the first
/// call on this file; nullptr: all names. @returns STATUS_SUCCESS; STATUS_NO_SUCH_FILE: no name matches; STATUS_NO_MORE_FILES;
/// STATUS_BUFFER_OVERFLOW: a part of one entry, which the next call tells again; STATUS_INFO_LENGTH_MISMATCH: no room for even that;
/// STATUS_INVALID_PARAMETER: no directory
IO_SERVICE(QueryDirectoryFile, HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
           FILE_INFORMATION_CLASS FileInformationClass, BOOLEAN ReturnSingleEntry, PUNICODE_STRING FileName,
           BOOLEAN RestartScan);
/// Asks a device for what only its kind knows (io/consolectl.h). @returns STATUS_INVALID_DEVICE_REQUEST: the code; STATUS_BUFFER_TOO_SMALL
IO_SERVICE(DeviceIoControlFile, HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer, ULONG InputBufferLength,
           PVOID OutputBuffer, ULONG OutputBufferLength);
/// Waits until all that was written is on the device.
IO_SERVICE(FlushBuffersFile, HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock);
}

#undef IO_SERVICE
