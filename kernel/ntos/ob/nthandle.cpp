// Services on handles: close, duplicate, flags, and whether a name stays.
//
// In the books: "object handles". OBJ-06, OBJ-07, TRP-06
#include "rtl/capture.h"
#include "ke/pagedcode.h"
#include "ob/obp.h"

#pragma code_seg("PAGE")
namespace {

/// Sets or clears OBJ_INHERIT and OBJ_PROTECT_CLOSE of a handle.
NTSTATUS SetFlags(HANDLE handle, KPROCESSOR_MODE mode, const OBJECT_HANDLE_FLAG_INFORMATION& flags) {
    EPROCESS* owner;
    PHANDLE_TABLE const table = ObpTableOf(&handle, mode, &owner);
    if (!table) return STATUS_INVALID_HANDLE;
    const nt::ApcLevelGuard apcs;
    PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, handle);
    if (!entry) return STATUS_INVALID_HANDLE;
    // The entry is locked: no other thread changes it.
    entry->Value = flags.Inherit ? entry->Value | OBJ_INHERIT : entry->Value & ~ULONG_PTR(OBJ_INHERIT);
    entry->GrantedAccess = flags.ProtectFromClose ? entry->GrantedAccess | OB_PROTECT_CLOSE_ACCESS
                                                  : entry->GrantedAccess & ~OB_PROTECT_CLOSE_ACCESS;
    ExUnlockHandleTableEntry(table, entry);
    return STATUS_SUCCESS;
}

/// The process of a handle, for duplication. A handle of no process at all gives none.
NTSTATUS OpenProcess(nt::ObjectRef<EPROCESS>& process, HANDLE handle, KPROCESSOR_MODE mode) {
    return process.Open(handle, PROCESS_DUP_HANDLE, *ObpProcesses->ProcessType, mode);
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtClose(HANDLE Handle) {
    PAGED_CODE();
    return ObCloseHandle(Handle, ExGetPreviousMode());
}

NTSTATUS NTAPI NtDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
                                 HANDLE* TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                                 ULONG Options) {
    PAGED_CODE();
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(nt::ProbeOptional(mode, TargetHandle));
    nt::ObjectRef<EPROCESS> source, target;
    NT_TRY(OpenProcess(source, SourceProcessHandle, mode));
    NTSTATUS status = STATUS_SUCCESS;
    if (TargetProcessHandle) status = OpenProcess(target, TargetProcessHandle, mode);
    if (!NT_SUCCESS(status) && (Options & DUPLICATE_CLOSE_SOURCE) == 0) return status;
    HANDLE made;
    const NTSTATUS duplicated = ObDuplicateObject(source.Get(), SourceHandle, target.Get(), &made, DesiredAccess,
                                                  HandleAttributes, Options, mode);
    NT_TRY(status);
    NT_TRY(duplicated);
    return nt::TellOptional(mode, TargetHandle, made);
}

NTSTATUS NTAPI NtSetInformationObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass,
                                      PVOID ObjectInformation, ULONG ObjectInformationLength) {
    PAGED_CODE();
    if (ObjectInformationClass != OBJECT_INFORMATION_CLASS::ObjectHandleFlagInformation)
        return STATUS_INVALID_INFO_CLASS;
    OBJECT_HANDLE_FLAG_INFORMATION flags;
    if (ObjectInformationLength != sizeof(flags)) return STATUS_INFO_LENGTH_MISMATCH;
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(RtlCaptureFromCaller(mode, &flags, ObjectInformation, sizeof(flags), 1));
    return SetFlags(Handle, mode, flags);
}

NTSTATUS NTAPI NtMakeTemporaryObject(HANDLE Handle) {
    PAGED_CODE();
    nt::ObjectRef<void> object;
    NT_TRY(object.Open(Handle, DELETE, nullptr, ExGetPreviousMode()));
    ObMakeTemporaryObject(object.Get());
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtMakePermanentObject(HANDLE Handle) {
    PAGED_CODE();
    nt::ObjectRef<void> object;
    NT_TRY(object.Open(Handle, 0, nullptr, ExGetPreviousMode()));
    ObpSetPermanent(OBJECT_TO_OBJECT_HEADER(object.Get()), true);
    return STATUS_SUCCESS;
}
}
#pragma code_seg()
