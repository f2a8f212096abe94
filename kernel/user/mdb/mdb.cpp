// mdb [-c COMMANDS] PROGRAM ARGUMENTS: a debugger. It starts the program, stops it at breakpoints and exceptions, and shows what it is doing.
//
// With -c it takes its commands from there, with ; between them, and lets the program go on when there are no more. It ends as the program
// does.
//
//     an address: numbers are hexadecimal; eip, esp, eax ...; dll!name; + and - between them
//
// In the books: "user-mode debugging framework", "debugging". EXC-04, TOL-06
#include "debuggee.h"
#include "symbols.h"
#include "user/program.h"

namespace {

constexpr ULONG MOST_CHARACTERS = 200; ///< of a line
constexpr ULONG MOST_FRAMES = 32;

/// A register and its place in a CONTEXT.
struct REGISTER {
    PCSTR Name;
    ULONG CONTEXT::*Place;
};
constexpr REGISTER REGISTERS[] = {{"eax", &CONTEXT::Eax}, {"ebx", &CONTEXT::Ebx}, {"ecx", &CONTEXT::Ecx},
                                  {"edx", &CONTEXT::Edx}, {"esi", &CONTEXT::Esi}, {"edi", &CONTEXT::Edi},
                                  {"ebp", &CONTEXT::Ebp}, {"esp", &CONTEXT::Esp}, {"eip", &CONTEXT::Eip}};

DEBUGGEE Program;

/// The register of a name; nullptr: it is none.
ULONG* RegisterOf(PCSTR name) {
    for (const REGISTER& each : REGISTERS)
        if (strcmp(each.Name, name) == 0) return &(Program.Registers().*each.Place);
    return nullptr;
}

// ---- addresses

bool ReadNumber(PCSTR text, ULONG* value) {
    *value = 0;
    if (*text == 0) return false;
    for (; *text != 0; text++) {
        const CHAR lower = CHAR(*text | 0x20);
        const int digit = *text >= '0' && *text <= '9'   ? *text - '0'
                          : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                         : -1;
        if (digit < 0) return false;
        *value = *value << 4 | ULONG(digit);
    }
    return true;
}

/// The address of dll!name. The DLL may be written without ".dll".
bool ReadSymbol(PSTR text, ULONG* value) {
    PSTR const mark = strchr(text, '!');
    if (!mark) return false;
    *mark = 0;
    const SIZE_T length = strlen(text);
    for (ULONG i = 0; i < DEBUGGEE::MOST_IMAGES; i++) {
        const DEBUGGEE::IMAGE& image = Program.Images()[i];
        if (image.Base == 0 || strncmp(image.Name, text, length) != 0) continue;
        if (image.Name[length] != 0 && image.Name[length] != '.') continue;
        *value = nt::SYMBOLS(Program, image.Base).Find(mark + 1);
        return *value != 0;
    }
    return false;
}

bool ReadTerm(PSTR text, ULONG* value) {
    if (const ULONG* const place = RegisterOf(text)) {
        *value = *place;
        return true;
    }
    return ReadNumber(text, value) || ReadSymbol(text, value);
}

/// Terms with + and - between them.
bool ReadAddress(PSTR text, ULONG* value) {
    *value = 0;
    bool minus = false;
    for (;;) {
        PSTR end = text;
        while (*end != 0 && *end != '+' && *end != '-')
            end++;
        const CHAR separator = *end;
        ULONG term;
        *end = 0;
        if (!ReadTerm(text, &term)) return false;
        *value += minus ? 0 - term : term;
        if (separator == 0) return true;
        minus = separator == '-';
        text = end + 1;
    }
}

/// Prints an address with the export that is nearest below it.
void PrintAddress(ULONG address) {
    for (ULONG i = 0; i < DEBUGGEE::MOST_IMAGES; i++) {
        const DEBUGGEE::IMAGE& image = Program.Images()[i];
        if (image.Base == 0 || address - image.Base >= image.Size) continue;
        CHAR name[64] = {};
        const ULONG at = nt::SYMBOLS(Program, image.Base).Nearest(address, name, sizeof(name));
        if (at != 0)
            nt::Print("%08x %s!%s+0x%x\n", address, image.Name, name, address - at);
        else
            nt::Print("%08x %s+0x%x\n", address, image.Name, address - image.Base);
        return;
    }
    nt::Print("%08x\n", address);
}

// ---- commands

void PrintStop() {
    if (Program.HasEnded()) return nt::Print("ended with %08x\n", ULONG(Program.ExitStatus()));
    const DBGUI_WAIT_STATE_CHANGE& event = Program.Event();
    const ULONG number = Program.BreakpointAt(Program.Registers().Eip);
    if (event.NewState == DBG_STATE::DbgExceptionStateChange)
        nt::Print("exception %08x, %s chance, at ", ULONG(event.StateInfo.Exception.ExceptionRecord.ExceptionCode),
                  event.StateInfo.Exception.FirstChance ? "first" : "second");
    else if (number < DEBUGGEE::MOST_BREAKPOINTS)
        nt::Print("breakpoint %u at ", number);
    else
        nt::Print("stopped at ");
    PrintAddress(Program.Registers().Eip);
}

void PrintRegisters() {
    for (const REGISTER& each : REGISTERS)
        nt::Print("%s=%08x%s", each.Name, Program.Registers().*each.Place, each.Place == &CONTEXT::Edi ? "\n" : " ");
    nt::Print("efl=%08x\n", Program.Registers().EFlags);
}

void PrintMemory(ULONG address) {
    for (ULONG line = 0; line < 4; line++, address += 16) {
        ULONG words[4];
        if (!Program.Read(address, words, sizeof(words))) return nt::Print("%08x ????????\n", address);
        nt::Print("%08x  %08x %08x %08x %08x\n", address, words[0], words[1], words[2], words[3]);
    }
}

/// The chain of frames that ebp leads to.
void PrintStack() {
    PrintAddress(Program.Registers().Eip);
    ULONG frame = Program.Registers().Ebp;
    for (ULONG i = 0; i < MOST_FRAMES && frame % sizeof(ULONG) == 0; i++) {
        ULONG words[2]; // the caller's ebp, and where the routine returns to
        if (!Program.Read(frame, words, sizeof(words)) || words[1] == 0) return;
        PrintAddress(words[1]);
        if (words[0] <= frame) return; // stacks grow downwards: callers lie above
        frame = words[0];
    }
}

void PrintImages() {
    for (ULONG i = 0; i < DEBUGGEE::MOST_IMAGES; i++) {
        const DEBUGGEE::IMAGE& image = Program.Images()[i];
        if (image.Base != 0) nt::Print("%08x %08x %s\n", image.Base, image.Base + image.Size, image.Name);
    }
}

void PrintBreakpoints() {
    for (ULONG i = 0; i < DEBUGGEE::MOST_BREAKPOINTS; i++) {
        if (Program.BreakpointAddress(i) == 0) continue;
        nt::Print("%u  ", i);
        PrintAddress(Program.BreakpointAddress(i));
    }
}

void PrintHelp() {
    nt::Print(
        "g: go on   gh: go on, the exception is handled   t [COUNT]: step   q: end\n"
        "bp ADDRESS   bl   bc NUMBER   r [REGISTER VALUE]   d ADDRESS   e ADDRESS VALUE   k: stack   lm: images\n");
}

/// A line, cut into words.
struct COMMAND {
    static constexpr ULONG MOST = 4;
    PSTR Words[MOST];
    ULONG Count;

