// What is done to a process and its threads by their handles: memory, suspension, questions, threads, the end at any moment.
// PRC-01, PRC-06, PRC-07, PRC-09, PRC-12, PRC-14, TRP-06, POL-06
#include "attached.h"
#include "hal.h"
#include "ob/sync.h"
#include "programs.h"
#include "rtl/string.h"
#include "usermode.h"

namespace {

constexpr ULONG_PTR NOWHERE = 0x12340000;
PVOID const Bad[] = {nullptr, reinterpret_cast<PVOID>(NOWHERE), reinterpret_cast<PVOID>(0x80101000),
                     reinterpret_cast<PVOID>(0xFFFFFFFC)};

constexpr LONG Wrong[] = {0, 32, -100, 0x7FFFFFFF}; ///< no priorities

void Sleep(ULONG milliseconds) {
    LARGE_INTEGER delay = KeRelativeMilliseconds(LONG(milliseconds));
    (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
}

/// Starts a thread of a program at an offset of its image, on a stack of its own.
NTSTATUS CreateThread(const PROGRAM& program, const UCHAR* code, bool suspended, HANDLE* thread) {
    PVOID base = nullptr;
    SIZE_T size = 0x10000;
    GUEST_EQUAL(STATUS_SUCCESS,
                NtAllocateVirtualMemory(program.Handle(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    UCHAR* const top = static_cast<UCHAR*>(base) + size;
    INITIAL_TEB stack = {nullptr, nullptr, top, base, base};
    CONTEXT context = {};
    context.ContextFlags = CONTEXT_FULL;
    context.Eip = ULONG(NTDLL_BASE + ULONG_PTR(NtdllThreadStart - NtdllFile));
    context.Eax = ULONG(PROGRAM_BASE + ULONG_PTR(code - ProgramFile));
    context.Esp = ULONG(reinterpret_cast<ULONG_PTR>(top)) - 16;
    CLIENT_ID id = {};
    const NTSTATUS status =
        NtCreateThread(thread, THREAD_ALL_ACCESS, nullptr, program.Handle(), &id, &context, &stack, suspended);
    if (NT_SUCCESS(status)) {
        GUEST_TRUE(id.UniqueProcess == PsGetProcessId(program.Get()));
        GUEST_TRUE(id.UniqueThread != nullptr && id.UniqueThread != id.UniqueProcess);
    }
    return status;
}

NTSTATUS ExitStatusOf(HANDLE thread) {
    THREAD_BASIC_INFORMATION told = {};
    GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationThread(thread, THREADINFOCLASS::ThreadBasicInformation, &told,
                                                         sizeof(told), nullptr));
    return told.ExitStatus;
}

} // namespace

// POL-06, PRC-01: memory of the process that is named, not of the caller
GUEST_TEST(MemoryOfAnotherProcessIsReachedByItsHandle) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    HANDLE const process = program.Handle();
    PVOID base = nullptr;
    SIZE_T size = 3 * PAGE_SIZE, done = 0;
    GUEST_EQUAL(STATUS_SUCCESS,
                NtAllocateVirtualMemory(process, &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    ULONG words[600], back[600] = {};
    for (ULONG i = 0; i < 600; i++)
        words[i] = i * 3 + 1;
    GUEST_EQUAL(STATUS_SUCCESS,
                NtWriteVirtualMemory(process, static_cast<UCHAR*>(base) + 3000, words, sizeof(words), &done));
    GUEST_EQUAL(sizeof(words), done);
    GUEST_EQUAL(STATUS_SUCCESS,
                NtReadVirtualMemory(process, static_cast<UCHAR*>(base) + 3000, back, sizeof(back), &done));
    GUEST_EQUAL(0, memcmp(words, back, sizeof(words)));
    ULONG old = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtProtectVirtualMemory(process, &base, &size, PAGE_READONLY, &old));
    GUEST_EQUAL(PAGE_READWRITE, old);
    MEMORY_BASIC_INFORMATION told;
    GUEST_EQUAL(STATUS_SUCCESS,
                NtQueryVirtualMemory(process, base, MEMORY_INFORMATION_CLASS{}, &told, sizeof(told), nullptr));
    GUEST_EQUAL(PAGE_READONLY, told.Protect);
    GUEST_EQUAL(3 * PAGE_SIZE, told.RegionSize);
    GUEST_EQUAL(
        STATUS_SUCCESS, // nothing has happened here
        NtQueryVirtualMemory(NtCurrentProcess(), base, MEMORY_INFORMATION_CLASS{}, &told, sizeof(told), nullptr));
    GUEST_EQUAL(MEM_FREE, told.State);
    GUEST_EQUAL(STATUS_PARTIAL_COPY, NtWriteVirtualMemory(process, base, words, sizeof(ULONG), &done));
    GUEST_EQUAL(STATUS_SUCCESS, NtFlushInstructionCache(process, base, size));
    size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtFreeVirtualMemory(process, &base, &size, MEM_RELEASE));
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(process, STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, program.Await());
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING, NtReadVirtualMemory(process, base, back, sizeof(back), &done));
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING,
                NtAllocateVirtualMemory(process, &base, 0, &size, MEM_RESERVE, PAGE_READWRITE));
}

