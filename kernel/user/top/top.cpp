// top [ROUNDS]: which processes use the processors, and the memory, again each second; q ends it.
//
// The share of a process is its time on processors since the look before, of all the time that the processors had. A second thread waits for
// keys, so the first one waits for a second or for it.
// In the books: "task manager", "performance counters". TOL-08, SYS-01
#include "user/processlist.h"
#include "user/program.h"

#include "ps/services.h"

namespace {

constexpr ULONG MOST = 64;              ///< processes that are remembered from look to look
constexpr LONGLONG SECOND = 10'000'000; ///< 100 ns
constexpr ULONG KILOBYTE = 1024, TENTHS = 1000;

/// The time of a process at the look before.
struct BEFORE {
    ULONG Id;
    LONGLONG Time;
};

/// One look, and what it is compared with.
struct LOOKS {
    nt::ProcessList List;
    SYSTEM_BASIC_INFORMATION Machine;
    SYSTEM_PERFORMANCE_INFORMATION Performance;
    LARGE_INTEGER Now;
    LONGLONG Last; ///< when the look before was; 0: there was none
    BEFORE Before[MOST];
    ULONG Count;
};
LOOKS Looks;

HANDLE Input() { return NtCurrentPeb()->ProcessParameters->StandardInput; }

bool SetMode(ULONG mode) {
    IO_STATUS_BLOCK block;
    return NT_SUCCESS(NtDeviceIoControlFile(Input(), nullptr, nullptr, nullptr, &block, IOCTL_CONSOLE_SET_MODE, &mode,
                                            sizeof(mode), nullptr, 0));
}

/// The second thread: ends when q is typed, or the input is at its end.
NTSTATUS NTAPI WaitForQ(PVOID) {
    CHAR key = 0;
    while (key != 'q' && key != 'Q') {
        IO_STATUS_BLOCK block;
        NT_TRY(NtReadFile(Input(), nullptr, nullptr, nullptr, &block, &key, 1, nullptr, nullptr));
    }
    return STATUS_SUCCESS;
}

NTSTATUS Look() {
    NT_TRY(Looks.List.Take());
    NT_TRY(NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemPerformanceInformation, &Looks.Performance,
                                    sizeof(Looks.Performance), nullptr));
    NT_TRY(NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemBasicInformation, &Looks.Machine,
                                    sizeof(Looks.Machine), nullptr));
    return NtQuerySystemTime(&Looks.Now);
}

LONGLONG TimeBefore(ULONG id) {
    for (ULONG i = 0; i < Looks.Count; i++)
        if (Looks.Before[i].Id == id) return Looks.Before[i].Time;
    return 0;
}

/// Tenths of a percent of what all processors could do since the look before.
ULONG ShareOf(const SYSTEM_PROCESS_INFORMATION& process) {
    const LONGLONG whole = (Looks.Now.QuadPart - Looks.Last) * LONGLONG(Looks.Machine.NumberOfProcessors);
    const LONGLONG own = nt::ProcessList::TimeOf(process) - TimeBefore(nt::ProcessList::IdOf(process));
    if (Looks.Last == 0 || whole <= 0 || own <= 0) return 0;
    return own >= whole ? TENTHS : ULONG(own * TENTHS / whole);
}

void Remember() {
    Looks.Count = 0;
    for (const auto* process = Looks.List.First(); process && Looks.Count < MOST;
         process = nt::ProcessList::Next(process))
        Looks.Before[Looks.Count++] = {nt::ProcessList::IdOf(*process), nt::ProcessList::TimeOf(*process)};
    Looks.Last = Looks.Now.QuadPart;
}

void Show() {
    constexpr ULONG kilobytesPerPage = PAGE_SIZE / KILOBYTE;
    nt::Print("\x1b[H\x1b[J%u processors, %u KB of memory, %u KB available, %u KB committed, %u switches\n",
              Looks.Machine.NumberOfProcessors, Looks.Machine.NumberOfPhysicalPages * kilobytesPerPage,
              Looks.Performance.AvailablePages * kilobytesPerPage, Looks.Performance.CommittedPages * kilobytesPerPage,
              Looks.Performance.ContextSwitches);
    nt::Print("   ID  cpu %% threads handles priority     KB  faults  name\n");
    for (const auto* process = Looks.List.First(); process; process = nt::ProcessList::Next(process)) {
        const ULONG share = ShareOf(*process);
        nt::Print("%5u %4u.%u %7u %7u %8d %6u %7u  %wZ\n", nt::ProcessList::IdOf(*process), share / 10, share % 10,
                  process->NumberOfThreads, process->HandleCount, process->BasePriority,
                  ULONG(process->WorkingSetSize / KILOBYTE), process->PageFaultCount, &process->ImageName);
    }
}

/// Looks again and again. @param rounds 0: until the thread that waits for q has ended
NTSTATUS Refresh(HANDLE keys, ULONG rounds) {
    for (ULONG round = 1;; round++) {
        NT_TRY(Look());
        Show();
        Remember();
        if (round == rounds) return STATUS_SUCCESS;
        LARGE_INTEGER second = {.QuadPart = -SECOND};
        if (NtWaitForSingleObject(keys, FALSE, &second) == STATUS_SUCCESS) return STATUS_SUCCESS;
    }
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const nt::Words words(Peb->ProcessParameters->CommandLine);
    ULONG rounds = 0;
    if (words.Count() > 1 && !nt::ReadId(words[1], &rounds)) {
        nt::Print("top [ROUNDS]: q ends it\n");
        return STATUS_INVALID_PARAMETER;
    }
    HANDLE keys;
    (void)SetMode(ENABLE_PROCESSED_INPUT); // each key at once
    NT_TRY(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, WaitForQ, nullptr, &keys, nullptr));
    const NTSTATUS status = Refresh(keys, rounds);
    (void)SetMode(ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT);
    RtlExitUserProcess(status); // with the thread that waits for a key
}
