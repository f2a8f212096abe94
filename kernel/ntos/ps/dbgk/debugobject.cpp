// Debug objects: made, changed, closed.
//
// The last handle that is closed ends the debugger's work: each process whose port the object is loses it, and no thread waits for an
// answer any more.
// Locks: DbgkpLock. IRQL: PASSIVE_LEVEL. In the books: "user-mode debugging framework", "object methods". EXC-04, OBJ-03
#include "rtl/capture.h"
#include "ke.h"
#include "ke/usermode.h"
#include "mm/section.h"
#include "ps/dbgk/dbgk.h"
#include "rtl/string.h"

POBJECT_TYPE DbgkDebugObjectType;
FAST_MUTEX DbgkpLock;

namespace {

bool AreFlags(ULONG flags) { return (flags & ~DEBUG_KILL_ON_CLOSE) == 0; }

void NTAPI CloseDebugObject(EPROCESS*, PVOID body, ACCESS_MASK, ULONG, ULONG systemHandleCount) {
    auto* const object = static_cast<DEBUG_OBJECT*>(body);
    if (systemHandleCount > 1) return;
    {
        const nt::FastMutexGuard guard(DbgkpLock);
        object->Inactive = TRUE; // no process gets it as its port any more
        DbgkpPublish(object);
    }
    for (EPROCESS* process = PspNextProcess(nullptr); process; process = PspNextProcess(process)) {
        if (process->DebugPort != object) continue;
        if (object->KillOnClose) PspTerminateProcess(process, STATUS_DEBUGGER_INACTIVE);
        (void)DbgkpDetach(process, object);
    }
}

NTSTATUS MakeType() {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"DebugObject");
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = {STANDARD_RIGHTS_READ | DEBUG_READ_EVENT | DEBUG_QUERY_INFORMATION,
                           STANDARD_RIGHTS_WRITE | DEBUG_PROCESS_ASSIGN | DEBUG_SET_INFORMATION,
                           STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, DEBUG_ALL_ACCESS},
        .ValidAccessMask = DEBUG_ALL_ACCESS,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(DEBUG_OBJECT)),
        .CloseProcedure = CloseDebugObject,
    };
    static_assert(offsetof(DEBUG_OBJECT, EventsPresent) == 0, "a wait for the object waits for its event");
    return ObCreateObjectType(&name, &info, nullptr, &DbgkDebugObjectType);
}

} // namespace

NTSTATUS DbgkInitialize() {
    ExInitializeFastMutex(&DbgkpLock);
    KeSetUserDebugger(DbgkForwardException);
    MmSetImageViewRoutine(DbgkReportImageView);
    return MakeType();
}

extern "C" {

NTSTATUS NTAPI NtCreateDebugObject(HANDLE* DebugObjectHandle, ACCESS_MASK DesiredAccess,
                                   POBJECT_ATTRIBUTES ObjectAttributes, ULONG Flags) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    PVOID body;
    HANDLE made;
    NT_TRY(nt::Probe(mode, DebugObjectHandle));
    if (!AreFlags(Flags)) return STATUS_INVALID_PARAMETER;
    NT_TRY(
        ObCreateObject(mode, DbgkDebugObjectType, ObjectAttributes, mode, nullptr, sizeof(DEBUG_OBJECT), 0, 0, &body));
    auto* const object = static_cast<DEBUG_OBJECT*>(body);
    *object = {};
    KeInitializeEvent(&object->EventsPresent, NotificationEvent, FALSE);
    InitializeListHead(&object->EventList);
    object->KillOnClose = (Flags & DEBUG_KILL_ON_CLOSE) != 0;
    const NTSTATUS status = ObInsertObject(object, nullptr, DesiredAccess, 0, nullptr, &made);
    NT_TRY(status);
    NT_TRY(nt::Tell(mode, DebugObjectHandle, made));
    return status; // STATUS_OBJECT_NAME_EXISTS tells more
}

NTSTATUS NTAPI NtSetInformationDebugObject(HANDLE DebugObjectHandle, DEBUGOBJECTINFOCLASS DebugObjectInformationClass,
                                           PVOID DebugInformation, ULONG DebugInformationLength, ULONG* ReturnLength) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    ULONG flags;
    if (DebugObjectInformationClass != DEBUGOBJECTINFOCLASS::DebugObjectFlags) return STATUS_INVALID_INFO_CLASS;
    if (DebugInformationLength != sizeof(flags)) return STATUS_INFO_LENGTH_MISMATCH;
    NT_TRY(nt::ProbeOptional(mode, ReturnLength));
    NT_TRY(nt::Capture(mode, &flags, static_cast<const ULONG*>(DebugInformation)));
    if (!AreFlags(flags)) return STATUS_INVALID_PARAMETER;
    nt::ObjectRef<DEBUG_OBJECT> object;
    NT_TRY(object.Open(DebugObjectHandle, DEBUG_SET_INFORMATION, DbgkDebugObjectType, mode));
    {
        const nt::FastMutexGuard guard(DbgkpLock);
        object->KillOnClose = flags != 0;
    }
    return nt::TellOptional(mode, ReturnLength, ULONG(sizeof(flags)));
}
}