// TRP-06, OBJ-06: a handle allows what it was opened for
GUEST_TEST(RightsDecideWhatIsDoneToAProcess) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    {
        ATTACHED_PROCESS here;
        auto* const base = reinterpret_cast<PVOID*>(Allocate(1));
        auto* const size = reinterpret_cast<SIZE_T*>(base + 1);
        HANDLE const weak = program.OpenProcess(SYNCHRONIZE);
        const auto denied = [](NTSTATUS status) { GUEST_EQUAL(STATUS_ACCESS_DENIED, status); };
        *size = PAGE_SIZE;
        denied(AsUserMode([&] { return NtAllocateVirtualMemory(weak, base, 0, size, MEM_RESERVE, PAGE_READWRITE); }));
        denied(AsUserMode([&] { return NtReadVirtualMemory(weak, base, base, 4, nullptr); }));
        denied(AsUserMode([&] { return NtWriteVirtualMemory(weak, base, base, 4, nullptr); }));
        denied(AsUserMode([&] { return NtTerminateProcess(weak, STATUS_SUCCESS); }));
        denied(AsUserMode([&] {
            return NtQueryInformationProcess(weak, PROCESSINFOCLASS::ProcessTimes, base, sizeof(KERNEL_USER_TIMES),
                                             nullptr);
        }));
        HANDLE const thread = program.OpenThread(SYNCHRONIZE);
        denied(AsUserMode([&] { return NtSuspendThread(thread, nullptr); }));
        denied(AsUserMode([&] { return NtTerminateThread(thread, STATUS_SUCCESS); }));
        HANDLE const reads = program.OpenProcess(PROCESS_VM_READ);
        GUEST_EQUAL(STATUS_SUCCESS, AsUserMode([&] {
                        return NtReadVirtualMemory(reads, reinterpret_cast<PVOID>(PROGRAM_BASE), base, 4, nullptr);
                    }));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(reads));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(weak));
    }
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
}

