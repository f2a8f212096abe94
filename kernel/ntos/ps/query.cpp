// Who runs: the current process and thread, their IDs, and the system's version.
//
// The process of a thread is the one that it was made in; the current process is the one whose address space it runs in, which
// differs while the thread is attached.
// IRQL: any. In the books: "process and thread internals". SYS-02
#include "ps/psp.h"

namespace {

constexpr ULONG MAJOR_VERSION = 5; // the release whose interface Mica has: Server 2003
constexpr ULONG MINOR_VERSION = 2;
constexpr ULONG BUILD_NUMBER = 3790;

HANDLE IdOf(ULONG number) { return reinterpret_cast<HANDLE>(ULONG_PTR(number)); }

// Before phase 1, and in the idle threads, the current thread is no ETHREAD: it belongs to the process Idle.
bool IsExecutiveThread(const KTHREAD* thread) { return thread->Process != &PsIdleProcess->Pcb; }

} // namespace

CLIENT_ID PspClientIdOf(const ETHREAD* Thread) {
    return {.UniqueProcess = IdOf(Thread->ThreadsProcess->UniqueProcessId),
            .UniqueThread = IdOf(Thread->UniqueThreadId)};
}

extern "C" {

PEPROCESS NTAPI PsGetCurrentProcess() { return MmCurrentProcess(); }

HANDLE NTAPI PsGetCurrentProcessId() {
    return IdOf(CONTAINING_RECORD(KeGetCurrentThread()->Process, EPROCESS, Pcb)->UniqueProcessId);
}

HANDLE NTAPI PsGetCurrentThreadId() {
    const KTHREAD* const thread = KeGetCurrentThread();
    return IsExecutiveThread(thread) ? PsGetThreadId(CONTAINING_RECORD(thread, ETHREAD, Tcb)) : IdOf(0);
}

HANDLE NTAPI PsGetThreadId(const ETHREAD* Thread) { return IdOf(Thread->UniqueThreadId); }

HANDLE NTAPI PsGetProcessId(const EPROCESS* Process) { return IdOf(Process->UniqueProcessId); }

BOOLEAN NTAPI PsIsSystemThread(const ETHREAD* Thread) { return Thread->Tcb.SystemThread; }

BOOLEAN NTAPI PsGetVersion(ULONG* MajorVersion, ULONG* MinorVersion, ULONG* BuildNumber, PUNICODE_STRING CSDVersion) {
    if (MajorVersion) *MajorVersion = MAJOR_VERSION;
    if (MinorVersion) *MinorVersion = MINOR_VERSION;
    if (BuildNumber) *BuildNumber = BUILD_NUMBER;
    if (CSDVersion) RtlInitUnicodeString(CSDVersion, u"");
#if defined(MICA_CHECKED)
    return TRUE;
#else
    return FALSE;
#endif
}
}
