// The process: its end, its command line, what its creator said. Contract: kernel32.h.
#include "k32.h"

#include "ps/services.h"

namespace {

const RTL_USER_PROCESS_PARAMETERS& Parameters() { return *NtCurrentPeb()->ProcessParameters; }

STRING CommandLine; ///< in the ANSI code page. shared: made by the first caller, under FastPebLock

} // namespace

extern "C" {

void NTAPI ExitProcess(UINT ExitCode) { RtlExitUserProcess(static_cast<NTSTATUS>(ExitCode)); }

HANDLE NTAPI GetCurrentProcess() { return NtCurrentProcess(); }
DWORD NTAPI GetCurrentProcessId() { return ULONG(reinterpret_cast<ULONG_PTR>(NtCurrentTeb()->ClientId.UniqueProcess)); }

BOOL NTAPI TerminateProcess(HANDLE Process, UINT ExitCode) {
    return BaseSucceeded(Process ? NtTerminateProcess(Process, static_cast<NTSTATUS>(ExitCode))
                                 : STATUS_INVALID_HANDLE);
}

PSTR NTAPI GetCommandLineA() {
    (void)RtlEnterCriticalSection(NtCurrentPeb()->FastPebLock);
    if (!CommandLine.Buffer) (void)RtlUnicodeStringToAnsiString(&CommandLine, &Parameters().CommandLine, TRUE);
    (void)RtlLeaveCriticalSection(NtCurrentPeb()->FastPebLock);
    return CommandLine.Buffer;
}

PWSTR NTAPI GetCommandLineW() { return Parameters().CommandLine.Buffer; }

void NTAPI GetStartupInfoA(STARTUPINFOA* StartupInfo) {
    const RTL_USER_PROCESS_PARAMETERS& parameters = Parameters();
    *StartupInfo = {};
    StartupInfo->cb = sizeof(*StartupInfo);
    StartupInfo->dwFlags = parameters.WindowFlags;
    StartupInfo->wShowWindow = USHORT(parameters.ShowWindowFlags);
    StartupInfo->hStdInput = parameters.StandardInput;
    StartupInfo->hStdOutput = parameters.StandardOutput;
    StartupInfo->hStdError = parameters.StandardError;
}
}