// PRC-14: a suspended thread stands still until it was resumed as often, and can be ended all the same
GUEST_TEST(ASuspendedThreadStandsStill) {
    PROGRAMS programs;
    PROGRAM program(programs, u"spin");
    program.AwaitBeginning();
    HANDLE const thread = program.OpenThread();
    ULONG before = 77;
    GUEST_EQUAL(STATUS_SUCCESS, NtSuspendThread(thread, &before));
    GUEST_EQUAL(0, before);
    GUEST_EQUAL(STATUS_SUCCESS, NtSuspendThread(thread, &before));
    GUEST_EQUAL(1, before);
    Sleep(5); // it may have been on its way
    const ULONG count = program.Data(0);
    Sleep(20);
    GUEST_EQUAL(count, program.Data(0));
    GUEST_EQUAL(STATUS_SUCCESS, NtResumeThread(thread, &before));
    GUEST_EQUAL(2, before);
    GUEST_EQUAL(count, program.Data(0));
    GUEST_EQUAL(STATUS_SUCCESS, NtResumeThread(thread, &before));
    Sleep(20);
    GUEST_TRUE(program.Data(0) != count);
    for (ULONG i = 0; i < 127; i++)
        GUEST_EQUAL(STATUS_SUCCESS, NtSuspendThread(thread, nullptr));
    GUEST_EQUAL(STATUS_SUSPEND_COUNT_EXCEEDED, NtSuspendThread(thread, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, NtTerminateThread(thread, STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, program.Await());
    GUEST_EQUAL(STATUS_THREAD_IS_TERMINATING, NtSuspendThread(thread, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
}

// PRC-07, PRC-09: more threads; the process ends with the last one
GUEST_TEST(AProcessEndsWithItsLastThread) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    HANDLE threads[4];
    for (HANDLE& thread : threads)
        GUEST_EQUAL(STATUS_SUCCESS, CreateThread(program, ProgramReturn, true, &thread));
    LARGE_INTEGER soon = KeRelativeMilliseconds(10);
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForSingleObject(threads[0], FALSE, &soon)); // it is suspended
    for (HANDLE thread : threads) {
        GUEST_EQUAL(STATUS_SUCCESS, NtResumeThread(thread, nullptr));
        GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(thread, FALSE, nullptr));
        GUEST_EQUAL(static_cast<NTSTATUS>(0x1234), ExitStatusOf(thread));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
    }
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForSingleObject(program.Handle(), FALSE, &soon));
    GUEST_EQUAL(STATUS_PENDING, program.Get()->ExitStatus);
    HANDLE const first = program.OpenThread();
    HANDLE late = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, NtTerminateThread(first, static_cast<NTSTATUS>(0x77)));
    GUEST_EQUAL(static_cast<NTSTATUS>(0x77), program.Await());
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(first));
    CONTEXT context = {};
    INITIAL_TEB stack = {};
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING,
                NtCreateThread(&late, THREAD_ALL_ACCESS, nullptr, program.Handle(), nullptr, &context, &stack, FALSE));
}

// PRC-03, PRC-04: what a process tells of itself
GUEST_TEST(AProcessTellsWhoItIs) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    PROCESS_BASIC_INFORMATION basic = {};
    ULONG bytes = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationProcess(program.Handle(), PROCESSINFOCLASS::ProcessBasicInformation,
                                                          &basic, sizeof(basic), &bytes));
    GUEST_EQUAL(sizeof(basic), bytes);
    GUEST_EQUAL(STATUS_PENDING, basic.ExitStatus);
    GUEST_TRUE(basic.UniqueProcessId == PsGetProcessId(program.Get()));
    GUEST_TRUE(basic.InheritedFromUniqueProcessId == PsGetProcessId(PsInitialSystemProcess));
    GUEST_TRUE(basic.PebBaseAddress == program.Get()->Peb && basic.PebBaseAddress != nullptr);
    GUEST_EQUAL(8, basic.BasePriority);
    VM_COUNTERS memory = {};
    GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationProcess(program.Handle(), PROCESSINFOCLASS::ProcessVmCounters,
                                                          &memory, sizeof(memory), nullptr));
    GUEST_TRUE(memory.WorkingSetSize != 0 && memory.VirtualSize > 0x40000 && memory.PagefileUsage != 0);
    ULONG handles = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationProcess(program.Handle(), PROCESSINFOCLASS::ProcessHandleCount,
                                                          &handles, sizeof(handles), nullptr));
    GUEST_EQUAL(1, handles); // its event
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH,
                NtQueryInformationProcess(program.Handle(), PROCESSINFOCLASS::ProcessBasicInformation, &basic,
                                          sizeof(basic) - 1, nullptr));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                NtQueryInformationProcess(program.Handle(), static_cast<PROCESSINFOCLASS>(1234), &basic, sizeof(basic),
                                          nullptr));
    HANDLE const thread = program.OpenThread();
    THREAD_BASIC_INFORMATION who = {};
    GUEST_EQUAL(STATUS_SUCCESS,
                NtQueryInformationThread(thread, THREADINFOCLASS::ThreadBasicInformation, &who, sizeof(who), nullptr));
    GUEST_TRUE(who.ClientId.UniqueProcess == basic.UniqueProcessId && who.TebBaseAddress != nullptr);
    GUEST_EQUAL(0, who.BasePriority);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, program.Await());
    GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationProcess(program.Handle(), PROCESSINFOCLASS::ProcessBasicInformation,
                                                          &basic, sizeof(basic), &bytes));
    GUEST_EQUAL(STATUS_ABANDONED, basic.ExitStatus);
    KERNEL_USER_TIMES times = {};
    GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationProcess(program.Handle(), PROCESSINFOCLASS::ProcessTimes, &times,
                                                          sizeof(times), nullptr));
    GUEST_TRUE(times.CreateTime.QuadPart != 0 && times.ExitTime.QuadPart >= times.CreateTime.QuadPart);
}

