// The shell: reads a line, runs what it says, shows how it ended.
//
// A word that is no command of its own is a program: \Boot\WORD.exe. While one runs, Ctrl+C ends it.
// In the books: "user-mode processes", "console windows". SYS-05, PRC-05
// shares: rtl/lineedit.cpp
#include "mcmd.h"

MCMD_STATE Mcmd;

namespace {

void Execute(const UNICODE_STRING& typed) {
    MCMD_TEXT line;
    if (!NT_SUCCESS(McmdExpand(typed, &line))) return nt::Print("the line is too long\n");
    MCMD_STREAMS streams;
    if (!streams.Open(&line)) {
        Mcmd.LastStatus = STATUS_UNSUCCESSFUL;
        return;
    }
    const nt::Words words(line.String);
    if (words.Count() == 0) return;
    if (words.Is(0, u"start") && words.Count() > 1) {
        UNICODE_STRING rest = line.String;
        const auto skipped = ULONG(words[1].Buffer - rest.Buffer);
        rest.Buffer += skipped;
        rest.Length = rest.MaximumLength = USHORT(rest.Length - skipped * sizeof(WCHAR));
        return McmdRun(words[1], rest, streams, false);
    }
    if (!McmdRunOwn(words)) McmdRun(words[0], line.String, streams, true);
}

/// Asks the console to tell of Ctrl+C, if the input is one.
void ListenToControlC() {
    IO_STATUS_BLOCK block;
    if (!NT_SUCCESS(NtCreateEvent(&Mcmd.ControlC, EVENT_ALL_ACCESS, nullptr, SynchronizationEvent, FALSE))) return;
    (void)NtDeviceIoControlFile(NtCurrentPeb()->ProcessParameters->StandardInput, nullptr, nullptr, nullptr, &block,
                                IOCTL_CONSOLE_SET_CONTROL_EVENT, &Mcmd.ControlC, sizeof(Mcmd.ControlC), nullptr, 0);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    ListenToControlC();
    while (!Mcmd.Leave) {
        MCMD_TEXT line;
        const NTSTATUS status = McmdReadLine(&line);
        if (status == STATUS_END_OF_FILE) break;
        if (status == STATUS_CANCELLED) continue;
        NT_TRY(status);
        Execute(line.String);
    }
    return Mcmd.ExitStatus;
}
