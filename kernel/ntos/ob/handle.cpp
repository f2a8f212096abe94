// Handles of objects: made, looked up, closed.
//
// A handle has a reference to its object, and counts as a handle of it.
// In the books: "object handles and the process handle table". OBJ-06, OBJ-07
#include "ob/obp.h"

namespace {

bool IsKernelHandle(HANDLE handle) { return (ULONG(reinterpret_cast<ULONG_PTR>(handle)) & KERNEL_HANDLE_BIT) != 0; }

HANDLE WithoutKernelBit(HANDLE handle) {
    return reinterpret_cast<HANDLE>(reinterpret_cast<ULONG_PTR>(handle) & ~ULONG_PTR(KERNEL_HANDLE_BIT));
}

/// The current process or thread, by a number that has no entry. @returns the object; nullptr: it is another number
[[maybe_unused]] PVOID CurrentObject(HANDLE handle, POBJECT_TYPE* type, ACCESS_MASK* granted) {
    const LONG number = LONG(reinterpret_cast<LONG_PTR>(handle));
    PVOID object = nullptr;
    if (number == -1) {
        object = ObpCurrentProcess();
        *type = *ObpProcesses->ProcessType;
    } else if (number == -2) {
        object = KeGetCurrentThread();
        *type = *ObpProcesses->ThreadType;
    }
    if (object) *granted = (*type)->TypeInfo.ValidAccessMask;
    return object;
}

HANDLE_TABLE_ENTRY EntryOf(POBJECT_HEADER header, ACCESS_MASK granted, ULONG attributes) {
    const ULONG_PTR flags = attributes & OB_HANDLE_ATTRIBUTES;
    const ACCESS_MASK kept = (attributes & OBJ_PROTECT_CLOSE) ? OB_PROTECT_CLOSE_ACCESS : 0;
    return {.Object = reinterpret_cast<PVOID>(reinterpret_cast<ULONG_PTR>(header) | flags),
            .GrantedAccess = granted | kept};
}

/// A handle is gone: what it stood for goes, too.
[[maybe_unused]] void Forget(EPROCESS* owner, HANDLE handle, const HANDLE_TABLE_ENTRY& entry) {
    POBJECT_HEADER const header = ObpHeaderOf(&entry);
    if ((ObpAttributesOf(&entry) & OBJ_AUDIT_OBJECT_CLOSE) != 0) SeCloseObjectAuditAlarm(&header->Body, handle, TRUE);
    ObpDecrementHandleCount(owner, header, entry.GrantedAccess & ~OB_PROTECT_CLOSE_ACCESS);
    (void)ObfDereferenceObject(&header->Body);
}

} // namespace

