// ps: the processes, one a line.
//
// In the books: "system processes". SYS-01, PRC-03
#include "user/processlist.h"
#include "user/program.h"

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    constexpr ULONG kilobyte = 1024;
    constexpr LONGLONG unitsPerMillisecond = 10'000; // 100 ns
    nt::ProcessList list;
    NT_TRY(list.Take());
    nt::Print("   ID parent threads handles priority     KB      ms  name\n");
    for (const auto* process = list.First(); process; process = nt::ProcessList::Next(process))
        nt::Print("%5u %6u %7u %7u %8d %6u %7u  %wZ\n", nt::ProcessList::IdOf(*process),
                  ULONG(reinterpret_cast<ULONG_PTR>(process->InheritedFromUniqueProcessId)), process->NumberOfThreads,
                  process->HandleCount, process->BasePriority, ULONG(process->WorkingSetSize / kilobyte),
                  ULONG(nt::ProcessList::TimeOf(*process) / unitsPerMillisecond), &process->ImageName);
    return STATUS_SUCCESS;
}
