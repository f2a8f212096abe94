// run [-CLASS] PROGRAM ARGUMENTS: runs a program in a class of priority, waits for it, and ends as it does.
//
// In the books: "priority classes", "flow of CreateProcess". SCH-09, PRC-05
#include "user/program.h"
#include "user/start.h"

#include "ps/information.h"
#include "ps/services.h"

namespace {

/// A class, and how it is said.
struct CLASS {
    PCWSTR Option;
    UCHAR PriorityClass;
};
constexpr CLASS CLASSES[] = {
    {u"-idle", PROCESS_PRIORITY_CLASS_IDLE},     {u"-below", PROCESS_PRIORITY_CLASS_BELOW_NORMAL},
    {u"-normal", PROCESS_PRIORITY_CLASS_NORMAL}, {u"-above", PROCESS_PRIORITY_CLASS_ABOVE_NORMAL},
    {u"-high", PROCESS_PRIORITY_CLASS_HIGH},     {u"-realtime", PROCESS_PRIORITY_CLASS_REALTIME},
};

/// @returns PROCESS_PRIORITY_CLASS_UNKNOWN: it is none
UCHAR ClassOf(const nt::Words& words) {
    for (const CLASS& each : CLASSES)
        if (words.Is(1, each.Option)) return each.PriorityClass;
    return PROCESS_PRIORITY_CLASS_UNKNOWN;
}

NTSTATUS Run(UNICODE_STRING line, const UNICODE_STRING& program, UCHAR priorityClass) {
    nt::FullName path(program, u".exe");
    if (!path.Fits()) return STATUS_NAME_TOO_LONG;
    RTL_USER_PROCESS_INFORMATION made;
    NT_TRY(nt::CreateProgram(path.Get(), &line, &made));
    PROCESS_PRIORITY_CLASS priority = {FALSE, priorityClass};
    const NTSTATUS set =
        NtSetInformationProcess(made.Process, PROCESSINFOCLASS::ProcessPriorityClass, &priority, sizeof(priority));
    if (!NT_SUCCESS(set)) (void)NtTerminateProcess(made.Process, set);
    (void)NtResumeThread(made.Thread, nullptr);
    NT_TRY(NtWaitForSingleObject(made.Process, FALSE, nullptr));
    PROCESS_BASIC_INFORMATION basic;
    NT_TRY(NtQueryInformationProcess(made.Process, PROCESSINFOCLASS::ProcessBasicInformation, &basic, sizeof(basic),
                                     nullptr));
    return basic.ExitStatus;
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* Peb) {
    const UNICODE_STRING& own = Peb->ProcessParameters->CommandLine;
    const nt::Words words(own);
    const UCHAR priorityClass = ClassOf(words);
    if (words.Count() < 3 || priorityClass == PROCESS_PRIORITY_CLASS_UNKNOWN) {
        nt::Print("run -idle | -below | -normal | -above | -high | -realtime  PROGRAM ARGUMENTS\n");
        return STATUS_INVALID_PARAMETER;
    }
    UNICODE_STRING line = own;
    const auto skipped = USHORT((words[2].Buffer - own.Buffer) * sizeof(WCHAR));
    line.Buffer = words[2].Buffer;
    line.Length = line.MaximumLength = USHORT(own.Length - skipped);
    const NTSTATUS status = Run(line, words[2], priorityClass);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) nt::Print("%wZ: no such program\n", &words[2]);
    return status;
}
