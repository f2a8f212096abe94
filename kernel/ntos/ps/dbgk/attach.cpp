// A process gets a debugger, and loses it.
//
// A debugger that comes later is told what is there already, as if it had just happened: the process, its threads, its images. No thread
// waits for the answers to these events.
// Locks: DbgkpLock guards EPROCESS::DebugPort; under it KPROCESS::ProcessLock for the list of threads. IRQL: PASSIVE_LEVEL.
// In the books: "user-mode debugging framework". EXC-04, PRC-04
#include "ke.h"
#include "mm/virtual.h"
#include "ps/attach.h"
#include "ps/dbgk/dbgk.h"

namespace {

constexpr ULONG DEBUG_THREADS_TAG = EX_TAG("DbgT");

/// The threads of user mode that a process has at one moment, referenced.
/// shared: no, on the caller's stack
class THREADS {
public:
    THREADS() {}
    ~THREADS() {
        for (ULONG i = 0; i < m_count; i++)
            (void)ObDereferenceObject(m_threads[i]);
        if (m_threads) ExFreePoolWithTag(m_threads, DEBUG_THREADS_TAG);
    }
    THREADS(const THREADS&) = delete;
    THREADS& operator=(const THREADS&) = delete;

    /// @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES
    NTSTATUS Collect(EPROCESS* process) {
        const ULONG room = process->ActiveThreads + 1; // those that begin later tell it themselves
        m_threads =
            static_cast<PETHREAD*>(ExAllocatePoolWithTag(NonPagedPool, room * sizeof(PETHREAD), DEBUG_THREADS_TAG));
        if (!m_threads) return STATUS_INSUFFICIENT_RESOURCES;
        const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
        for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
            auto* const found = CONTAINING_RECORD(thread, ETHREAD, Tcb);
            if (thread->SystemThread || found->Terminating || m_count == room) continue;
            (void)ObReferenceObject(found); // it holds a reference to itself while it is on the list
            m_threads[m_count++] = found;
        }
        return STATUS_SUCCESS;
    }
    [[nodiscard]] ULONG Count() const { return m_count; }
    PETHREAD operator[](ULONG index) const { return m_threads[index]; }

private:
    PETHREAD* m_threads = nullptr;
    ULONG m_count = 0;
};

/// Tells of a process and its threads. The lock is held.
NTSTATUS TellThreads(DEBUG_OBJECT* object, EPROCESS* process, THREADS& threads) {
    NT_TRY(threads.Collect(process));
    for (ULONG i = 0; i < threads.Count(); i++) {
        PETHREAD const thread = threads[i];
        const DBGKM_CREATE_THREAD started = {.SubSystemKey = 0,
                                             .StartAddress = reinterpret_cast<PVOID>(thread->StartAddress)};
        DEBUG_EVENT_INFO info = {};
        if (i == 0) {
            info.CreateProcessInfo.NewProcess.BaseOfImage = process->SectionBaseAddress;
            info.CreateProcessInfo.NewProcess.InitialThread = started;
        } else {
            info.CreateThread.NewThread = started;
        }
        thread->DebugKnown = process->DebugKnown = TRUE;
        NT_TRY(DbgkpQueueCopy(object, thread,
                              i == 0 ? DBG_STATE::DbgCreateProcessStateChange : DBG_STATE::DbgCreateThreadStateChange,
                              info));
    }
    return STATUS_SUCCESS;
}

/// The next image in the current address space. @param at where the search begins; receives where it goes on. @returns its base; nullptr:
/// there is none more
PVOID NextImage(UCHAR** at) {
    MEMORY_BASIC_INFORMATION told;
    while (NT_SUCCESS(ZwQueryVirtualMemory(NtCurrentProcess(), *at, MEMORY_INFORMATION_CLASS::MemoryBasicInformation,
                                           &told, sizeof(told), nullptr))) {
        *at = static_cast<UCHAR*>(told.BaseAddress) + told.RegionSize;
        if (told.Type == MEM_IMAGE && told.AllocationBase == told.BaseAddress) return told.BaseAddress;
    }
    return nullptr;
}

/// Tells of the images of a process but its program. Not in a lock: an image that comes meanwhile may be told twice.
NTSTATUS TellImages(DEBUG_OBJECT* object, EPROCESS* process, PETHREAD thread) {
    const PSP_ATTACH attached(process);
    UCHAR* at = nullptr;
    while (PVOID const base = NextImage(&at)) {
        if (base == process->SectionBaseAddress) continue;
        DEBUG_EVENT_INFO info = {};
        info.LoadDll.BaseOfDll = base;
        const nt::FastMutexGuard guard(DbgkpLock);
        if (process->DebugPort != object) return STATUS_SUCCESS; // it was let go already
        NT_TRY(DbgkpQueueCopy(object, thread, DBG_STATE::DbgLoadDllStateChange, info));
    }
    return STATUS_SUCCESS;
}

