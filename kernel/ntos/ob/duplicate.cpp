// Handles of one process, made in another.
//
// The process of a handle keeps its table while a thread of another process uses it: TableRundown. The source's entry is locked for as
// long as it takes to reference the object; the new handle is made without a lock.
// In the books: "object handles", "handle duplication". OBJ-06, OBJ-07
#include "ob/obp.h"

namespace {

/// A process's table as long as this lives.
class BORROWED_TABLE {
public:
    explicit BORROWED_TABLE(EPROCESS* process)
        : m_part(ObpPartOf(process)), m_held(ExAcquireRundownProtection(&m_part->TableRundown)) {}
    ~BORROWED_TABLE() {
        if (m_held) ExReleaseRundownProtection(&m_part->TableRundown);
    }
    BORROWED_TABLE(const BORROWED_TABLE&) = delete;
    BORROWED_TABLE& operator=(const BORROWED_TABLE&) = delete;

    PHANDLE_TABLE Get() const { return m_held ? m_part->ObjectTable : nullptr; }

private:
    OB_PROCESS* const m_part;
    const BOOLEAN m_held;
};

/// Reads a handle of another process. @param object receives what it leads to, referenced
NTSTATUS ReadSource(PHANDLE_TABLE table, HANDLE handle, PVOID* object, OBJECT_HANDLE_INFORMATION* information) {
    const nt::ApcLevelGuard apcs;
    PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, handle);
    if (!entry) return STATUS_INVALID_HANDLE;
    *object = &ObpHeaderOf(entry)->Body;
    *information = {.HandleAttributes = ObpAttributesOf(entry),
                    .GrantedAccess = entry->GrantedAccess & ~OB_PROTECT_CLOSE_ACCESS};
    (void)ObfReferenceObject(*object);
    ExUnlockHandleTableEntry(table, entry);
    return STATUS_SUCCESS;
}

/// Whether the number is a handle without an entry, or one of another table: these belong to the calling process.
bool IsOfCaller(HANDLE handle) { return LONG(reinterpret_cast<LONG_PTR>(handle)) < 0; }

/// Closes the source in the process that it belongs to.
NTSTATUS CloseSource(EPROCESS* process, HANDLE handle, KPROCESSOR_MODE mode) {
    if (IsOfCaller(handle)) return ObCloseHandle(handle, mode);
    KAPC_STATE saved;
    KeStackAttachProcess(reinterpret_cast<PKPROCESS>(process), &saved);
    const NTSTATUS status = ObCloseHandle(handle, mode);
    KeUnstackDetachProcess(&saved);
    return status;
}

} // namespace

extern "C" NTSTATUS NTAPI ObDuplicateObject(EPROCESS* SourceProcess, HANDLE SourceHandle, EPROCESS* TargetProcess,
                                            HANDLE* TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                                            ULONG Options, KPROCESSOR_MODE PreviousMode) {
    if (TargetHandle) *TargetHandle = nullptr;
    if (!TargetProcess && (Options & DUPLICATE_CLOSE_SOURCE) == 0) return STATUS_INVALID_PARAMETER;
    const BORROWED_TABLE source(SourceProcess);
    if (!source.Get()) return STATUS_PROCESS_IS_TERMINATING;
    PVOID object;
    OBJECT_HANDLE_INFORMATION was;
    if (IsOfCaller(SourceHandle))
        NT_TRY(ObReferenceObjectByHandle(SourceHandle, 0, nullptr, PreviousMode, &object, &was));
    else
        NT_TRY(ReadSource(source.Get(), SourceHandle, &object, &was));

    NTSTATUS status = STATUS_SUCCESS;
    if (TargetProcess) {
        const BORROWED_TABLE target(TargetProcess);
        ACCESS_MASK granted = was.GrantedAccess;
        if (!target.Get()) status = STATUS_PROCESS_IS_TERMINATING;
        if (NT_SUCCESS(status) && (Options & DUPLICATE_SAME_ACCESS) == 0)
            status = ObpGrantAccess(ObGetObjectType(object), nullptr, DesiredAccess, PreviousMode, &granted);
        const ULONG attributes = (Options & DUPLICATE_SAME_ATTRIBUTES) ? was.HandleAttributes : HandleAttributes;
        HANDLE made = nullptr;
        if (NT_SUCCESS(status))
            status =
                ObpCreateHandleIn(ObDuplicateHandle, TargetProcess, target.Get(), object, granted, attributes, &made);
        if (NT_SUCCESS(status) && TargetHandle) *TargetHandle = made;
    }
    // Asked for, the source is closed even if there is no new handle.
    if ((Options & DUPLICATE_CLOSE_SOURCE) != 0) {
        const NTSTATUS closed = CloseSource(SourceProcess, SourceHandle, PreviousMode);
        if (NT_SUCCESS(status)) status = closed;
    }
    (void)ObfDereferenceObject(object);
    return status;
}
