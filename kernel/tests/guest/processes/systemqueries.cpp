// What NtQuerySystemInformation tells: the machine, its memory, the time, processes. SYS-01, SYS-02, PRC-03
#include "attached.h"
#include "programs.h"
#include "rtl/string.h"
#include "usermode.h"

namespace {

PVOID const Bad[] = {nullptr, reinterpret_cast<PVOID>(0x12340000), reinterpret_cast<PVOID>(0x80101000),
                     reinterpret_cast<PVOID>(0xFFFFFFFC)};

void Sleep(ULONG milliseconds) {
    LARGE_INTEGER delay = KeRelativeMilliseconds(LONG(milliseconds));
    (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
}

} // namespace

// SYS-01, SYS-02: all processes and their threads are told, as far as there is room
GUEST_TEST(TheSystemTellsItsProcesses) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    ULONG needed = 0;
    const auto ask = [&](PVOID buffer, ULONG length) {
        return NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemProcessInformation, buffer, length, &needed);
    };
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ask(nullptr, 0));
    GUEST_TRUE(needed > 3 * sizeof(SYSTEM_PROCESS_INFORMATION));
    const ULONG room = needed + 1024;
    auto* const buffer = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, room + 16, EX_TAG("Test")));
    memset(buffer, 0x5A, room + 16);
    GUEST_EQUAL(STATUS_SUCCESS, ask(buffer, room));
    ULONG found = 0, system = 0, offset = 0;
    for (;;) {
        const auto& told = *reinterpret_cast<SYSTEM_PROCESS_INFORMATION*>(buffer + offset);
        const auto* const threads = reinterpret_cast<const SYSTEM_THREAD_INFORMATION*>(&told + 1);
        for (ULONG i = 0; i < told.NumberOfThreads; i++)
            GUEST_TRUE(threads[i].ClientId.UniqueProcess == told.UniqueProcessId);
        if (told.UniqueProcessId == PsGetProcessId(program.Get())) {
            found++;
            GUEST_EQUAL(1, told.NumberOfThreads);
            GUEST_EQUAL(ULONG(KTHREAD_STATE::Waiting), threads[0].ThreadState);
            GUEST_EQUAL(1, told.HandleCount);
            GUEST_TRUE(told.InheritedFromUniqueProcessId == PsGetProcessId(PsInitialSystemProcess));
        }
        if (told.UniqueProcessId == PsGetProcessId(PsInitialSystemProcess)) {
            system++;
            GUEST_TRUE(told.NumberOfThreads > 2);
            GUEST_EQUAL(12, told.ImageName.Length);
            GUEST_EQUAL(0, memcmp(told.ImageName.Buffer, u"System", 14));
        }
        if (told.NextEntryOffset == 0) break;
        offset += told.NextEntryOffset;
    }
    GUEST_EQUAL(1, found);
    GUEST_EQUAL(1, system);
    GUEST_TRUE(offset < needed && needed <= room);
    memset(buffer, 0x5A, room);
    const ULONG half = needed / 2 & ~7u;
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ask(buffer, half));
    for (ULONG i = half; i < room; i++) {
        if (buffer[i] != 0x5A) GUEST_EQUAL(0, i); // nothing behind the buffer
    }
    ExFreePoolWithTag(buffer, EX_TAG("Test"));
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
}

// SYS-01: the machine, its memory and the time
GUEST_TEST(TheSystemTellsWhatItIs) {
    SYSTEM_BASIC_INFORMATION machine = {};
    ULONG bytes = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemBasicInformation, &machine,
                                                         sizeof(machine), &bytes));
    GUEST_EQUAL(sizeof(machine), bytes);
    GUEST_EQUAL(KeNumberProcessors, machine.NumberOfProcessors);
    GUEST_EQUAL(PAGE_SIZE, machine.PageSize);
    GUEST_TRUE(machine.NumberOfPhysicalPages > 15000 && machine.NumberOfPhysicalPages <= 16384); // 64 MB
    SYSTEM_PERFORMANCE_INFORMATION before = {}, after = {};
    const auto measure = [](SYSTEM_PERFORMANCE_INFORMATION* told) {
        return NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemPerformanceInformation, told, sizeof(*told),
                                        nullptr);
    };
    GUEST_EQUAL(STATUS_SUCCESS, measure(&before));
    Sleep(10);
    GUEST_EQUAL(STATUS_SUCCESS, measure(&after));
    GUEST_TRUE(after.ContextSwitches > before.ContextSwitches);
    GUEST_TRUE(after.AvailablePages != 0 && after.CommittedPages <= after.CommitLimit &&
               after.CommittedPages <= after.PeakCommitment);
    SYSTEM_TIMEOFDAY_INFORMATION time = {};
    GUEST_EQUAL(STATUS_SUCCESS, NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemTimeOfDayInformation, &time,
                                                         sizeof(time), nullptr));
    GUEST_TRUE(time.BootTime.QuadPart < time.CurrentTime.QuadPart);
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemBasicInformation,
                                                                      &machine, sizeof(machine) + 1, &bytes));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS, NtQuerySystemInformation(static_cast<SYSTEM_INFORMATION_CLASS>(999),
                                                                    &machine, sizeof(machine), &bytes));
    ATTACHED_PROCESS here;
    for (PVOID bad : Bad)
        GUEST_TRUE(!NT_SUCCESS(AsUserMode([&] {
            return NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS::SystemProcessInformation, bad, 0x10000, nullptr);
        })));
}
