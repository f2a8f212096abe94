// The handles of a process: its table comes with it, with what it inherits, and all handles go when it ends.
//
// In the books: "object handles and the process handle table", "handle inheritance". OBJ-07, PRC-02
#include "ob/obp.h"

const OB_PROCESS_SOURCE* ObpProcesses;

namespace {

// A copy of the table is made in two steps: under each old entry's lock the copy takes a reference; then each new handle is counted, and
// its type is told. No other thread uses the new table meanwhile.

BOOLEAN NTAPI TakeInheritable(PHANDLE_TABLE_ENTRY old, PHANDLE_TABLE_ENTRY) {
    if ((ObpAttributesOf(old) & OBJ_INHERIT) == 0) return FALSE;
    (void)ObfReferenceObject(&ObpHeaderOf(old)->Body);
    return TRUE;
}

/// Counts a handle that was inherited; one that its type refuses goes again.
void NTAPI CountInherited(PHANDLE_TABLE table, PHANDLE_TABLE_ENTRY entry, HANDLE handle, PVOID) {
    POBJECT_HEADER const header = ObpHeaderOf(entry);
    const ACCESS_MASK granted = entry->GrantedAccess & ~OB_PROTECT_CLOSE_ACCESS;
    if (NT_SUCCESS(ObpIncrementHandleCount(ObInheritHandle, table->QuotaProcess, header, granted, 0))) {
        ExUnlockHandleTableEntry(table, entry);
        return;
    }
    (void)ExDestroyHandle(table, handle, entry);
    (void)ObfDereferenceObject(&header->Body);
}

void NTAPI CloseSwept(PHANDLE_TABLE table, PHANDLE_TABLE_ENTRY entry, HANDLE handle, PVOID process) {
    ObpCloseEntry(static_cast<EPROCESS*>(process), table, handle, entry);
}

PHANDLE_TABLE CopyTable(EPROCESS* process, PHANDLE_TABLE old) {
    PHANDLE_TABLE table;
    {
        const nt::ApcLevelGuard apcs;
        table = ExDupHandleTable(process, old, TakeInheritable);
    }
    if (table) ExSweepHandleTable(table, CountInherited, nullptr);
    return table;
}

} // namespace

extern "C" {

void NTAPI ObRegisterProcesses(const OB_PROCESS_SOURCE* Source) { ObpProcesses = Source; }

NTSTATUS NTAPI ObOpenProcessHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE AccessMode,
                                   EPROCESS** Process) {
    PVOID object;
    NT_TRY(ObReferenceObjectByHandle(Handle, DesiredAccess, *ObpProcesses->ProcessType, AccessMode, &object, nullptr));
    *Process = static_cast<EPROCESS*>(object);
    return STATUS_SUCCESS;
}

ULONG NTAPI ObCountHandles(EPROCESS* Process) {
    OB_PROCESS* const part = ObpPartOf(Process);
    if (!ExAcquireRundownProtection(&part->TableRundown)) return 0;
    const HANDLE_TABLE* const table = part->ObjectTable;
    const ULONG count = table ? ULONG(table->HandleCount) : 0;
    ExReleaseRundownProtection(&part->TableRundown);
    return count;
}

NTSTATUS NTAPI ObInitProcess(EPROCESS* Parent, EPROCESS* Process) {
    OB_PROCESS* const part = ObpPartOf(Process);
    ExInitializeRundownProtection(&part->TableRundown);
    PHANDLE_TABLE table = nullptr;
    if (!Parent) {
        table = ExCreateHandleTable(Process);
    } else {
        OB_PROCESS* const parent = ObpPartOf(Parent);
        if (!ExAcquireRundownProtection(&parent->TableRundown)) return STATUS_PROCESS_IS_TERMINATING;
        table = CopyTable(Process, parent->ObjectTable);
        ExReleaseRundownProtection(&parent->TableRundown);
    }
    part->ObjectTable = table;
    return table ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

void NTAPI ObKillProcess(EPROCESS* Process) {
    OB_PROCESS* const part = ObpPartOf(Process);
    PHANDLE_TABLE const table = part->ObjectTable;
    if (!table) return;
    ExWaitForRundownProtectionRelease(&part->TableRundown);
    ExRemoveHandleTable(table);
    part->ObjectTable = nullptr;
    ExSweepHandleTable(table, CloseSwept, Process); // no other thread uses the table any more
    ExDestroyHandleTable(table);
}
}
