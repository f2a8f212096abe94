// Ctrl+C: the events that processes have registered.
//
// A registration is of a process and of the open file through which it was made. It goes when the process closes its last handle to that
// file, or with the file. What the event leads to is the process's affair: the C library ends it, a shell goes on.
// Locks: ControlLock guards the list. In the books: "console windows". SYS-05
#include "io/console/console.h"
#include "ps.h"

namespace {

constexpr ULONG CONTROL_TAG = EX_TAG("IoCt");
constexpr KPRIORITY ControlIncrement = 2;

/// A process that wants to know of Ctrl+C.
struct CONTROL {
    LIST_ENTRY Link;
    FILE_OBJECT* File; ///< not referenced: it takes the registration along
    EPROCESS* Process; ///< not referenced: only compared
    PKEVENT Event;     ///< referenced
};

constinit KSPIN_LOCK ControlLock = {};
LIST_ENTRY Controls GUARDED_BY(ControlLock) = {&Controls, &Controls};

/// Takes one registration off the list. @param process nullptr: any
CONTROL* TakeOne(FILE_OBJECT* file, EPROCESS* process) {
    const nt::SpinLockGuard guard(ControlLock);
    for (PLIST_ENTRY link = Controls.Flink; link != &Controls; link = link->Flink) {
        auto* const control = CONTAINING_RECORD(link, CONTROL, Link);
        if (control->File != file || (process && control->Process != process)) continue;
        RemoveEntryList(link);
        return control;
    }
    return nullptr;
}

} // namespace

void IopSignalControlEvents() {
    const nt::SpinLockGuard guard(ControlLock);
    for (PLIST_ENTRY link = Controls.Flink; link != &Controls; link = link->Flink)
        (void)KeSetEvent(CONTAINING_RECORD(link, CONTROL, Link)->Event, ControlIncrement, FALSE);
}

bool IopHandlesControl(HANDLE processId) {
    EPROCESS* process;
    if (!NT_SUCCESS(PsLookupProcessByProcessId(processId, &process))) return false;
    bool found = false;
    {
        const nt::SpinLockGuard guard(ControlLock);
        for (PLIST_ENTRY link = Controls.Flink; link != &Controls; link = link->Flink)
            found |= CONTAINING_RECORD(link, CONTROL, Link)->Process == process;
    }
    (void)ObDereferenceObject(process);
    return found;
}

void IopForgetControlEvents(FILE_OBJECT* file, EPROCESS* process) {
    while (CONTROL* const control = TakeOne(file, process)) {
        (void)ObfDereferenceObject(control->Event);
        ExFreePoolWithTag(control, CONTROL_TAG);
    }
}

NTSTATUS IopSetControlEvent(FILE_OBJECT* file, PKEVENT event) {
    IopForgetControlEvents(file, PsGetCurrentProcess());
    if (!event) return STATUS_SUCCESS;
    auto* const control = static_cast<CONTROL*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(CONTROL), CONTROL_TAG));
    if (!control) {
        (void)ObfDereferenceObject(event);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *control = {.File = file, .Process = PsGetCurrentProcess(), .Event = event};
    const nt::SpinLockGuard guard(ControlLock);
    InsertTailList(&Controls, &control->Link);
    return STATUS_SUCCESS;
}
