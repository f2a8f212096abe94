// CreateProcess: which file is meant, and what the new process is told. Contract: kernel32.h.
//
// Without an application's name the first word of the command line names the file, in quotes if it has blanks; a name without an extension
// gets .exe.
// In the books: "flow of CreateProcess". PRC-05
#include "k32.h"

#include "ps/information.h"

namespace {

constexpr ULONG MAXIMUM_NAME = 260; ///< characters, with the 0 (documented)
constexpr WCHAR EXTENSION[] = u".exe";

/// The file that a command names. @returns false: the name is too long
bool ProgramOf(PCWSTR application, PCWSTR commandLine, WCHAR (&name)[MAXIMUM_NAME]) {
    PCWSTR from = application ? application : commandLine;
    const bool quoted = !application && *from == u'"';
    if (quoted) from++;
    ULONG length = 0;
    bool hasDot = false;
    for (; *from != 0; from++) {
        if (quoted ? *from == u'"' : !application && (*from == u' ' || *from == u'\t')) break;
        hasDot = *from == u'.' || (hasDot && *from != u'\\' && *from != u'/');
        if (length + sizeof(EXTENSION) / sizeof(WCHAR) >= MAXIMUM_NAME) return false;
        name[length++] = *from;
    }
    for (ULONG i = 0; !hasDot && EXTENSION[i] != 0; i++)
        name[length++] = EXTENSION[i];
    name[length] = 0;
    return true;
}

void GiveStandardHandles(RTL_USER_PROCESS_PARAMETERS* parameters, const STARTUPINFOW* startup) {
    if (!startup || (startup->dwFlags & STARTF_USESTDHANDLES) == 0) return;
    parameters->StandardInput = startup->hStdInput;
    parameters->StandardOutput = startup->hStdOutput;
    parameters->StandardError = startup->hStdError;
}

/// An argument that may be nullptr, as a string.
class OPTIONAL {
public:
    explicit OPTIONAL(PCWSTR text) : m_wanted(text != nullptr) { m_status = RtlInitUnicodeStringEx(&m_text, text); }
    [[nodiscard]] NTSTATUS Status() const { return m_status; }
    PCUNICODE_STRING Get() { return m_wanted ? &m_text : nullptr; }

private:
    UNICODE_STRING m_text{};
    NTSTATUS m_status;
    bool m_wanted;
};

NTSTATUS Start(PUNICODE_STRING path, PCWSTR commandLine, PWSTR environment, PCWSTR directory, BOOL inherit,
               const STARTUPINFOW* startup, RTL_USER_PROCESS_INFORMATION* made) {
    OPTIONAL command(commandLine), current(directory);
    NT_TRY(command.Status());
    NT_TRY(current.Status());
    RTL_USER_PROCESS_PARAMETERS* parameters = nullptr;
    NT_TRY(RtlCreateProcessParameters(&parameters, path, nullptr, current.Get(), command.Get(), environment, nullptr,
                                      nullptr, nullptr, nullptr));
    GiveStandardHandles(parameters, startup);
    const NTSTATUS status = RtlCreateUserProcess(path, OBJ_CASE_INSENSITIVE, parameters, nullptr, nullptr, nullptr,
                                                 inherit != 0, nullptr, nullptr, made);
    (void)RtlDestroyProcessParameters(parameters);
    return status;
}

/// What the caller gets, once the first thread runs.
void Tell(const RTL_USER_PROCESS_INFORMATION& made, DWORD flags, PROCESS_INFORMATION* told) {
    if ((flags & CREATE_SUSPENDED) == 0) (void)NtResumeThread(made.Thread, nullptr);
    *told = {.hProcess = made.Process,
             .hThread = made.Thread,
             .dwProcessId = DWORD(reinterpret_cast<ULONG_PTR>(made.ClientId.UniqueProcess)),
             .dwThreadId = DWORD(reinterpret_cast<ULONG_PTR>(made.ClientId.UniqueThread))};
}

} // namespace