/// Says in the PEB whether the process has a debugger.
void MarkPeb(EPROCESS* process, BOOLEAN debugged) {
    const PSP_ATTACH attached(process);
    (void)PspWriteUser(&process->Peb->BeingDebugged, &debugged, sizeof(debugged)); // the program's own loss
}

/// The port of a process that has none. The lock is held.
NTSTATUS SetPort(EPROCESS* process, DEBUG_OBJECT* object) {
    if (object->Inactive) return STATUS_DEBUGGER_INACTIVE;
    if (process->DebugPort) return STATUS_PORT_ALREADY_SET;
    (void)ObReferenceObject(object);
    process->DebugPort = object;
    return STATUS_SUCCESS;
}

NTSTATUS Attach(EPROCESS* process, DEBUG_OBJECT* object) {
    THREADS threads;
    NTSTATUS status;
    {
        const nt::FastMutexGuard guard(DbgkpLock);
        NT_TRY(SetPort(process, object));
        status = TellThreads(object, process, threads);
    }
    MarkPeb(process, TRUE);
    if (NT_SUCCESS(status) && threads.Count() != 0) status = TellImages(object, process, threads[0]);
    if (!NT_SUCCESS(status)) (void)DbgkpDetach(process, object);
    return status;
}

NTSTATUS Open(nt::ObjectRef<EPROCESS>& process, HANDLE processHandle, nt::ObjectRef<DEBUG_OBJECT>& object,
              HANDLE objectHandle) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(process.Open(processHandle, PROCESS_SUSPEND_RESUME, PsProcessType, mode));
    if (!process->EndsWithLastThread || process.Get() == PsGetCurrentProcess()) return STATUS_ACCESS_DENIED;
    return object.Open(objectHandle, DEBUG_PROCESS_ASSIGN, DbgkDebugObjectType, mode);
}

} // namespace

NTSTATUS DbgkSetPortOfNewProcess(EPROCESS* Process, EPROCESS* Parent, DEBUG_OBJECT* Port) {
    {
        const nt::FastMutexGuard guard(DbgkpLock);
        DEBUG_OBJECT* const inherited = Parent->NoDebugInherit ? nullptr : Parent->DebugPort;
        if (!Port && !inherited) return STATUS_SUCCESS;
        const NTSTATUS status = SetPort(Process, Port ? Port : inherited);
        if (!NT_SUCCESS(status)) return Port ? status : STATUS_SUCCESS; // the parent's debugger goes away: no matter
    }
    MarkPeb(Process, TRUE);
    return STATUS_SUCCESS;
}

bool DbgkpDetach(EPROCESS* Process, DEBUG_OBJECT* Object) {
    {
        const nt::FastMutexGuard guard(DbgkpLock);
        if (Process->DebugPort != Object) return false;
        Process->DebugPort = nullptr;
        Process->DebugKnown = FALSE;
        DbgkpAnswerAll(Object, Process, STATUS_DEBUGGER_INACTIVE);
    }
    if (ExAcquireRundownProtection(&Process->RundownProtect)) {
        MarkPeb(Process, FALSE);
        ExReleaseRundownProtection(&Process->RundownProtect);
    }
    (void)ObDereferenceObject(Object);
    return true;
}

extern "C" {

NTSTATUS NTAPI NtDebugActiveProcess(HANDLE ProcessHandle, HANDLE DebugObjectHandle) {
    nt::ObjectRef<EPROCESS> process;
    nt::ObjectRef<DEBUG_OBJECT> object;
    NT_TRY(Open(process, ProcessHandle, object, DebugObjectHandle));
    if (!ExAcquireRundownProtection(&process->RundownProtect)) return STATUS_PROCESS_IS_TERMINATING;
    const NTSTATUS status = Attach(process.Get(), object.Get());
    ExReleaseRundownProtection(&process->RundownProtect);
    return status;
}

NTSTATUS NTAPI NtRemoveProcessDebug(HANDLE ProcessHandle, HANDLE DebugObjectHandle) {
    nt::ObjectRef<EPROCESS> process;
    nt::ObjectRef<DEBUG_OBJECT> object;
    NT_TRY(Open(process, ProcessHandle, object, DebugObjectHandle));
    return DbgkpDetach(process.Get(), object.Get()) ? STATUS_SUCCESS : STATUS_PORT_NOT_SET;
}
}
