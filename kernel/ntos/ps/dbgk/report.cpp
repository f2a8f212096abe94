// Events of a process that has a debugger: made by the thread to which they happen, which waits for the answer.
//
// Before it queues its event the thread freezes all others of its process; so the debugger looks at a process that stands still. A thread
// that waits is in a critical region: another thread's freeze cannot stop it before it has taken its own freeze back.
// Locks: DbgkpLock. IRQL: PASSIVE_LEVEL. In the books: "user-mode debugging framework", "exception dispatching". EXC-04, EXC-05
#include "ke.h"
#include "ke/usermode.h"
#include "ps/dbgk/dbgk.h"

namespace {

/// Queues an event, if the process still has a debugger. @returns whether it has
bool Queue(DEBUG_EVENT& event) {
    const nt::FastMutexGuard guard(DbgkpLock);
    DEBUG_OBJECT* const port = event.Thread->ThreadsProcess->DebugPort;
    if (port) DbgkpQueue(port, &event);
    return port != nullptr;
}

/// Tells the debugger about the calling thread, and waits. @returns the answer; STATUS_PORT_NOT_SET: there is no debugger
NTSTATUS Report(PETHREAD thread, DBG_STATE state, const DEBUG_EVENT_INFO& info) {
    DEBUG_EVENT event = {};
    event.Thread = thread;
    event.Waits = TRUE;
    event.Answer = STATUS_PORT_NOT_SET;
    event.State = state;
    event.Info = info;
    KeInitializeEvent(&event.Answered, NotificationEvent, FALSE);
    KeFreezeAllThreads();
    if (Queue(event)) (void)KeWaitForSingleObject(&event.Answered, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    KeThawAllThreads();
    return event.Answer;
}

void ReportImage(PETHREAD thread, PVOID base, bool mapped) {
    DEBUG_EVENT_INFO info = {};
    if (mapped) {
        info.LoadDll.BaseOfDll = base;
        info.LoadDll.NamePointer = thread->Teb ? &thread->Teb->NtTib.ArbitraryUserPointer : nullptr;
    } else {
        info.UnloadDll.BaseAddress = base;
    }
    (void)Report(thread, mapped ? DBG_STATE::DbgLoadDllStateChange : DBG_STATE::DbgUnloadDllStateChange, info);
}

enum class KNOWN { Both, Process, Neither };

/// Notes that a thread, and with its first thread the process, is known to the debugger. @returns what was known before
KNOWN MakeKnown(PETHREAD thread) {
    EPROCESS* const process = thread->ThreadsProcess;
    const nt::FastMutexGuard guard(DbgkpLock);
    const KNOWN before = thread->DebugKnown ? KNOWN::Both : process->DebugKnown ? KNOWN::Process : KNOWN::Neither;
    thread->DebugKnown = process->DebugKnown = TRUE;
    return before;
}

/// Whether a thread that ends is the last one: each thread is counted once, so one of them is.
bool IsLast(EPROCESS* process) {
    const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
    return ++process->EndingThreads == process->ActiveThreads;
}

DBG_STATE StateOf(NTSTATUS code) {
    if (code == STATUS_BREAKPOINT) return DBG_STATE::DbgBreakpointStateChange;
    if (code == STATUS_SINGLE_STEP) return DBG_STATE::DbgSingleStepStateChange;
    return DBG_STATE::DbgExceptionStateChange;
}

} // namespace

void DbgkCreateThread(PETHREAD Thread) {
    EPROCESS* const process = Thread->ThreadsProcess;
    if (!process->DebugPort) return;
    const KNOWN known = MakeKnown(Thread);
    if (known == KNOWN::Both) return; // a debugger that came in this moment was told already
    DEBUG_EVENT_INFO info = {};
    const DBGKM_CREATE_THREAD started = {.SubSystemKey = 0,
                                         .StartAddress = reinterpret_cast<PVOID>(Thread->StartAddress)};
    if (known == KNOWN::Process) {
        info.CreateThread.NewThread = started;
        (void)Report(Thread, DBG_STATE::DbgCreateThreadStateChange, info);
        return;
    }
    info.CreateProcessInfo.NewProcess.BaseOfImage = process->SectionBaseAddress;
    info.CreateProcessInfo.NewProcess.InitialThread = started;
    (void)Report(Thread, DBG_STATE::DbgCreateProcessStateChange, info);
    ReportImage(Thread, PspSystemDll.Base, true);
}

void DbgkExitThread(PETHREAD Thread, NTSTATUS ExitStatus) {
    EPROCESS* const process = Thread->ThreadsProcess;
    const bool last = IsLast(process);
    if (Thread->Tcb.SystemThread || !process->DebugPort || !process->DebugKnown) return;
    DEBUG_EVENT_INFO info = {};
    if (last) {
        info.ExitProcess.ExitStatus = process->ExitStatus == STATUS_PENDING ? ExitStatus : process->ExitStatus;
        (void)Report(Thread, DBG_STATE::DbgExitProcessStateChange, info);
    } else if (Thread->DebugKnown) {
        info.ExitThread.ExitStatus = ExitStatus;
        (void)Report(Thread, DBG_STATE::DbgExitThreadStateChange, info);
    }
}

void NTAPI DbgkReportImageView(PVOID BaseAddress, BOOLEAN Mapped) {
    ReportImage(PspCurrentThread(), BaseAddress, Mapped);
}

BOOLEAN NTAPI DbgkForwardException(const EXCEPTION_RECORD* ExceptionRecord, BOOLEAN FirstChance) {
    PETHREAD const thread = PspCurrentThread();
    EPROCESS* const process = thread->ThreadsProcess;
    if (!process->DebugPort) return FALSE;
    DEBUG_EVENT_INFO info = {};
    info.Exception.ExceptionRecord = *ExceptionRecord;
    info.Exception.FirstChance = FirstChance;
    const NTSTATUS answer = Report(thread, StateOf(ExceptionRecord->ExceptionCode), info);
    if (answer == DBG_TERMINATE_PROCESS) PspTerminateProcess(process, ExceptionRecord->ExceptionCode);
    if (answer == DBG_TERMINATE_PROCESS || answer == DBG_TERMINATE_THREAD)
        PspExitThread(ExceptionRecord->ExceptionCode);
    return answer == DBG_CONTINUE || answer == DBG_EXCEPTION_HANDLED;
}