// PRC-02, OBJ-06: a process and a thread are found by their IDs, while they are there
GUEST_TEST(ProcessesAndThreadsAreOpenedByTheirIds) {
    PROGRAMS programs;
    CLIENT_ID id = {}, gone = {};
    HANDLE process = nullptr, thread = nullptr;
    {
        PROGRAM program(programs, u"wait");
        program.AwaitBeginning();
        HANDLE const first = program.OpenThread();
        THREAD_BASIC_INFORMATION who = {};
        GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationThread(first, THREADINFOCLASS::ThreadBasicInformation, &who,
                                                             sizeof(who), nullptr));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(first));
        gone = who.ClientId;
        id.UniqueProcess = who.ClientId.UniqueProcess;
        GUEST_EQUAL(STATUS_SUCCESS, NtOpenProcess(&process, PROCESS_ALL_ACCESS, nullptr, &id));
        nt::ObjectRef<EPROCESS> found;
        GUEST_EQUAL(STATUS_SUCCESS, found.Open(process, 0, PsProcessType, KernelMode));
        GUEST_TRUE(found.Get() == program.Get());
        GUEST_EQUAL(STATUS_SUCCESS, NtOpenThread(&thread, THREAD_ALL_ACCESS, nullptr, &who.ClientId));
        GUEST_EQUAL(STATUS_SUCCESS, NtTerminateThread(thread, STATUS_ABANDONED));
        GUEST_EQUAL(STATUS_ABANDONED, program.Await());
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
        GUEST_EQUAL(STATUS_INVALID_CID, NtOpenThread(&thread, THREAD_ALL_ACCESS, nullptr, &who.ClientId));
        id.UniqueProcess = PsGetProcessId(PsInitialSystemProcess);
        id.UniqueThread = who.ClientId.UniqueThread; // not one of that process's
        GUEST_EQUAL(STATUS_INVALID_CID, NtOpenThread(&thread, THREAD_ALL_ACCESS, nullptr, &id));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(process));
    }
    for (ULONG tick = 0; tick < 100; tick++) { // the reaper has the last reference
        gone.UniqueThread = nullptr;
        if (NtOpenProcess(&process, SYNCHRONIZE, nullptr, &gone) == STATUS_INVALID_CID) break;
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(process));
        Sleep(1);
    }
    GUEST_EQUAL(STATUS_INVALID_CID, NtOpenProcess(&process, SYNCHRONIZE, nullptr, &gone));
    id = {};
    GUEST_EQUAL(STATUS_INVALID_CID,
                NtOpenProcess(&process, SYNCHRONIZE, nullptr, &id)); // Idle is no process of programs
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_MIX, NtOpenProcess(&process, SYNCHRONIZE, nullptr, nullptr));
    PEPROCESS system = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PsLookupProcessByProcessId(PsGetProcessId(PsInitialSystemProcess), &system));
    GUEST_TRUE(system == PsInitialSystemProcess);
    (void)ObDereferenceObject(system);
}

