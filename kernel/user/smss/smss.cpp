// The session manager: the first process. It opens the console and starts the programs of its list; one that ends is started again.
//
// Its own end would leave a system without programs, so the kernel stops then.
// In the books: "session manager". SYS-03, PRC-16
#include "user/program.h"
#include "user/start.h"

namespace {

constexpr PCWSTR LIST[] = {u"mcmd.exe"};

/// The console, for this process and its children.
NTSTATUS OpenConsole() {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"\\Device\\Console");
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_INHERIT, nullptr, nullptr);
    IO_STATUS_BLOCK block;
    HANDLE console;
    NT_TRY(NtOpenFile(&console, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &attributes, &block,
                      FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT));
    RTL_USER_PROCESS_PARAMETERS& own = *NtCurrentPeb()->ProcessParameters;
    own.StandardInput = own.StandardOutput = own.StandardError = console;
    return STATUS_SUCCESS;
}

/// Starts a program. @param process receives a handle
NTSTATUS Start(PCWSTR program, HANDLE* process) {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, program);
    nt::FullName path(name, u"");
    RTL_USER_PROCESS_INFORMATION made;
    NT_TRY(nt::CreateProgram(path.Get(), &name, &made));
    (void)NtResumeThread(made.Thread, nullptr);
    (void)NtClose(made.Thread);
    *process = made.Process;
    return STATUS_SUCCESS;
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    constexpr ULONG count = sizeof(LIST) / sizeof(LIST[0]);
    HANDLE processes[count];
    NT_TRY(OpenConsole());
    for (ULONG i = 0; i < count; i++)
        NT_TRY(Start(LIST[i], &processes[i]));
    for (;;) {
        const NTSTATUS ended = NtWaitForMultipleObjects(count, processes, WAIT_TYPE::WaitAny, FALSE, nullptr);
        NT_TRY(ended);
        const auto which = ULONG(ended);
        (void)NtClose(processes[which]);
        UNICODE_STRING name;
        RtlInitUnicodeString(&name, LIST[which]);
        nt::Print("%wZ has ended; it is started again\n", &name);
        NT_TRY(Start(LIST[which], &processes[which]));
    }
}
