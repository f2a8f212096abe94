// Private to io.
#pragma once

#include "ex.h"
#include "rtl/capture.h"
#include "io.h"
#include "ke.h"
#include "ob.h"
#include "ob/sync.h"
#include "rtl/string.h"

constexpr ULONG IO_NAME_TAG = EX_TAG("IoNm");
constexpr ULONG IO_APC_TAG = EX_TAG("IoAp");
constexpr ULONG IO_ENTRY_TAG = EX_TAG("IoDe");

/// What NtCreateFile hands to the parse procedures: the context of its look-up.
struct IOP_OPEN_PACKET {
    IO_OPEN Open;
    bool Opened; ///< out: a device has opened the file
};

// file.cpp
extern OB_PARSE_METHOD IopParseFile;
extern OB_DELETE_METHOD IopDeleteFile;
extern OB_CLOSE_METHOD IopCloseFile;
extern OB_QUERYNAME_METHOD IopQueryFileName;
// open.cpp
extern OB_PARSE_METHOD IopParseDevice;
/// Opens a file of a device. @param directory nullptr: `name` is relative to the device itself. @param object receives it, referenced
NTSTATUS IopOpenFile(IO_DEVICE* device, const FILE_OBJECT* directory, const UNICODE_STRING& name,
                     IOP_OPEN_PACKET* packet, PVOID* object);

// init.cpp
/// Makes a permanent symbolic link, at boot.
NTSTATUS IopMakeLink(PCWSTR link, PCWSTR target);

inline bool IopIsSynchronous(const FILE_OBJECT* file) { return (file->Flags & FO_SYNCHRONOUS_IO) != 0; }
/// Bytes that a file of this size takes on its device.
constexpr ULONGLONG IopAllocationOf(ULONGLONG bytes) { return (bytes + PAGE_SIZE - 1) & ~ULONGLONG(PAGE_SIZE - 1); }
inline bool IopIsDirectory(const IO_FILE_DESCRIPTION& description) {
    return (description.Attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}
inline IO_FILE_DESCRIPTION IopDescribe(FILE_OBJECT* file) {
    IO_FILE_DESCRIPTION description = {};
    file->DeviceObject->Calls->Describe(file, &description);
    return description;
}

/// One operation on a file of the caller's, from the handle to its end: in between it has the file's Lock, if the file is synchronous.
class IOP_OPERATION {
public:
    IOP_OPERATION() = default;
    ~IOP_OPERATION();
    IOP_OPERATION(const IOP_OPERATION&) = delete;
    IOP_OPERATION& operator=(const IOP_OPERATION&) = delete;

    /// What its caller wants to be told by at the end.
    struct NOTICE {
        HANDLE Event;
        PIO_APC_ROUTINE ApcRoutine;
        PVOID ApcContext;
    };

    /// @param access a caller in user mode must have one of these rights. @returns STATUS_SUCCESS; a wait for the Lock that was
    /// disturbed has another status without the bits of an error, and has begun nothing
    NTSTATUS Begin(HANDLE handle, ACCESS_MASK access, PIO_STATUS_BLOCK statusBlock, const NOTICE& notice = {});
    /// Tells the end to the caller in all ways. @returns `status`, or that the caller's memory cannot be written
    NTSTATUS End(NTSTATUS status, ULONG_PTR information);

    FILE_OBJECT* File() const { return m_file.Get(); }
    const IO_DEVICE_CALLS& Calls() const { return *File()->DeviceObject->Calls; }
    KPROCESSOR_MODE Mode() const { return m_mode; }
    ACCESS_MASK Granted() const { return m_granted; }

private:
    NTSTATUS Reference(HANDLE handle, ACCESS_MASK access);
    NTSTATUS MakeApc(const NOTICE& notice);

    const KPROCESSOR_MODE m_mode = ExGetPreviousMode();
    nt::ObjectRef<FILE_OBJECT> m_file;
    nt::ObjectRef<KEVENT> m_event;
    ACCESS_MASK m_granted = 0;
    PIO_STATUS_BLOCK m_statusBlock = nullptr;
    PKAPC m_apc = nullptr;
    bool m_locked = false;
};