// PRC-08: registers are read and changed, whatever the thread does; the kernel's selectors and flags stay out of reach
GUEST_TEST(RegistersOfAThreadAreReadAndChanged) {
    PROGRAMS programs;
    PROGRAM program(programs, u"spin");
    program.AwaitBeginning();
    HANDLE const thread = program.OpenThread();
    GUEST_EQUAL(STATUS_SUCCESS, NtSuspendThread(thread, nullptr));
    CONTEXT context = {};
    context.ContextFlags = CONTEXT_FULL;
    GUEST_EQUAL(STATUS_SUCCESS, NtGetContextThread(thread, &context));
    GUEST_TRUE(context.Eip > PROGRAM_BASE && context.Eip < PROGRAM_DATA);
    GUEST_EQUAL(PROGRAM_DATA, context.Ebp);
    GUEST_EQUAL(0x1B, context.SegCs);
    GUEST_EQUAL(0x3B, context.SegFs);
    context.Eip = ULONG(NTDLL_BASE + ULONG_PTR(NtdllThreadStart - NtdllFile));
    context.Eax = ULONG(PROGRAM_BASE + ULONG_PTR(ProgramReturn - ProgramFile));
    context.SegCs = 8;
    context.SegSs = 0x10;
    context.EFlags = 0x3000; // no interrupts, I/O privilege
    GUEST_EQUAL(STATUS_SUCCESS, NtSetContextThread(thread, &context));
    context = {};
    context.ContextFlags = CONTEXT_CONTROL;
    GUEST_EQUAL(STATUS_SUCCESS, NtGetContextThread(thread, &context));
    GUEST_EQUAL(0x1B, context.SegCs);
    GUEST_EQUAL(0x202, context.EFlags & 0x3202);
    GUEST_EQUAL(0, context.Ebx); // not asked for
    GUEST_EQUAL(STATUS_SUCCESS, NtResumeThread(thread, nullptr));
    GUEST_EQUAL(static_cast<NTSTATUS>(0x1234), program.Await());
    context.ContextFlags = CONTEXT_FULL;
    GUEST_EQUAL(STATUS_UNSUCCESSFUL, NtGetContextThread(thread, &context));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
}

