// A device with files, before there are drivers: an object that reads the rest of a name, and calls for what is done with its files.
//
// The calls are made at PASSIVE_LEVEL, in the thread of the caller, without locks but the Lock of a synchronous file. Each ends before
// it returns. The I/O manager's requests and driver stacks take this header's place (ntos/io/README.md).
// In the books: "device objects", "I/O processing". IOM-01, IOM-03
#pragma once

#include "io/fileobject.h"
#include "io/files.h"

/// How a file is to be opened.
struct IO_OPEN {
    ACCESS_MASK DesiredAccess; ///< none of them generic; MAXIMUM_ALLOWED
    ULONG CreateOptions;
    ULONG Disposition;
    ULONG FileAttributes;
    ULONG ShareAccess;
    ULONG_PTR Information; ///< out: FILE_OPENED and the like
};

/// A transfer between a file and a caller's memory.
struct IO_TRANSFER {
    KPROCESSOR_MODE Mode; ///< whose address Buffer is: it may be anything, if it is user mode's
    PVOID Buffer;
    ULONG Length; ///< in bytes
    ULONGLONG Offset;
    ULONG Information; ///< out: bytes that were transferred
};

/// A request that only this kind of device knows. Input and output are the caller's memory.
struct IO_CONTROL {
    KPROCESSOR_MODE Mode;
    ULONG Code;
    PVOID Input;
    ULONG InputLength;
    PVOID Output;
    ULONG OutputLength;
    ULONG Information; ///< out: bytes of the output
};

/// What a file is.
struct IO_FILE_DESCRIPTION {
    ULONG Attributes; ///< FILE_ATTRIBUTE_*
    ULONGLONG Size;
    ULONGLONG Index; ///< differs from that of the device's other files
    bool IsStream;   ///< it has no positions: offsets are not looked at, each transfer goes on where the last one ended
};

/// The calls of a device. Those that may be nullptr: the device has no such operation (STATUS_INVALID_DEVICE_REQUEST).
struct IO_DEVICE_CALLS {
    /// Opens what File->FileName says: sets FsContext, FsContext2, SectionObjectPointer. @returns what the opener is told
    NTSTATUS(NTAPI* Open)(FILE_OBJECT* File, IO_OPEN* Open);
    /// A process has closed its last handle; may be nullptr.
    void(NTAPI* Cleanup)(FILE_OBJECT* File, EPROCESS* Process);
    /// The file object goes; may be nullptr.
    void(NTAPI* Close)(FILE_OBJECT* File);
    void(NTAPI* Describe)(FILE_OBJECT* File, IO_FILE_DESCRIPTION* Description);
    NTSTATUS(NTAPI* Read)(FILE_OBJECT* File, IO_TRANSFER* Transfer);  ///< may be nullptr
    NTSTATUS(NTAPI* Write)(FILE_OBJECT* File, IO_TRANSFER* Transfer); ///< may be nullptr
    /// Of a directory: tells its entry number `Number`, from 0 on. @returns STATUS_NO_MORE_FILES. May be nullptr
    NTSTATUS(NTAPI* Entry)(FILE_OBJECT* File, ULONG Number, UNICODE_STRING* Name, IO_FILE_DESCRIPTION* Description);
    NTSTATUS(NTAPI* Control)(FILE_OBJECT* File, IO_CONTROL* Control); ///< may be nullptr
};

/// A device with files.
/// shared: fixed
struct IO_DEVICE {
    const IO_DEVICE_CALLS* Calls;
    ULONG DeviceType;      ///< FILE_DEVICE_*
    ULONG Characteristics; ///< FILE_READ_ONLY_DEVICE
};

extern "C" {
NTKERNELAPI extern POBJECT_TYPE IoDeviceObjectType;

/// Makes a device. @param Name from the root on; it stays. @param Link a second name, a symbolic link to the first; may be nullptr.
/// @param Calls stay. @returns STATUS_SUCCESS; as ObCreateObject and ObInsertObject. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI IoCreateFileDevice(PCWSTR Name, PCWSTR Link, const IO_DEVICE_CALLS* Calls, ULONG DeviceType,
                                              ULONG Characteristics);
/// How long a wait of a file's operation may be disturbed: in user mode's name by the thread's end, and by alerts if the file was
/// opened so. @returns STATUS_SUCCESS: the object is signaled; STATUS_USER_APC, STATUS_ALERTED. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI IoWaitForFile(FILE_OBJECT* File, PVOID Object, KPROCESSOR_MODE Mode);
}
