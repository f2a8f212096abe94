// Events of processes on their way to the debugger and back.
//
// An event is in its debug object's list from the moment at which its thread makes it until it is answered. The debugger takes the first
// one whose process has none that is taken. An answered event whose thread waits may be gone at once: it lies on that thread's stack.
// Locks: DbgkpLock. IRQL: PASSIVE_LEVEL, APC_LEVEL under the lock. In the books: "user-mode debugging framework". EXC-04
#include "rtl/capture.h"
#include "ke.h"
#include "ps/dbgk/dbgk.h"
#include "rtl/string.h"

namespace {

constexpr ULONG DEBUG_EVENT_TAG = EX_TAG("DbgE");

using EVENTS = nt::List<&DEBUG_EVENT::EventList>;

/// Whether the debugger works on an event of the process.
bool HasTakenEvent(DEBUG_OBJECT* object, const EPROCESS* process) {
    for (const DEBUG_EVENT* event : EVENTS(object->EventList)) {
        if (event->Taken && event->Thread->ThreadsProcess == process) return true;
    }
    return false;
}

/// The event that the debugger gets next; nullptr: none.
DEBUG_EVENT* NextEvent(DEBUG_OBJECT* object) {
    for (DEBUG_EVENT* event : EVENTS(object->EventList)) {
        if (!event->Taken && !HasTakenEvent(object, event->Thread->ThreadsProcess)) return event;
    }
    return nullptr;
}

DEBUG_EVENT* EventOf(DEBUG_OBJECT* object, const EPROCESS* process) {
    for (DEBUG_EVENT* event : EVENTS(object->EventList)) {
        if (event->Thread->ThreadsProcess == process) return event;
    }
    return nullptr;
}

void Answer(DEBUG_EVENT* event, NTSTATUS answer) {
    RemoveEntryList(&event->EventList);
    if (event->Waits) {
        event->Answer = answer;
        (void)KeSetEvent(&event->Answered, 0, FALSE);
        return;
    }
    (void)ObDereferenceObject(event->Thread);
    ExFreePoolWithTag(event, DEBUG_EVENT_TAG);
}

// ---- the debugger's side

/// What an event tells, and what the debugger gets handles to.
struct TAKEN {
    DBGUI_WAIT_STATE_CHANGE Told;
    PETHREAD Thread; ///< referenced
};

/// Takes the next event. @returns STATUS_SUCCESS; STATUS_NO_MORE_ENTRIES: another thread of the debugger was faster;
/// STATUS_DEBUGGER_INACTIVE
NTSTATUS Take(DEBUG_OBJECT* object, TAKEN& taken) {
    const nt::FastMutexGuard guard(DbgkpLock);
    if (object->Inactive) return STATUS_DEBUGGER_INACTIVE;
    DEBUG_EVENT* const event = NextEvent(object);
    if (!event) return STATUS_NO_MORE_ENTRIES;
    event->Taken = TRUE;
    taken.Told.NewState = event->State;
    taken.Told.AppClientId = PspClientIdOf(event->Thread);
    taken.Told.StateInfo = event->Info;
    taken.Thread = event->Thread;
    (void)ObReferenceObject(taken.Thread);
    DbgkpPublish(object);
    return STATUS_SUCCESS;
}

/// A handle in the debugger's table; nullptr: there was no memory.
HANDLE HandleTo(PVOID object, ACCESS_MASK access, POBJECT_TYPE type) {
    HANDLE handle;
    const NTSTATUS status = ObOpenObjectByPointer(object, 0, nullptr, access, type, KernelMode, &handle);
    return NT_SUCCESS(status) ? handle : nullptr;
}

void GiveHandles(TAKEN& taken) {
    DEBUG_EVENT_INFO& info = taken.Told.StateInfo;
    if (taken.Told.NewState == DBG_STATE::DbgCreateThreadStateChange) {
        info.CreateThread.HandleToThread = HandleTo(taken.Thread, THREAD_ALL_ACCESS, PsThreadType);
    } else if (taken.Told.NewState == DBG_STATE::DbgCreateProcessStateChange) {
        info.CreateProcessInfo.HandleToProcess =
            HandleTo(taken.Thread->ThreadsProcess, PROCESS_ALL_ACCESS, PsProcessType);
        info.CreateProcessInfo.HandleToThread = HandleTo(taken.Thread, THREAD_ALL_ACCESS, PsThreadType);
    }
}

/// An interval becomes a time, so that waiting twice does not take twice as long.
void MakeAbsolute(LARGE_INTEGER* time) {
    if (time->QuadPart >= 0) return;
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    time->QuadPart = now.QuadPart - time->QuadPart;
}

NTSTATUS WaitAndTake(DEBUG_OBJECT* object, KPROCESSOR_MODE mode, BOOLEAN alertable, LARGE_INTEGER* timeout,
                     TAKEN& taken) {
    for (;;) {
        const NTSTATUS status =
            KeWaitForSingleObject(&object->EventsPresent, KWAIT_REASON::Executive, mode, alertable, timeout);
        if (status != STATUS_SUCCESS) return status;
        const NTSTATUS took = Take(object, taken);
        if (took != STATUS_NO_MORE_ENTRIES) return took;
    }
}

bool IsAnswer(NTSTATUS status) {
    return status == DBG_CONTINUE || status == DBG_EXCEPTION_HANDLED || status == DBG_EXCEPTION_NOT_HANDLED ||
           status == DBG_TERMINATE_THREAD || status == DBG_TERMINATE_PROCESS;
}

} // namespace

