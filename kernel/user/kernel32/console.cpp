// Consoles: their mode, Ctrl+C. Contract: kernel32.h.
//
// The first handler makes an event, which Ctrl+C signals, and a thread that waits for it and asks the handlers, the newest first. Where none
// takes it, the process ends, as one without handlers does: there the shell ends it.
// Locks: ControlLock for the list; no handler is called with it. In the books: "console windows". SYS-05
#include "k32.h"

#include "io/consolectl.h"

namespace {

constexpr ULONG MOST_HANDLERS = 32;
constexpr auto STATUS_CONTROL_C_EXIT = static_cast<NTSTATUS>(static_cast<LONG>(0xC000013A)); // documented value

/// The handlers of the process.
struct CONTROL_HANDLERS {
    RTL_SRWLOCK Lock;
    HANDLE Event; ///< nullptr: no thread waits yet
    HANDLE Console;
    ULONG Count;
    PHANDLER_ROUTINE Routines[MOST_HANDLERS]; ///< the newest last
    bool Ignore;                              ///< SetConsoleCtrlHandler(nullptr, TRUE)
};
CONTROL_HANDLERS Handlers; ///< shared: under Lock

/// Holds the lock.
class GUARD {
public:
    GUARD() { RtlAcquireSRWLockExclusive(&Handlers.Lock); }
    ~GUARD() { RtlReleaseSRWLockExclusive(&Handlers.Lock); }
    GUARD(const GUARD&) = delete;
    GUARD& operator=(const GUARD&) = delete;
};

NTSTATUS Request(HANDLE console, ULONG code, PVOID in, ULONG inBytes, PVOID out, ULONG outBytes) {
    IO_STATUS_BLOCK io;
    return NtDeviceIoControlFile(console, nullptr, nullptr, nullptr, &io, code, in, inBytes, out, outBytes);
}

/// The process's console, whatever its standard handles are.
NTSTATUS OpenConsole(HANDLE* console) {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io;
    RtlInitUnicodeString(&name, u"\\??\\CON");
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    return NtOpenFile(console, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &attributes, &io,
                      FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT);
}

/// The handlers at one moment. @returns how many; `*ignore`: Ctrl+C is not for this process
ULONG Copy(PHANDLER_ROUTINE (&routines)[MOST_HANDLERS], bool* ignore) {
    const GUARD guard;
    *ignore = Handlers.Ignore;
    memcpy(routines, Handlers.Routines, sizeof(routines));
    return Handlers.Count;
}

void Ask() {
    PHANDLER_ROUTINE routines[MOST_HANDLERS];
    bool ignore;
    ULONG count = Copy(routines, &ignore);
    if (ignore) return;
    while (count != 0)
        if (routines[--count](CTRL_C_EVENT)) return;
    ExitProcess(UINT(STATUS_CONTROL_C_EXIT));
}

NTSTATUS NTAPI Listen(PVOID event) {
    while (NtWaitForSingleObject(event, FALSE, nullptr) == STATUS_SUCCESS)
        Ask();
    return STATUS_SUCCESS;
}

/// With the lock held: makes event and thread, once.
NTSTATUS Begin() {
    if (Handlers.Event) return STATUS_SUCCESS;
    HANDLE event = nullptr, console = nullptr, thread = nullptr;
    NT_TRY(NtCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, SynchronizationEvent, FALSE));
    NTSTATUS status = OpenConsole(&console);
    if (NT_SUCCESS(status))
        status = Request(console, IOCTL_CONSOLE_SET_CONTROL_EVENT, &event, sizeof(event), nullptr, 0);
    if (NT_SUCCESS(status))
        status = RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Listen, event, &thread, nullptr);
    if (!NT_SUCCESS(status)) {
        if (console) (void)NtClose(console); // takes the registration along
        (void)NtClose(event);
        return status;
    }
    (void)NtClose(thread);
    Handlers.Event = event;
    Handlers.Console = console;
    return STATUS_SUCCESS;
}

NTSTATUS Add(PHANDLER_ROUTINE routine) {
    if (Handlers.Count == MOST_HANDLERS) return STATUS_NO_MEMORY;
    NT_TRY(Begin());
    Handlers.Routines[Handlers.Count++] = routine;
    return STATUS_SUCCESS;
}

NTSTATUS Remove(PHANDLER_ROUTINE routine) {
    for (ULONG i = Handlers.Count; i-- != 0;) {
        if (Handlers.Routines[i] != routine) continue;
        for (; i + 1 < Handlers.Count; i++)
            Handlers.Routines[i] = Handlers.Routines[i + 1];
        Handlers.Count--;
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

} // namespace

extern "C" {

BOOL NTAPI SetConsoleCtrlHandler(PHANDLER_ROUTINE HandlerRoutine, BOOL AddIt) {
    NTSTATUS status;
    {
        const GUARD guard;
        if (HandlerRoutine) {
            status = AddIt ? Add(HandlerRoutine) : Remove(HandlerRoutine);
        } else {
            status = Begin();
            if (NT_SUCCESS(status)) Handlers.Ignore = AddIt != 0;
        }
    }
    return BaseSucceeded(status);
}

BOOL NTAPI GenerateConsoleCtrlEvent(DWORD CtrlEvent, DWORD ProcessGroupId) {
    HANDLE console;
    if (CtrlEvent != CTRL_C_EVENT || ProcessGroupId != 0) return BaseSucceeded(STATUS_INVALID_PARAMETER);
    NTSTATUS status = OpenConsole(&console);
    if (!BaseSucceeded(status)) return FALSE;
    status = Request(console, IOCTL_CONSOLE_GENERATE_CONTROL, nullptr, 0, nullptr, 0);
    (void)NtClose(console);
    return BaseSucceeded(status);
}

BOOL NTAPI GetConsoleMode(HANDLE Console, DWORD* Mode) {
    return BaseSucceeded(Request(Console, IOCTL_CONSOLE_GET_MODE, nullptr, 0, Mode, sizeof(*Mode)));
}
BOOL NTAPI SetConsoleMode(HANDLE Console, DWORD Mode) {
    return BaseSucceeded(Request(Console, IOCTL_CONSOLE_SET_MODE, &Mode, sizeof(Mode), nullptr, 0));
}
}
