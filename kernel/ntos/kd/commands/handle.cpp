// handle: the handles of a process, and the objects that they lead to.
//
// Copies first, printing afterwards. While the kernel runs, each entry is locked while it is copied; in a stopped kernel it is read as it is.
// In the books: the !handle extension, "object handles and the process handle table". TOL-06, OBJ-07
#include "ex/handlepeek.h"
#include "kd/commands.h"
#include "kd/objectview.h"
#include "kd/processview.h"

namespace {

constexpr ULONG MOST_HANDLES = 128;
constexpr ULONG_PTR FLAGS = 7; ///< of an entry's pointer

/// A handle as it was.
struct COPY {
    HANDLE Handle;
    const void* Object;
    ULONG Access, Attributes;
    CHAR Type[KDP_NAME_ROOM], Name[KDP_NAME_ROOM];
};
COPY Handles[MOST_HANDLES]; ///< the monitor is used by one person at a time
ULONG Count;

void Copy(const HANDLE_TABLE_ENTRY* entry, HANDLE handle) {
    if (Count == MOST_HANDLES) return;
    auto* const header = reinterpret_cast<POBJECT_HEADER>(entry->Value & ~FLAGS);
    COPY& copy = Handles[Count++];
    copy = {.Handle = handle,
            .Object = &header->Body,
            .Access = entry->GrantedAccess & ~OB_PROTECT_CLOSE_ACCESS,
            .Attributes = ULONG(entry->Value) & OB_HANDLE_ATTRIBUTES};
    if ((entry->GrantedAccess & OB_PROTECT_CLOSE_ACCESS) != 0) copy.Attributes |= OBJ_PROTECT_CLOSE;
    KdpSpell(header->Type->Name, copy.Type);
    KdpSpellName(&header->Body, copy.Name);
}

BOOLEAN NTAPI CopyLocked(PHANDLE_TABLE_ENTRY entry, HANDLE handle, PVOID) {
    Copy(entry, handle);
    return Count == MOST_HANDLES;
}

void CopyAll(const KD_SESSION& session, PHANDLE_TABLE table) {
    Count = 0;
    if (!session.Stopped()) {
        const KIRQL before = KfRaiseIrql(APC_LEVEL); // no APC meets a locked entry
        (void)ExEnumHandleTable(table, CopyLocked, nullptr, nullptr);
        KfLowerIrql(before);
        return;
    }
    for (ULONG index = 1; index < ULONG(table->NextHandleNeedingPool); index++) {
        HANDLE_TABLE_ENTRY entry;
        HANDLE const handle = reinterpret_cast<HANDLE>(ULONG_PTR(index) << HANDLE_VALUE_SHIFT);
        if (ExPeekHandle(table, handle, &entry)) Copy(&entry, handle);
    }
}

} // namespace

KD_COMMAND(handle, "[process]", "handles of a process: object, rights, flags (Inherit, Protect, Audit), type, name") {
    EPROCESS* const process = KdpNextProcess(session);
    if (!process) return;
    PHANDLE_TABLE const table = process->Objects.ObjectTable;
    if (!table) {
        session.Print("%s has no handle table\n", process->ImageFileName);
        return;
    }
    CopyAll(session, table);
    session.Print("%s: %d handle%s\n", process->ImageFileName, table->HandleCount,
                  KdpPlural(ULONG(table->HandleCount)));
    if (Count != 0) session.Print("handle  object    rights    flags  type          name\n");
    for (ULONG i = 0; i < Count && !session.HasEnough(); i++) {
        const COPY& handle = Handles[i];
        session.Print("%6x  %p  %08x  %c%c%c    %-12s  %s\n", ULONG(reinterpret_cast<ULONG_PTR>(handle.Handle)),
                      handle.Object, handle.Access, (handle.Attributes & OBJ_INHERIT) ? 'I' : '-',
                      (handle.Attributes & OBJ_PROTECT_CLOSE) ? 'P' : '-',
                      (handle.Attributes & OBJ_AUDIT_OBJECT_CLOSE) ? 'A' : '-', handle.Type, handle.Name);
    }
}