// PRC-04, SCH-09: priorities and processors, of a process and of its threads
GUEST_TEST(PrioritiesAndProcessorsAreSet) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    HANDLE const process = program.Handle(), thread = program.OpenThread();
    const auto setProcess = [&](PROCESSINFOCLASS which, auto value) {
        return NtSetInformationProcess(process, which, &value, sizeof(value));
    };
    const auto setThread = [&](THREADINFOCLASS which, auto value) {
        return NtSetInformationThread(thread, which, &value, sizeof(value));
    };
    const auto look = [&] {
        THREAD_BASIC_INFORMATION told = {};
        GUEST_EQUAL(STATUS_SUCCESS, NtQueryInformationThread(thread, THREADINFOCLASS::ThreadBasicInformation, &told,
                                                             sizeof(told), nullptr));
        return told;
    };
    GUEST_EQUAL(STATUS_SUCCESS, setThread(THREADINFOCLASS::ThreadBasePriority, LONG(2)));
    GUEST_EQUAL(2, look().BasePriority);
    PROCESS_PRIORITY_CLASS high = {.Foreground = FALSE, .PriorityClass = PROCESS_PRIORITY_CLASS_HIGH};
    GUEST_EQUAL(STATUS_SUCCESS, setProcess(PROCESSINFOCLASS::ProcessPriorityClass, high));
    GUEST_EQUAL(13, program.Get()->Pcb.BasePriority);
    GUEST_EQUAL(2, look().BasePriority);
    GUEST_EQUAL(15, look().Priority);
    GUEST_EQUAL(STATUS_SUCCESS, setThread(THREADINFOCLASS::ThreadPriority, LONG(5)));
    GUEST_EQUAL(5, look().Priority);
    GUEST_EQUAL(STATUS_SUCCESS, setProcess(PROCESSINFOCLASS::ProcessAffinityMask, ULONG_PTR(1)));
    GUEST_EQUAL(1, look().AffinityMask);
    GUEST_EQUAL(STATUS_SUCCESS, setThread(THREADINFOCLASS::ThreadAffinityMask, ULONG_PTR(1)));
    for (LONG wrong : Wrong) {
        GUEST_EQUAL(STATUS_INVALID_PARAMETER, setThread(THREADINFOCLASS::ThreadPriority, wrong));
        GUEST_EQUAL(STATUS_INVALID_PARAMETER, setThread(THREADINFOCLASS::ThreadBasePriority, wrong ? wrong : LONG(3)));
        GUEST_EQUAL(STATUS_INVALID_PARAMETER, setProcess(PROCESSINFOCLASS::ProcessBasePriority, wrong));
        GUEST_EQUAL(STATUS_INVALID_PARAMETER,
                    setThread(THREADINFOCLASS::ThreadIdealProcessor, wrong ? ULONG(wrong) : 32u));
    }
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, setProcess(PROCESSINFOCLASS::ProcessAffinityMask, ULONG_PTR(0)));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, setProcess(PROCESSINFOCLASS::ProcessAffinityMask, ~ULONG_PTR(0)));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, setThread(THREADINFOCLASS::ThreadAffinityMask, ULONG_PTR(1) << 31));
    high.PriorityClass = 7;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, setProcess(PROCESSINFOCLASS::ProcessPriorityClass, high));
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, setProcess(PROCESSINFOCLASS::ProcessPriorityClass, UCHAR(1)));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS, setProcess(PROCESSINFOCLASS::ProcessTimes, UCHAR(1)));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(process, STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
}

// TRP-06: pointers of user mode may be anything; what fails leaves nothing behind
GUEST_TEST(HostileCallersOfProcessServicesGetAStatus) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    {
        ATTACHED_PROCESS here;
        auto* const good = reinterpret_cast<ULONG*>(Allocate(2));
        auto* const handle = reinterpret_cast<HANDLE*>(good);
        auto* const context = reinterpret_cast<CONTEXT*>(good + 64);
        auto* const stack = reinterpret_cast<INITIAL_TEB*>(good + 512);
        HANDLE const process = program.OpenProcess(PROCESS_ALL_ACCESS), thread = program.OpenThread();
        const auto refused = [](NTSTATUS status) { GUEST_TRUE(!NT_SUCCESS(status)); };
        for (PVOID bad : Bad) {
            refused(AsUserMode([&] {
                return NtCreateThread(static_cast<HANDLE*>(bad), 0, nullptr, process, nullptr, context, stack, FALSE);
            }));
            refused(AsUserMode([&] {
                return NtCreateThread(handle, 0, nullptr, process, nullptr, static_cast<CONTEXT*>(bad), stack, FALSE);
            }));
            refused(AsUserMode([&] {
                return NtCreateThread(handle, 0, nullptr, process, nullptr, context, static_cast<INITIAL_TEB*>(bad),
                                      FALSE);
            }));
            refused(AsUserMode([&] {
                return NtCreateProcessEx(static_cast<HANDLE*>(bad), 0, nullptr, NtCurrentProcess(), 0, process, nullptr,
                                         nullptr, 0);
            }));
            refused(AsUserMode([&] {
                return NtQueryInformationProcess(process, PROCESSINFOCLASS::ProcessTimes, bad,
                                                 sizeof(KERNEL_USER_TIMES), nullptr);
            }));
            if (!bad) continue; // these may be left out
            refused(AsUserMode([&] {
                return NtCreateThread(handle, 0, static_cast<POBJECT_ATTRIBUTES>(bad), process, nullptr, context, stack,
                                      FALSE);
            }));
            refused(AsUserMode([&] {
                return NtCreateThread(handle, 0, nullptr, process, static_cast<CLIENT_ID*>(bad), context, stack, FALSE);
            }));
            refused(AsUserMode([&] { return NtSuspendThread(thread, static_cast<ULONG*>(bad)); }));
            refused(AsUserMode([&] { return NtResumeThread(thread, static_cast<ULONG*>(bad)); }));
        }
        refused(AsUserMode([&] {
            return NtCreateThread(handle, 0, nullptr, NtCurrentProcess(), nullptr, context, stack, FALSE);
        })); // no image
        refused(AsUserMode([&] { return NtCreateThread(handle, 0, nullptr, thread, nullptr, context, stack, FALSE); }));
        refused(AsUserMode([&] {
            return NtCreateProcessEx(handle, 0, nullptr, NtCurrentProcess(), 0, process, nullptr, nullptr, 0);
        }));
        refused(AsUserMode([&] {
            return NtCreateProcessEx(handle, 0, nullptr, NtCurrentProcess(), 0x100, process, nullptr, nullptr, 0);
        }));
        refused(AsUserMode([&] { return NtTerminateProcess(NtCurrentProcess(), STATUS_SUCCESS); })); // the kernel's own
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(process));
    }
    GUEST_EQUAL(STATUS_PENDING, program.Get()->ExitStatus);
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
}

