// The shell: reads a line, runs what it says, shows how it ended.
//
// A word that is no command of its own is a program: \Boot\WORD.exe. While one runs, Ctrl+C ends it. Lines are edited by the
// console, which has the history.
// In the books: "user-mode processes", "console windows". SYS-05, PRC-05
#include "user/program.h"

namespace {

constexpr ULONG LINE_SIZE = 300;
constexpr auto STATUS_CONTROL_C_EXIT = static_cast<NTSTATUS>(static_cast<LONG>(0xC000013A)); // documented value

HANDLE ControlC;     // signaled by Ctrl+C
NTSTATUS LastStatus; // how the last program ended
bool Leave;          // `exit`

/// A line of the standard input. @returns STATUS_END_OF_FILE: there is none any more
NTSTATUS ReadLine(WCHAR (&line)[LINE_SIZE], UNICODE_STRING* text) {
    CHAR bytes[LINE_SIZE];
    ULONG length = 0;
    do {
        IO_STATUS_BLOCK block;
        NT_TRY(NtReadFile(NtCurrentPeb()->ProcessParameters->StandardInput, nullptr, nullptr, nullptr, &block,
                          bytes + length, ULONG(sizeof(bytes)) - length, nullptr, nullptr));
        length += ULONG(block.Information);
    } while (length < sizeof(bytes) && (length == 0 || bytes[length - 1] != '\n'));
    while (length != 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
        length--;
    ULONG wide;
    NT_TRY(RtlMultiByteToUnicodeN(line, sizeof(line), &wide, bytes, length));
    *text = {USHORT(wide), USHORT(wide), line};
    return STATUS_SUCCESS;
}

void Tell(const UNICODE_STRING& name, NTSTATUS status) { nt::Print("%wZ: %08x\n", &name, ULONG(status)); }

/// Waits for a program; Ctrl+C ends it.
void Await(HANDLE process) {
    HANDLE handles[] = {process, ControlC};
    const NTSTATUS first = NtWaitForMultipleObjects(2, handles, WAIT_TYPE::WaitAny, FALSE, nullptr);
    if (first != STATUS_WAIT_0) {
        (void)NtTerminateProcess(process, STATUS_CONTROL_C_EXIT);
        (void)NtWaitForSingleObject(process, FALSE, nullptr);
    }
    PROCESS_BASIC_INFORMATION basic;
    if (NT_SUCCESS(NtQueryInformationProcess(process, PROCESSINFOCLASS::ProcessBasicInformation, &basic, sizeof(basic),
                                             nullptr)))
        LastStatus = basic.ExitStatus;
}

/// Makes the process; its first thread has not begun.
NTSTATUS Create(const UNICODE_STRING& program, UNICODE_STRING line, RTL_USER_PROCESS_INFORMATION* made) {
    nt::FullName path(program, u".exe");
    if (!path.Fits()) return STATUS_NAME_TOO_LONG;
    RTL_USER_PROCESS_PARAMETERS* parameters;
    NT_TRY(RtlCreateProcessParameters(&parameters, path.Get(), nullptr, nullptr, &line, nullptr, nullptr, nullptr,
                                      nullptr, nullptr));
    const NTSTATUS status = RtlCreateUserProcess(path.Get(), OBJ_CASE_INSENSITIVE, parameters, nullptr, nullptr,
                                                 nullptr, TRUE, nullptr, nullptr, made);
    (void)RtlDestroyProcessParameters(parameters);
    return status;
}

/// Runs a program. @param wait until it has ended
void Run(const UNICODE_STRING& program, const UNICODE_STRING& line, bool wait) {
    RTL_USER_PROCESS_INFORMATION made;
    const NTSTATUS status = Create(program, line, &made);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        nt::Print("%wZ: no such command or program; `help` says more\n", &program);
        LastStatus = status;
        return;
    }
    if (!NT_SUCCESS(status)) {
        Tell(program, status);
        LastStatus = status;
        return;
    }
    (void)NtResumeThread(made.Thread, nullptr);
    (void)NtClose(made.Thread);
    if (wait)
        Await(made.Process);
    else
        nt::Print("process %u\n", ULONG(reinterpret_cast<ULONG_PTR>(made.ClientId.UniqueProcess)));
    (void)NtClose(made.Process);
    if (wait && LastStatus != STATUS_SUCCESS) Tell(program, LastStatus);
}

void Echo(const nt::Words& words) {
    for (ULONG i = 1; i < words.Count(); i++)
        nt::Print(i == 1 ? "%wZ" : " %wZ", &words[i]);
    nt::Print("\n");
}

/// `set` shows all variables, `set NAME=value` sets one, `set NAME=` takes it away.
void Set(const nt::Words& words) {
    if (words.Count() < 2) {
        const auto* at = static_cast<const WCHAR*>(NtCurrentPeb()->ProcessParameters->Environment);
        for (; at && *at; at += wcslen(at) + 1) {
            UNICODE_STRING variable;
            RtlInitUnicodeString(&variable, at);
            nt::Print("%wZ\n", &variable);
        }
        return;
    }
    UNICODE_STRING name = words[1], value = words[1];
    ULONG equals = 0;
    while (equals < name.Length / sizeof(WCHAR) && name.Buffer[equals] != u'=')
        equals++;
    if (equals == name.Length / sizeof(WCHAR)) {
        nt::Print("set NAME=value\n");
        return;
    }
    value.Buffer += equals + 1;
    value.Length = value.MaximumLength = USHORT(value.Length - (equals + 1) * sizeof(WCHAR));
    name.Length = name.MaximumLength = USHORT(equals * sizeof(WCHAR));
    const NTSTATUS status = RtlSetEnvironmentVariable(nullptr, &name, value.Length != 0 ? &value : nullptr);
    if (!NT_SUCCESS(status)) Tell(name, status);
}

void Help() {
    nt::Print("echo WORDS      set [NAME=value]      status: of the last program      exit\n"
              "start PROGRAM: without waiting for it\n"
              "PROGRAM ARGUMENTS: `dir` shows the files; Ctrl+C ends it. Ctrl+]: the kernel's monitor\n");
}

void Execute(const UNICODE_STRING& line) {
    const nt::Words words(line);
    if (words.Count() == 0) return;
    if (words.Is(0, u"help")) return Help();
    if (words.Is(0, u"echo")) return Echo(words);
    if (words.Is(0, u"set")) return Set(words);
    if (words.Is(0, u"status")) return nt::Print("%08x\n", ULONG(LastStatus));
    if (words.Is(0, u"exit")) {
        Leave = true;
    } else if (words.Is(0, u"start") && words.Count() > 1) {
        UNICODE_STRING rest = line;
        const auto skipped = ULONG(words[1].Buffer - line.Buffer);
        rest.Buffer += skipped;
        rest.Length = rest.MaximumLength = USHORT(line.Length - skipped * sizeof(WCHAR));
        Run(words[1], rest, false);
    } else {
        Run(words[0], line, true);
    }
}

/// Asks the console to tell of Ctrl+C.
NTSTATUS ListenToControlC() {
    IO_STATUS_BLOCK block;
    NT_TRY(NtCreateEvent(&ControlC, EVENT_ALL_ACCESS, nullptr, SynchronizationEvent, FALSE));
    return NtDeviceIoControlFile(NtCurrentPeb()->ProcessParameters->StandardInput, nullptr, nullptr, nullptr, &block,
                                 IOCTL_CONSOLE_SET_CONTROL_EVENT, &ControlC, sizeof(ControlC), nullptr, 0);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    NT_TRY(ListenToControlC());
    while (!Leave) {
        WCHAR line[LINE_SIZE];
        UNICODE_STRING text;
        nt::Print("C:\\> ");
        const NTSTATUS status = ReadLine(line, &text);
        if (status == STATUS_END_OF_FILE) break;
        NT_TRY(status);
        (void)NtClearEvent(ControlC); // a Ctrl+C at the prompt has given up a line, no more
        Execute(text);
    }
    return STATUS_SUCCESS;
}
