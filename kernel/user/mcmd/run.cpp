// Programs: starting one, waiting for its end.
//
// In the books: "flow of CreateProcess". PRC-05
#include "mcmd.h"
#include "user/start.h"

namespace {

constexpr NTSTATUS SECOND_OBJECT{1};                                                         // of a wait
constexpr auto STATUS_CONTROL_C_EXIT = static_cast<NTSTATUS>(static_cast<LONG>(0xC000013A)); // documented value

/// Whether a process has asked for Ctrl+C itself.
bool HandlesControlC(HANDLE processId) {
    ULONG handles = 0;
    IO_STATUS_BLOCK block;
    const NTSTATUS status =
        NtDeviceIoControlFile(NtCurrentPeb()->ProcessParameters->StandardInput, nullptr, nullptr, nullptr, &block,
                              IOCTL_CONSOLE_HANDLES_CONTROL, &processId, sizeof(processId), &handles, sizeof(handles));
    return NT_SUCCESS(status) && handles != 0;
}

/// Waits for a program. Ctrl+C ends it, unless it has a handler.
void Await(const RTL_USER_PROCESS_INFORMATION& made) {
    HANDLE handles[] = {made.Process, Mcmd.ControlC};
    while (NtWaitForMultipleObjects(2, handles, WAIT_TYPE::WaitAny, FALSE, nullptr) == SECOND_OBJECT) {
        if (HandlesControlC(made.ClientId.UniqueProcess)) continue;
        (void)NtTerminateProcess(made.Process, STATUS_CONTROL_C_EXIT);
    }
    PROCESS_BASIC_INFORMATION basic;
    if (NT_SUCCESS(NtQueryInformationProcess(made.Process, PROCESSINFOCLASS::ProcessBasicInformation, &basic,
                                             sizeof(basic), nullptr)))
        Mcmd.LastStatus = basic.ExitStatus;
}

/// Makes the process; its first thread has not begun.
NTSTATUS Create(const UNICODE_STRING& program, UNICODE_STRING line, const MCMD_STREAMS& streams,
                RTL_USER_PROCESS_INFORMATION* made) {
    nt::FullName path(program, u".exe");
    if (!path.Fits()) return STATUS_NAME_TOO_LONG;
    const HANDLE three[] = {streams.Input(), streams.Output(), streams.Error()};
    return nt::CreateProgram(path.Get(), &line, made, {.Streams = three});
}

} // namespace

void McmdRun(const UNICODE_STRING& program, const UNICODE_STRING& line, const MCMD_STREAMS& streams, bool wait) {
    RTL_USER_PROCESS_INFORMATION made;
    const NTSTATUS status = Create(program, line, streams, &made);
    if (!NT_SUCCESS(status)) {
        if (status == STATUS_OBJECT_NAME_NOT_FOUND)
            nt::Print("%wZ: no such command or program; `help` says more\n", &program);
        else
            nt::Print("%wZ: %08x\n", &program, ULONG(status));
        Mcmd.LastStatus = status;
        return;
    }
    if (wait) McmdLendConsole();
    (void)NtResumeThread(made.Thread, nullptr);
    (void)NtClose(made.Thread);
    if (wait)
        Await(made);
    else
        nt::Print("process %u\n", ULONG(reinterpret_cast<ULONG_PTR>(made.ClientId.UniqueProcess)));
    (void)NtClose(made.Process);
    if (wait && Mcmd.LastStatus != STATUS_SUCCESS) nt::Print("%wZ: %08x\n", &program, ULONG(Mcmd.LastStatus));
}
