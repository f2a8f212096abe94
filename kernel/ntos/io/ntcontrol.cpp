// NtDeviceIoControlFile and NtFlushBuffersFile.
//
// In the books: "device control". IOM-01, TRP-06
#include "io/iop.h"

extern "C" {

NTSTATUS NTAPI NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                     PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                                     ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength) {
    IOP_OPERATION operation;
    const NTSTATUS begun = operation.Begin(FileHandle, 0, IoStatusBlock, {Event, ApcRoutine, ApcContext});
    if (begun != STATUS_SUCCESS) return begun;
    IO_CONTROL control = {.Mode = operation.Mode(),
                          .Code = IoControlCode,
                          .Input = InputBuffer,
                          .InputLength = InputBufferLength,
                          .Output = OutputBuffer,
                          .OutputLength = OutputBufferLength};
    const auto call = operation.Calls().Control;
    const NTSTATUS status = call ? call(operation.File(), &control) : STATUS_INVALID_DEVICE_REQUEST;
    return operation.End(status, control.Information);
}

NTSTATUS NTAPI NtFlushBuffersFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock) {
    IOP_OPERATION operation;
    const NTSTATUS begun = operation.Begin(FileHandle, FILE_WRITE_DATA | FILE_APPEND_DATA, IoStatusBlock);
    if (begun != STATUS_SUCCESS) return begun;
    return operation.End(STATUS_SUCCESS, 0); // nothing is kept back
}
}