    explicit COMMAND(PSTR line) : Words{}, Count(0) {
        while (Count < MOST) {
            while (*line == ' ' || *line == '\r' || *line == '\n')
                *line++ = 0;
            if (*line == 0) return;
            Words[Count++] = line;
            while (*line != 0 && *line != ' ' && *line != '\r' && *line != '\n')
                line++;
        }
    }
    [[nodiscard]] bool Is(PCSTR name, ULONG words) const { return Count == words && strcmp(Words[0], name) == 0; }
};

NTSTATUS StepSeveral(ULONG count) {
    for (; count != 0 && !Program.HasEnded(); count--) {
        NT_TRY(Program.Step());
        if (Program.Event().NewState != DBG_STATE::DbgSingleStepStateChange) break; // something else has stopped it
    }
    PrintStop();
    return STATUS_SUCCESS;
}

NTSTATUS GoOn(bool handled) {
    NT_TRY(Program.Go(handled));
    PrintStop();
    return STATUS_SUCCESS;
}

/// Commands that change or show something, and leave the program where it is. @returns whether it was one, and right
bool Look(const COMMAND& command) {
    ULONG address, value;
    if (command.Is("r", 1)) return PrintRegisters(), true;
    if (command.Is("k", 1)) return PrintStack(), true;
    if (command.Is("lm", 1)) return PrintImages(), true;
    if (command.Is("bl", 1)) return PrintBreakpoints(), true;
    if (command.Is("r", 3)) {
        ULONG* const place = RegisterOf(command.Words[1]);
        if (!place || !ReadAddress(command.Words[2], &value)) return false;
        *place = value;
        return true;
    }
    if (command.Count < 2 || !ReadAddress(command.Words[1], &address)) return false;
    if (command.Is("d", 2)) return PrintMemory(address), true;
    if (command.Is("e", 3))
        return ReadAddress(command.Words[2], &value) && Program.Write(address, &value, sizeof(value));
    if (command.Is("bp", 2)) return Program.SetBreakpoint(address) < DEBUGGEE::MOST_BREAKPOINTS;
    if (!command.Is("bc", 2) || address >= DEBUGGEE::MOST_BREAKPOINTS) return false;
    Program.ClearBreakpoint(address);
    return true;
}

/// @returns STATUS_SUCCESS; what ends the debugger
NTSTATUS Execute(PSTR line) {
    const COMMAND command(line);
    ULONG count = 1;
    if (command.Count == 0) return STATUS_SUCCESS;
    if (command.Is("g", 1) || command.Is("gh", 1)) return GoOn(command.Is("gh", 1));
    if (command.Is("t", 1) || (command.Is("t", 2) && ReadNumber(command.Words[1], &count))) return StepSeveral(count);
    if (command.Is("q", 1)) {
        Program.End(STATUS_CONTROL_C_EXIT);
        return STATUS_SUCCESS;
    }
    if (command.Is("?", 1)) {
        PrintHelp();
        return STATUS_SUCCESS;
    }
    if (!Look(command))
        nt::Print("%s: this is no command of mdb, or not as it should be; ? shows all\n", command.Words[0]);
    return STATUS_SUCCESS;
}

// ---- where commands come from

/// Copies the next command of a text. @returns false: there is none more
bool NextOf(UNICODE_STRING& text, CHAR (&line)[MOST_CHARACTERS]) {
    ULONG length = 0;
    const bool any = text.Length != 0;
    while (text.Length != 0) {
        const WCHAR character = *text.Buffer++;
        text.Length = USHORT(text.Length - sizeof(WCHAR));
        if (character == u';') break;
        if (length < MOST_CHARACTERS - 1) line[length++] = CHAR(character);
    }
    line[length] = 0;
    return any;
}

/// A line of the standard input. @returns false: it has ended
bool NextLine(CHAR (&line)[MOST_CHARACTERS]) {
    IO_STATUS_BLOCK block;
    nt::Print("mdb> ");
    const NTSTATUS status = NtReadFile(NtCurrentPeb()->ProcessParameters->StandardInput, nullptr, nullptr, nullptr,
                                       &block, line, sizeof(line) - 1, nullptr, nullptr);
    if (!NT_SUCCESS(status) || block.Information == 0) return false;
    line[block.Information] = 0;
    return true;
}

NTSTATUS Debug(UNICODE_STRING* script) {
    CHAR line[MOST_CHARACTERS];
    NT_TRY(GoOn(false)); // to where the loader stops
    while (!Program.HasEnded() && (script ? NextOf(*script, line) : NextLine(line)))
        NT_TRY(Execute(line));
    while (!Program.HasEnded())
        NT_TRY(GoOn(false));
    return Program.ExitStatus();
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const UNICODE_STRING& own = Peb->ProcessParameters->CommandLine;
    const nt::Words words(own);
    const bool scripted = words.Is(1, u"-c");
    const ULONG first = scripted ? 3 : 1; // the program's name
    if (words.Count() <= first) {
        nt::Print("mdb [-c COMMANDS] PROGRAM ARGUMENTS\n");
        PrintHelp();
        return STATUS_INVALID_PARAMETER;
    }
    UNICODE_STRING line = own, script = scripted ? words[2] : UNICODE_STRING{};
    const auto skipped = USHORT((words[first].Buffer - own.Buffer) * sizeof(WCHAR));
    line.Buffer = words[first].Buffer;
    line.Length = line.MaximumLength = USHORT(own.Length - skipped);
    nt::FullName path(words[first], u".exe");
    if (!path.Fits()) return STATUS_NAME_TOO_LONG;
    const NTSTATUS started = Program.Start(path.Get(), &line);
    if (!NT_SUCCESS(started)) {
        nt::Print("%wZ: cannot be started (%08x)\n", &words[first], ULONG(started));
        return started;
    }
    return Debug(scripted ? &script : nullptr);
}
