// A program that starts itself: what the second process is told, and what the first one hears of its end.
// imports: kernel32
#include "check.h"
#include "kernel32.h"

namespace {

constexpr DWORD CHILD_STATUS = 0x1234;
HANDLE const OUTPUT =
    reinterpret_cast<HANDLE>(ULONG_PTR(0x44)); ///< no handle at all: a value that the child is to have

/// What the second process checks.
NTSTATUS Child() {
    WCHAR value[16];
    CHECK(GetEnvironmentVariableW(u"MICA_COLOR", value, 16) == 4 && wcscmp(value, u"blue") == 0);
    CHECK(GetEnvironmentVariableW(u"mica_color", value, 4) == 5); // in any case; what it needs
    CHECK(GetEnvironmentVariableW(u"MICA", value, 16) == 0 && GetLastError() == 203);
    CHECK(GetStdHandle(STD_OUTPUT_HANDLE) == OUTPUT);
    const UNICODE_STRING& image = NtCurrentPeb()->ProcessParameters->ImagePathName;
    UNICODE_STRING end;
    RtlInitUnicodeString(&end, u"\\spawns.exe");
    const UNICODE_STRING tail = {end.Length, end.Length, image.Buffer + (image.Length - end.Length) / sizeof(WCHAR)};
    CHECK(image.Length > end.Length && RtlEqualUnicodeString(&tail, &end, TRUE));
    return static_cast<NTSTATUS>(CHILD_STATUS);
}

void Start(DWORD flags, PROCESS_INFORMATION* process) {
    STARTUPINFOA startup{};
    startup.cb = sizeof(startup);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdOutput = OUTPUT;
    CHAR command[] = "\"spawns\" child";
    CHECK(CreateProcessA(nullptr, command, nullptr, nullptr, FALSE, flags, nullptr, nullptr, &startup, process));
    CHECK(process->dwProcessId != 0 && process->dwProcessId != GetCurrentProcessId());
}

void Finish(const PROCESS_INFORMATION& process, DWORD status) {
    DWORD code = 0;
    CHECK(WaitForSingleObject(process.hProcess, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process.hProcess, &code) && code == status);
    CHECK(GetExitCodeThread(process.hThread, &code) && code == status);
    CHECK(CloseHandle(process.hThread) && CloseHandle(process.hProcess));
}

void Parent() {
    PROCESS_INFORMATION process;
    DWORD code = 0;
    CHECK(SetEnvironmentVariableW(u"MICA_COLOR", u"red") && SetEnvironmentVariableW(u"Mica_Color", u"blue"));
    Start(0, &process);
    Finish(process, CHILD_STATUS);
    Start(CREATE_SUSPENDED, &process);
    CHECK(WaitForSingleObject(process.hProcess, 20) == WAIT_TIMEOUT);
    CHECK(GetExitCodeProcess(process.hProcess, &code) && code == STILL_ACTIVE);
    CHECK(ResumeThread(process.hThread) == 1);
    Finish(process, CHILD_STATUS);
    Start(CREATE_SUSPENDED, &process);
    CHECK(TerminateProcess(process.hProcess, 77)); // before its first instruction
    Finish(process, 77);
    CHAR nothing[] = "nothing.exe", library[] = "kernel32.dll";
    STARTUPINFOA startup{};
    CHECK(!CreateProcessA(nullptr, nothing, nullptr, nullptr, FALSE, 0, nullptr, nullptr, &startup, &process));
    CHECK(GetLastError() == ERROR_FILE_NOT_FOUND);
    CHECK(!CreateProcessA(nullptr, library, nullptr, nullptr, FALSE, 0, nullptr, nullptr, &startup, &process));
    CHECK(RtlValidateHeap(GetProcessHeap(), 0, nullptr));
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    if (strstr(GetCommandLineA(), " child")) return Child();
    Parent();
    return PROGRAM_PASSED;
}