extern "C" {

BOOL NTAPI CreateProcessW(PCWSTR ApplicationName, PWSTR CommandLine, LPSECURITY_ATTRIBUTES, LPSECURITY_ATTRIBUTES,
                          BOOL InheritHandles, DWORD CreationFlags, LPVOID Environment, PCWSTR CurrentDirectory,
                          STARTUPINFOW* StartupInfo, PROCESS_INFORMATION* ProcessInformation) {
    WCHAR name[MAXIMUM_NAME];
    UNICODE_STRING path;
    if ((!ApplicationName && !CommandLine) || (Environment && (CreationFlags & CREATE_UNICODE_ENVIRONMENT) == 0))
        return BaseSucceeded(STATUS_INVALID_PARAMETER);
    if (!ProgramOf(ApplicationName, CommandLine, name) ||
        !RtlDosPathNameToNtPathName_U(name, &path, nullptr, nullptr)) {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return FALSE;
    }
    RTL_USER_PROCESS_INFORMATION made;
    const NTSTATUS status = Start(&path, CommandLine ? CommandLine : ApplicationName, static_cast<PWSTR>(Environment),
                                  CurrentDirectory, InheritHandles, StartupInfo, &made);
    RtlFreeUnicodeString(&path);
    if (!BaseSucceeded(status)) return FALSE;
    Tell(made, CreationFlags, ProcessInformation);
    return TRUE;
}

BOOL NTAPI CreateProcessA(PCSTR ApplicationName, PSTR CommandLine, LPSECURITY_ATTRIBUTES ProcessAttributes,
                          LPSECURITY_ATTRIBUTES ThreadAttributes, BOOL InheritHandles, DWORD CreationFlags,
                          LPVOID Environment, PCSTR CurrentDirectory, STARTUPINFOA* StartupInfo,
                          PROCESS_INFORMATION* ProcessInformation) {
    BASE_WIDE application(ApplicationName), command(CommandLine), directory(CurrentDirectory);
    const NTSTATUS statuses[] = {application.Status(), command.Status(), directory.Status()};
    for (const NTSTATUS status : statuses)
        if (!BaseSucceeded(status)) return FALSE;
    const auto text = [](BASE_WIDE& wide) { return wide.Get() ? wide.Get()->Buffer : nullptr; };
    // The two structures differ in the texts' characters only, and no text of it is looked at.
    return CreateProcessW(text(application), text(command), ProcessAttributes, ThreadAttributes, InheritHandles,
                          CreationFlags, Environment, text(directory), reinterpret_cast<STARTUPINFOW*>(StartupInfo),
                          ProcessInformation);
}

BOOL NTAPI GetExitCodeProcess(HANDLE Process, DWORD* ExitCode) {
    PROCESS_BASIC_INFORMATION basic;
    if (!BaseSucceeded(NtQueryInformationProcess(Process, PROCESSINFOCLASS::ProcessBasicInformation, &basic,
                                                 sizeof(basic), nullptr)))
        return FALSE;
    *ExitCode = static_cast<DWORD>(basic.ExitStatus); // STATUS_PENDING is STILL_ACTIVE
    return TRUE;
}

BOOL NTAPI GetExitCodeThread(HANDLE Thread, DWORD* ExitCode) {
    THREAD_BASIC_INFORMATION basic;
    if (!BaseSucceeded(
            NtQueryInformationThread(Thread, THREADINFOCLASS::ThreadBasicInformation, &basic, sizeof(basic), nullptr)))
        return FALSE;
    *ExitCode = static_cast<DWORD>(basic.ExitStatus);
    return TRUE;
}

DWORD NTAPI SuspendThread(HANDLE Thread) {
    ULONG before = 0;
    return BaseSucceeded(NtSuspendThread(Thread, &before)) ? before : WAIT_FAILED;
}
DWORD NTAPI ResumeThread(HANDLE Thread) {
    ULONG before = 0;
    return BaseSucceeded(NtResumeThread(Thread, &before)) ? before : WAIT_FAILED;
}

BOOL NTAPI SetEnvironmentVariableW(PCWSTR Name, PCWSTR Value) {
    OPTIONAL name(Name), value(Value);
    return BaseSucceeded(NT_SUCCESS(name.Status()) && NT_SUCCESS(value.Status())
                             ? RtlSetEnvironmentVariable(nullptr, name.Get(), value.Get())
                             : STATUS_NAME_TOO_LONG);
}
DWORD NTAPI GetEnvironmentVariableW(PCWSTR Name, PWSTR Buffer, DWORD Size) {
    constexpr DWORD most = MAXIMUM_USHORT / sizeof(WCHAR);
    OPTIONAL name(Name);
    if (!BaseSucceeded(name.Status())) return 0;
    UNICODE_STRING value = {0, USHORT((Size == 0 ? 0 : Size < most ? Size - 1 : most - 1) * sizeof(WCHAR)), Buffer};
    const NTSTATUS status = RtlQueryEnvironmentVariable_U(nullptr, name.Get(), &value);
    const DWORD length = value.Length / sizeof(WCHAR);
    if (status == STATUS_BUFFER_TOO_SMALL || (NT_SUCCESS(status) && Size == 0)) return length + 1; // what is needed
    if (!BaseSucceeded(status)) return 0;
    Buffer[length] = 0;
    return length;
}
}
