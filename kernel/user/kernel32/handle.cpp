// Handles: copies, inheritance, protection. Contract: kernel32.h.
#include "k32.h"

namespace {

NTSTATUS Query(HANDLE object, OBJECT_HANDLE_FLAG_INFORMATION* flags) {
    return NtQueryObject(object, OBJECT_INFORMATION_CLASS::ObjectHandleFlagInformation, flags, sizeof(*flags), nullptr);
}

} // namespace

extern "C" {

BOOL NTAPI CloseHandle(HANDLE Object) { return BaseSucceeded(NtClose(Object)); }

BOOL NTAPI DuplicateHandle(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, HANDLE* Target,
                           DWORD DesiredAccess, BOOL InheritHandle, DWORD Options) {
    return BaseSucceeded(NtDuplicateObject(SourceProcess, Source, TargetProcess, Target, DesiredAccess,
                                           InheritHandle ? OBJ_INHERIT : 0, Options));
}

BOOL NTAPI GetHandleInformation(HANDLE Object, DWORD* Flags) {
    OBJECT_HANDLE_FLAG_INFORMATION flags;
    if (!BaseSucceeded(Query(Object, &flags))) return FALSE;
    *Flags = (flags.Inherit ? HANDLE_FLAG_INHERIT : 0) | (flags.ProtectFromClose ? HANDLE_FLAG_PROTECT_FROM_CLOSE : 0);
    return TRUE;
}

BOOL NTAPI SetHandleInformation(HANDLE Object, DWORD Mask, DWORD Flags) {
    OBJECT_HANDLE_FLAG_INFORMATION flags;
    if (!BaseSucceeded(Query(Object, &flags))) return FALSE;
    if (Mask & HANDLE_FLAG_INHERIT) flags.Inherit = (Flags & HANDLE_FLAG_INHERIT) != 0;
    if (Mask & HANDLE_FLAG_PROTECT_FROM_CLOSE) flags.ProtectFromClose = (Flags & HANDLE_FLAG_PROTECT_FROM_CLOSE) != 0;
    return BaseSucceeded(
        NtSetInformationObject(Object, OBJECT_INFORMATION_CLASS::ObjectHandleFlagInformation, &flags, sizeof(flags)));
}
}
