// A file that is open: what a handle to a file leads to.
//
// Layout: the documented one.
// Locks: Lock, an event that one thread at a time takes, guards a synchronous file from the begin of an operation to its end; what is
// said to be fixed never changes. IRQL: PASSIVE_LEVEL. In the books: "file object". IOM-03
#pragma once

#include "ke/dispatcher.h"
#include "mm/backing.h"
#include "ob/object.h"

struct IO_DEVICE;

constexpr SHORT IO_TYPE_FILE = 5; ///< FILE_OBJECT::Type (documented value)

// FILE_OBJECT::Flags (documented values).
constexpr ULONG FO_FILE_OPEN = 0x0001; ///< the device knows it
constexpr ULONG FO_SYNCHRONOUS_IO = 0x0002;
constexpr ULONG FO_ALERTABLE_IO = 0x0004;

/// An open file.
/// shared: CurrentByteOffset and the scan of a directory under Lock, if the file is synchronous; the rest is fixed once it is open
struct FILE_OBJECT {
    SHORT Type; ///< IO_TYPE_FILE
    SHORT Size;
    IO_DEVICE* DeviceObject; ///< referenced
    PVOID Vpb;
    PVOID FsContext;                               ///< the device's: which file
    PVOID FsContext2;                              ///< the device's: of this open file
    SECTION_OBJECT_POINTERS* SectionObjectPointer; ///< of an MM_BACKING; nullptr: it cannot be mapped
    PVOID PrivateCacheMap;
    NTSTATUS FinalStatus;
    FILE_OBJECT* RelatedFileObject;
    BOOLEAN LockOperation;
    BOOLEAN DeletePending;
    BOOLEAN ReadAccess;
    BOOLEAN WriteAccess;
    BOOLEAN DeleteAccess;
    BOOLEAN SharedRead;
    BOOLEAN SharedWrite;
    BOOLEAN SharedDelete;
    ULONG Flags;             ///< FO_*
    UNICODE_STRING FileName; ///< behind the device's name, with its backslash; empty: the device itself
    LARGE_INTEGER CurrentByteOffset;
    volatile ULONG Waiters;
    volatile ULONG Busy;
    PVOID LastLock;
    KEVENT Lock;
    KEVENT Event; ///< signaled when an operation has ended; what a wait for the file waits for
    PVOID CompletionContext;
};
using PFILE_OBJECT = FILE_OBJECT*;
PUBLIC_SIZE(FILE_OBJECT, 112);
PUBLIC_OFFSET(FILE_OBJECT, FileName, 48);
PUBLIC_OFFSET(FILE_OBJECT, CurrentByteOffset, 56);
PUBLIC_OFFSET(FILE_OBJECT, Event, 92);

extern "C" {
NTKERNELAPI extern POBJECT_TYPE IoFileObjectType;

/// What a section of a file is made of. @param FileObject a FILE_OBJECT. @param Backing receives it, with a reference that MmDereferenceBacking takes back.
/// @returns STATUS_SUCCESS; STATUS_INVALID_FILE_FOR_SECTION: a directory, a console. @irql <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI IoGetFileBacking(PVOID FileObject, MM_BACKING** Backing);
}