// PRC-12: a process is ended at any moment, by several at once, and nothing of it is left
GUEST_TEST(AProcessIsEndedAtAnyMoment) {
    PROGRAMS programs;
    constexpr PCWSTR what[] = {u"wait", u"spin", u"look", u"return"};
    ULONG seed = 12345;
    for (ULONG round = 0; round < 60; round++) {
        PROGRAM program(programs, what[round % 4]);
        HANDLE thread = nullptr;
        if (round % 8 < 2) (void)CreateThread(program, ProgramReturn, round % 16 < 8, &thread);
        if (thread) (void)NtQueueApcThread(thread, nullptr, nullptr, nullptr, nullptr); // which nobody will take
        seed = seed * 1103515245 + 12345;
        KeStallExecutionProcessor(seed >> 16 & 0x3FF);
        if (round % 5 == 0) program.Suspend(); // also while it is ending
        (void)ZwTerminateProcess(program.Handle(), STATUS_ABANDONED);
        const NTSTATUS status = program.Await();
        GUEST_TRUE(status == STATUS_ABANDONED || round % 4 > 1); // unless it was at its end
        if (thread) {
            GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(thread, FALSE, nullptr));
            GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
        }
    }
}

static volatile LONG Begun;
static KEVENT MayEnd;
static void NTAPI WaitInProcess(PVOID) {
    InterlockedExchange(&Begun, 1);
    (void)KeWaitForSingleObject(&MayEnd, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

// PRC-09, SYS-02: a driver's thread in a program's process ends of itself, and the process after it
GUEST_TEST(AProcessWaitsForItsSystemThread) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    Begun = 0;
    KeInitializeEvent(&MayEnd, NotificationEvent, FALSE);
    GUEST_EQUAL(STATUS_SUCCESS, PspStartProcessThread(nullptr, program.Get(), "Driver", 9, WaitInProcess, nullptr));
    while (!Begun)
        Sleep(1);
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_ABANDONED));
    LARGE_INTEGER soon = KeRelativeMilliseconds(20);
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForSingleObject(program.Handle(), FALSE, &soon));
    (void)KeSetEvent(&MayEnd, 0, FALSE);
    GUEST_EQUAL(STATUS_ABANDONED, program.Await());
}