void DbgkpPublish(DEBUG_OBJECT* Object) {
    if (Object->Inactive || NextEvent(Object))
        (void)KeSetEvent(&Object->EventsPresent, 0, FALSE);
    else
        (void)KeResetEvent(&Object->EventsPresent);
}

void DbgkpQueue(DEBUG_OBJECT* Object, DEBUG_EVENT* Event) {
    InsertTailList(&Object->EventList, &Event->EventList);
    DbgkpPublish(Object);
}

NTSTATUS DbgkpQueueCopy(DEBUG_OBJECT* Object, PETHREAD Thread, DBG_STATE State, const DEBUG_EVENT_INFO& Info) {
    auto* const event =
        static_cast<DEBUG_EVENT*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(DEBUG_EVENT), DEBUG_EVENT_TAG));
    if (!event) return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(event, sizeof(*event));
    event->Thread = Thread;
    event->State = State;
    event->Info = Info;
    (void)ObReferenceObject(Thread);
    DbgkpQueue(Object, event);
    return STATUS_SUCCESS;
}

void DbgkpAnswerAll(DEBUG_OBJECT* Object, const EPROCESS* Process, NTSTATUS Answered) {
    while (DEBUG_EVENT* const event = EventOf(Object, Process))
        Answer(event, Answered);
    DbgkpPublish(Object);
}

extern "C" {

NTSTATUS NTAPI NtWaitForDebugEvent(HANDLE DebugObjectHandle, BOOLEAN Alertable, LARGE_INTEGER* Timeout,
                                   PDBGUI_WAIT_STATE_CHANGE WaitStateChange) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER time;
    TAKEN taken;
    RtlZeroMemory(&taken, sizeof(taken)); // what an event leaves open tells nothing of the stack
    NT_TRY(nt::Probe(mode, WaitStateChange));
    NT_TRY(nt::CaptureOptional(mode, &time, Timeout));
    nt::ObjectRef<DEBUG_OBJECT> object;
    NT_TRY(object.Open(DebugObjectHandle, DEBUG_READ_EVENT, DbgkDebugObjectType, mode));
    if (Timeout) MakeAbsolute(&time);
    const NTSTATUS status = WaitAndTake(object.Get(), mode, Alertable, Timeout ? &time : nullptr, taken);
    if (status != STATUS_SUCCESS) return status;
    const nt::ObjectRef<ETHREAD> thread(taken.Thread);
    GiveHandles(taken);
    return nt::Tell(mode, WaitStateChange, taken.Told);
}

NTSTATUS NTAPI NtDebugContinue(HANDLE DebugObjectHandle, PCLIENT_ID ClientId, NTSTATUS ContinueStatus) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    CLIENT_ID id;
    NT_TRY(nt::Capture(mode, &id, ClientId));
    if (!IsAnswer(ContinueStatus)) return STATUS_INVALID_PARAMETER;
    nt::ObjectRef<DEBUG_OBJECT> object;
    NT_TRY(object.Open(DebugObjectHandle, DEBUG_READ_EVENT, DbgkDebugObjectType, mode));
    const nt::FastMutexGuard guard(DbgkpLock);
    for (DEBUG_EVENT* event : EVENTS(object->EventList)) {
        const CLIENT_ID own = PspClientIdOf(event->Thread);
        if (!event->Taken || own.UniqueThread != id.UniqueThread || own.UniqueProcess != id.UniqueProcess) continue;
        Answer(event, ContinueStatus);
        DbgkpPublish(object.Get());
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}
}
