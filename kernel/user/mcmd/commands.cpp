// The commands that the shell has itself: a table of names and routines.
#include "mcmd.h"

namespace {

void Echo(const nt::Words& words) {
    for (ULONG i = 1; i < words.Count(); i++)
        nt::Print(i == 1 ? "%wZ" : " %wZ", &words[i]);
    nt::Print("\n");
}

void ShowVariables() {
    const auto* at = static_cast<const WCHAR*>(NtCurrentPeb()->ProcessParameters->Environment);
    for (; at && *at; at += wcslen(at) + 1) {
        UNICODE_STRING variable;
        RtlInitUnicodeString(&variable, at);
        nt::Print("%wZ\n", &variable);
    }
}

/// `set` shows all variables, `set NAME=value` sets one, `set NAME=` takes it away.
void Set(const nt::Words& words) {
    if (words.Count() < 2) return ShowVariables();
    UNICODE_STRING name = words[1], value = words[1];
    const ULONG length = name.Length / sizeof(WCHAR);
    ULONG equals = 0;
    while (equals < length && name.Buffer[equals] != u'=')
        equals++;
    if (equals == length) return nt::Print("set NAME=value\n");
    value.Buffer += equals + 1;
    value.Length = value.MaximumLength = USHORT(value.Length - (equals + 1) * sizeof(WCHAR));
    name.Length = name.MaximumLength = USHORT(equals * sizeof(WCHAR));
    const NTSTATUS status = RtlSetEnvironmentVariable(nullptr, &name, value.Length != 0 ? &value : nullptr);
    if (!NT_SUCCESS(status)) nt::Print("%wZ: %08x\n", &name, ULONG(status));
}

void Status(const nt::Words&) { nt::Print("%08x\n", ULONG(Mcmd.LastStatus)); }

/// `exit`, `exit STATUS`: a number as C writes it.
void Exit(const nt::Words& words) {
    ULONG status = 0;
    if (words.Count() > 1 && !NT_SUCCESS(RtlUnicodeStringToInteger(&words[1], 0, &status)))
        return nt::Print("exit STATUS: a number\n");
    Mcmd.ExitStatus = static_cast<NTSTATUS>(status);
    Mcmd.Leave = true;
}

void Clear(const nt::Words&) { nt::Print("\x1b[2J\x1b[H"); }

void Help(const nt::Words&);

/// A command and what it does.
struct COMMAND {
    PCSTR Name;
    void (*Run)(const nt::Words& words);
    PCSTR What;
};
constexpr COMMAND COMMANDS[] = {
    {"cls", Clear, "cls                  an empty screen"},
    {"echo", Echo, "echo WORDS           shows them"},
    {"exit", Exit, "exit [STATUS]        ends the shell"},
    {"help", Help, "help                 this"},
    {"set", Set, "set [NAME=[value]]   the environment; %NAME% in a line is its value"},
    {"start", nullptr, "start PROGRAM        runs it without waiting; kill ends it"},
    {"status", Status, "status               how the last program ended; %STATUS% too"},
};

void Help(const nt::Words&) {
    for (const COMMAND& command : COMMANDS)
        nt::Print("%s\n", command.What);
    nt::Print(
        "PROGRAM ARGUMENTS    \\Boot\\PROGRAM.exe; `dir` shows the files; < FILE, > CON, 2> CON\n"
        "Tab completes a word, arrows bring earlier lines, Ctrl+C ends a program, Ctrl+] calls the kernel's monitor\n");
}

} // namespace

bool McmdRunOwn(const nt::Words& words) {
    for (const COMMAND& command : COMMANDS) {
        WCHAR wide[16];
        ULONG at = 0;
        for (; command.Name[at]; at++)
            wide[at] = WCHAR(command.Name[at]);
        wide[at] = 0;
        if (!words.Is(0, wide)) continue;
        if (command.Run)
            command.Run(words);
        else
            nt::Print("%s\n", command.What);
        return true;
    }
    return false;
}

void McmdListCommands(void (*found)(PVOID context, PCSTR name), PVOID context) {
    for (const COMMAND& command : COMMANDS)
        found(context, command.Name);
}