// LAB(1.5) begin
namespace {

/// Whether the handle's object is what the caller wants.
NTSTATUS Check(POBJECT_TYPE found, POBJECT_TYPE wanted, ACCESS_MASK granted, ACCESS_MASK desired,
               KPROCESSOR_MODE mode) {
    if (wanted && found != wanted) return STATUS_OBJECT_TYPE_MISMATCH;
    return mode != KernelMode && (desired & ~granted) != 0 ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/// Takes a handle out of its table. @param entry receives what it was.
NTSTATUS Remove(EPROCESS* owner, PHANDLE_TABLE table, HANDLE handle, HANDLE_TABLE_ENTRY* entry) {
    const nt::ApcLevelGuard apcs;
    PHANDLE_TABLE_ENTRY const locked = ExMapHandleToPointer(table, handle);
    if (!locked) return STATUS_INVALID_HANDLE;
    POBJECT_HEADER const header = ObpHeaderOf(locked);
    OB_OKAYTOCLOSE_METHOD* const okay = header->Type->TypeInfo.OkayToCloseProcedure;
    if ((ObpAttributesOf(locked) & OBJ_PROTECT_CLOSE) != 0 || (okay && !okay(owner, &header->Body, handle))) {
        ExUnlockHandleTableEntry(table, locked);
        return STATUS_HANDLE_NOT_CLOSABLE;
    }
    *entry = *locked;
    (void)ExDestroyHandle(table, handle, locked);
    return STATUS_SUCCESS;
}

} // namespace
// LAB(1.5) else
//| // Room for helpers of your own.
// LAB(1.5) end

PHANDLE_TABLE ObpTableOf(HANDLE* handle, KPROCESSOR_MODE mode, EPROCESS** owner) {
    *owner = ObpCurrentProcess();
    if (IsKernelHandle(*handle)) {
        if (mode != KernelMode) return nullptr;
        *owner = ObpProcesses->SystemProcess;
        *handle = WithoutKernelBit(*handle);
    }
    return ObpPartOf(*owner)->ObjectTable;
}

NTSTATUS ObpGrantAccess(POBJECT_TYPE type, PACCESS_STATE state, ACCESS_MASK desired, KPROCESSOR_MODE mode,
                        ACCESS_MASK* granted) {
    NTSTATUS status;
    const ACCESS_MASK asked = state ? state->RemainingDesiredAccess : desired;
    const ACCESS_MASK had = state ? state->PreviouslyGrantedAccess : 0;
    if (!SeAccessCheck(nullptr, nullptr, FALSE, asked, had, nullptr, &type->TypeInfo.GenericMapping, mode, granted,
                       &status))
        return status;
    *granted &= type->TypeInfo.ValidAccessMask | ACCESS_SYSTEM_SECURITY;
    if (state) {
        state->PreviouslyGrantedAccess = *granted;
        state->RemainingDesiredAccess = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS ObpCreateHandleIn(OB_OPEN_REASON reason, EPROCESS* process, PHANDLE_TABLE table, PVOID object,
                           ACCESS_MASK granted, ULONG attributes, HANDLE* handle) {
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(object);
    NT_TRY(ObpIncrementHandleCount(reason, process, header, granted, attributes));
    (void)ObfReferenceObject(object);
    const HANDLE_TABLE_ENTRY entry = EntryOf(header, granted, attributes);
    {
        const nt::ApcLevelGuard apcs;
        *handle = ExCreateHandle(table, &entry);
    }
    if (*handle) return STATUS_SUCCESS;
    ObpDecrementHandleCount(process, header, granted);
    (void)ObfDereferenceObject(object);
    return STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS ObpCreateHandle(OB_OPEN_REASON reason, PVOID object, ACCESS_MASK granted, ULONG attributes,
                         KPROCESSOR_MODE mode, HANDLE* handle) {
    const bool kernel = (attributes & OBJ_KERNEL_HANDLE) != 0 && mode == KernelMode;
    EPROCESS* const process = kernel ? ObpProcesses->SystemProcess : ObpCurrentProcess();
    PHANDLE_TABLE const table = ObpPartOf(process)->ObjectTable;
    if (!table) return STATUS_PROCESS_IS_TERMINATING;
    NT_TRY(ObpCreateHandleIn(reason, process, table, object, granted, attributes, handle));
    if (kernel) *handle = reinterpret_cast<HANDLE>(reinterpret_cast<ULONG_PTR>(*handle) | KERNEL_HANDLE_BIT);
    return STATUS_SUCCESS;
}

void ObpCloseEntry(EPROCESS* process, PHANDLE_TABLE table, HANDLE handle, PHANDLE_TABLE_ENTRY entry) {
    const HANDLE_TABLE_ENTRY was = *entry;
    (void)ExDestroyHandle(table, handle, entry);
    Forget(process, handle, was);
}

extern "C" {

/// References the object of a handle. Another thread may close the handle at any moment: the object that is returned lives.
///
/// - The handle is one of the current process; with KERNEL_HANDLE_BIT it is one of the System process, in kernel mode only
///   (ObpTableOf). -1 and -2 are the current process and thread, with every right of their types (CurrentObject).
/// - HandleInformation receives the handle's attributes (ObpAttributesOf) and its rights, without OB_PROTECT_CLOSE_ACCESS.
/// - In case of a failure there is no reference more, and *Object is nullptr.
/// @returns STATUS_INVALID_HANDLE; STATUS_OBJECT_TYPE_MISMATCH: ObjectType is another one (nullptr: any will do); then
/// STATUS_ACCESS_DENIED: user mode wants rights that the handle does not give
NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                         KPROCESSOR_MODE AccessMode, PVOID* Object,
                                         POBJECT_HANDLE_INFORMATION HandleInformation) {
    // LAB(1.5) begin
    *Object = nullptr;
    ULONG attributes = 0;
    ACCESS_MASK granted;
    POBJECT_TYPE type;
    if (PVOID const current = CurrentObject(Handle, &type, &granted)) {
        NT_TRY(Check(type, ObjectType, granted, DesiredAccess, AccessMode));
        (void)ObfReferenceObject(current);
        *Object = current;
    } else {
        EPROCESS* owner;
        PHANDLE_TABLE const table = ObpTableOf(&Handle, AccessMode, &owner);
        if (!table) return STATUS_INVALID_HANDLE;
        const nt::ApcLevelGuard apcs;
        PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, Handle);
        if (!entry) return STATUS_INVALID_HANDLE;
        POBJECT_HEADER const header = ObpHeaderOf(entry);
        granted = entry->GrantedAccess & ~OB_PROTECT_CLOSE_ACCESS;
        attributes = ObpAttributesOf(entry);
        const NTSTATUS status = Check(header->Type, ObjectType, granted, DesiredAccess, AccessMode);
        if (NT_SUCCESS(status)) (void)ObfReferenceObject(&header->Body);
        ExUnlockHandleTableEntry(table, entry);
        NT_TRY(status);
        *Object = &header->Body;
    }
    if (HandleInformation) *HandleInformation = {.HandleAttributes = attributes, .GrantedAccess = granted};
    return STATUS_SUCCESS;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// Closes a handle, of the same tables. Of several threads that close one handle at the same time one succeeds.
///
/// - A handle with OBJ_PROTECT_CLOSE stays, and so does one that its type's OkayToCloseProcedure wants to keep. That is asked while
///   nobody else can close it.
/// - What the handle stood for goes (Forget) when it is no handle any more, with no entry locked: that may wait, and call others.
/// - Nothing is closed for -1 and -2: that is a success.
/// @returns STATUS_INVALID_HANDLE; STATUS_HANDLE_NOT_CLOSABLE
NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode) {
    // LAB(1.5) begin
    const LONG number = LONG(reinterpret_cast<LONG_PTR>(Handle));
    if (number == -1 || number == -2) return STATUS_SUCCESS; // there is nothing to close
    EPROCESS* owner;
    HANDLE inTable = Handle;
    PHANDLE_TABLE const table = ObpTableOf(&inTable, PreviousMode, &owner);
    if (!table) return STATUS_INVALID_HANDLE;
    HANDLE_TABLE_ENTRY entry;
    NT_TRY(Remove(owner, table, inTable, &entry));
    Forget(owner, Handle, entry);
    return STATUS_SUCCESS;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}
}
