// NtOpenProcess and NtOpenThread: a handle by an ID.
//
// IRQL: PASSIVE_LEVEL. In the books: "process and thread internals", "object handles". PRC-02, OBJ-06
#include "rtl/capture.h"
#include "ke.h"
#include "ps/psp.h"
#include "ps/services.h"

namespace {

/// What the caller wants: IDs, and attributes of the handle.
struct WANTED {
    KPROCESSOR_MODE Mode;
    CLIENT_ID Id;
    ULONG Attributes;
};

NTSTATUS Capture(WANTED& wanted, HANDLE* handle, const OBJECT_ATTRIBUTES* attributes, const CLIENT_ID* id) {
    wanted.Mode = ExGetPreviousMode();
    wanted.Id = {};
    NT_TRY(nt::Probe(wanted.Mode, handle));
    NT_TRY(PspCaptureHandleAttributes(wanted.Mode, attributes, &wanted.Attributes));
    return id ? nt::Capture(wanted.Mode, &wanted.Id, id) : STATUS_INVALID_PARAMETER_MIX; // there are no names
}

/// Gives the caller a handle, and the reference back.
NTSTATUS Give(const WANTED& wanted, PVOID object, POBJECT_TYPE type, ACCESS_MASK access, HANDLE* handle) {
    HANDLE opened;
    const NTSTATUS status =
        ObOpenObjectByPointer(object, wanted.Attributes, nullptr, access, type, wanted.Mode, &opened);
    (void)ObDereferenceObject(object);
    NT_TRY(status);
    return nt::Tell(wanted.Mode, handle, opened);
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtOpenProcess(HANDLE* ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             PCLIENT_ID ClientId) {
    WANTED wanted;
    NT_TRY(Capture(wanted, ProcessHandle, ObjectAttributes, ClientId));
    EPROCESS* process;
    if (wanted.Id.UniqueThread) { // the process of that thread
        PETHREAD thread;
        NT_TRY(PsLookupProcessThreadByCid(&wanted.Id, &process, &thread));
        (void)ObDereferenceObject(thread);
    } else if (!NT_SUCCESS(PsLookupProcessByProcessId(wanted.Id.UniqueProcess, &process))) {
        return STATUS_INVALID_CID;
    }
    return Give(wanted, process, PsProcessType, DesiredAccess, ProcessHandle);
}

NTSTATUS NTAPI NtOpenThread(HANDLE* ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                            PCLIENT_ID ClientId) {
    WANTED wanted;
    NT_TRY(Capture(wanted, ThreadHandle, ObjectAttributes, ClientId));
    PETHREAD thread;
    NT_TRY(PsLookupProcessThreadByCid(&wanted.Id, nullptr, &thread));
    return Give(wanted, thread, PsThreadType, DesiredAccess, ThreadHandle);
}
}
