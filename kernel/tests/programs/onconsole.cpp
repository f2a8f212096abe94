// Gives a program the console: opens it as the session manager does, starts the program that its own command line names, and ends as that ends.
// imports: kernel32
#include "kernel32.h"
#include "ps/services.h"

namespace {

NTSTATUS OpenConsole(HANDLE* console) {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"\\Device\\Console");
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_INHERIT, nullptr, nullptr);
    IO_STATUS_BLOCK block;
    return NtOpenFile(console, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &attributes, &block,
                      FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    STARTUPINFOW startup{};
    startup.cb = sizeof(startup);
    startup.dwFlags = STARTF_USESTDHANDLES;
    NT_TRY(OpenConsole(&startup.hStdInput));
    startup.hStdOutput = startup.hStdError = startup.hStdInput;
    PWSTR line = wcschr(GetCommandLineW(), u' ');
    PROCESS_INFORMATION made;
    DWORD status = 0;
    if (!line || !CreateProcessW(nullptr, line + 1, nullptr, nullptr, TRUE, 0, nullptr, nullptr, &startup, &made))
        return STATUS_UNSUCCESSFUL;
    (void)WaitForSingleObject(made.hProcess, INFINITE);
    (void)GetExitCodeProcess(made.hProcess, &status);
    return static_cast<NTSTATUS>(status);
}
