// NtReadFile and NtWriteFile.
//
// A synchronous file has a position: a transfer without an offset begins there, and each transfer moves it behind its last byte.
// In the books: "synchronous and asynchronous I/O". IOM-03, TRP-06
#include "io/iop.h"

namespace {

enum class DIRECTION { Read, Write };

/// Where a transfer begins. @param given the caller's offset, captured; nullptr: none
NTSTATUS ChooseOffset(FILE_OBJECT* file, const LARGE_INTEGER* given, DIRECTION direction,
                      const IO_FILE_DESCRIPTION& description, ULONGLONG* offset) {
    *offset = 0;
    if (description.IsStream) return STATUS_SUCCESS;
    const bool special = given && given->HighPart == -1;
    if (!given || (special && given->LowPart == FILE_USE_FILE_POINTER_POSITION)) {
        if (!IopIsSynchronous(file)) return STATUS_INVALID_PARAMETER; // it has no position
        *offset = ULONGLONG(file->CurrentByteOffset.QuadPart);
        return STATUS_SUCCESS;
    }
    if (special && given->LowPart == FILE_WRITE_TO_END_OF_FILE && direction == DIRECTION::Write) {
        *offset = description.Size;
        return STATUS_SUCCESS;
    }
    if (given->QuadPart < 0) return STATUS_INVALID_PARAMETER;
    *offset = ULONGLONG(given->QuadPart);
    return STATUS_SUCCESS;
}

NTSTATUS Transfer(IOP_OPERATION& operation, DIRECTION direction, const LARGE_INTEGER* given, IO_TRANSFER* transfer) {
    FILE_OBJECT* const file = operation.File();
    const IO_FILE_DESCRIPTION description = IopDescribe(file);
    const auto call = direction == DIRECTION::Read ? operation.Calls().Read : operation.Calls().Write;
    if (!call || IopIsDirectory(description)) return STATUS_INVALID_DEVICE_REQUEST;
    NT_TRY(ChooseOffset(file, given, direction, description, &transfer->Offset));
    const NTSTATUS status = call(file, transfer);
    if (IopIsSynchronous(file) && !description.IsStream && NT_SUCCESS(status))
        file->CurrentByteOffset.QuadPart = LONGLONG(transfer->Offset + transfer->Information);
    return status;
}

NTSTATUS Run(DIRECTION direction, HANDLE handle, const IOP_OPERATION::NOTICE& notice, PIO_STATUS_BLOCK statusBlock,
             PVOID buffer, ULONG length, LARGE_INTEGER* byteOffset, ULONG* key) {
    IOP_OPERATION operation;
    const KPROCESSOR_MODE mode = operation.Mode();
    LARGE_INTEGER offset;
    ULONG lockKey;
    NT_TRY(nt::CaptureOptional(mode, &offset, byteOffset));
    NT_TRY(nt::CaptureOptional(mode, &lockKey, key));
    const ACCESS_MASK access = direction == DIRECTION::Read ? FILE_READ_DATA : FILE_WRITE_DATA | FILE_APPEND_DATA;
    const NTSTATUS begun = operation.Begin(handle, access, statusBlock, notice);
    if (begun != STATUS_SUCCESS) return begun;
    IO_TRANSFER transfer = {.Mode = mode, .Buffer = buffer, .Length = length};
    const NTSTATUS status = Transfer(operation, direction, byteOffset ? &offset : nullptr, &transfer);
    return operation.End(status, transfer.Information);
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                          PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, LARGE_INTEGER* ByteOffset,
                          ULONG* Key) {
    return Run(DIRECTION::Read, FileHandle, {Event, ApcRoutine, ApcContext}, IoStatusBlock, Buffer, Length, ByteOffset,
               Key);
}

NTSTATUS NTAPI NtWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, LARGE_INTEGER* ByteOffset,
                           ULONG* Key) {
    return Run(DIRECTION::Write, FileHandle, {Event, ApcRoutine, ApcContext}, IoStatusBlock, Buffer, Length, ByteOffset,
               Key);
}
}
