// System services: both ways in, arguments, the previous mode, and hostile callers.
#include "freepages.h"
#include "hal.h"
#include "process.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"
#include "services.h"

USER_PROGRAM(Calls);
USER_PROGRAM(LostStack);
USER_PROGRAM(OddFlags);
USER_PROGRAM(Steps);

USER_PROGRAM(Sleep);
USER_PROGRAM(ApcRoutine);
USER_PROGRAM(QueueToItself);
USER_PROGRAM(Undefined);
USER_PROGRAM(Where);
USER_PROGRAM(Change);

namespace {

constexpr ULONG SECOND_TABLE = 0x1000;

/// What the second table's services saw.
struct SEEN {
    KPROCESSOR_MODE Mode, ModeAfterZw;
    KTRAP_FRAME* Frame;
    bool FrameIsTheThreads;
    NTSTATUS ZwStatus, NtStatus;
    ULONG Ring;
};
SEEN Seen;

NTSTATUS NTAPI Sum(ULONG a, ULONG b, ULONG c, ULONG d, ULONG e, ULONG f, ULONG g, ULONG h, ULONG i, ULONG j, ULONG k,
                   ULONG l, ULONG m, ULONG n, ULONG o, ULONG p) {
    return static_cast<NTSTATUS>(a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k +
                                 12 * l + 13 * m + 14 * n + 15 * o + 16 * p);
}

NTSTATUS NTAPI Look() {
    const KTHREAD* const thread = KeGetCurrentThread();
    ULONG cs;
    __asm__ __volatile__("movl %%cs, %0" : "=r"(cs));
    Seen.Ring = cs & 3;
    Seen.Mode = KeGetPreviousMode();
    Seen.Frame = thread->TrapFrame;
    Seen.FrameIsTheThreads = thread->TrapFrame == KeUserFrame(thread);
    MEMORY_BASIC_INFORMATION told; // on the kernel's stack: only the kernel may name it
    auto* const address = reinterpret_cast<PVOID>(USER_DATA_ADDRESS);
    Seen.ZwStatus =
        ZwQueryVirtualMemory(NtCurrentProcess(), address, MEMORY_INFORMATION_CLASS{}, &told, sizeof(told), nullptr);
    Seen.ModeAfterZw = KeGetPreviousMode();
    Seen.FrameIsTheThreads &= thread->TrapFrame == Seen.Frame;
    Seen.NtStatus =
        NtQueryVirtualMemory(NtCurrentProcess(), address, MEMORY_INFORMATION_CLASS{}, &told, sizeof(told), nullptr);
    return static_cast<NTSTATUS>(0x1234);
}

NTSTATUS NTAPI Raise() { return KeRaiseUserException(STATUS_INVALID_HANDLE); }

NTSTATUS NTAPI StayHigh() {
    KfRaiseIrql(APC_LEVEL);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI StayInRegion() {
    KeEnterCriticalRegion();
    return STATUS_SUCCESS;
}

ULONG Pointer(const void* address) { return ULONG(reinterpret_cast<ULONG_PTR>(address)); }

enum SECOND_SERVICES : ULONG {
    SERVICE_LOOK,
    SERVICE_SUM,
    SERVICE_HIGH,
    SERVICE_REGION,
    SERVICE_RAISE,
    SECOND_SERVICES_COUNT
};

/// The first test that asks adds it. It stays for good, also where the next test runs in the same boot.
void AddSecondTable() {
    static bool added;
    static ULONG_PTR base[SECOND_SERVICES_COUNT];
    static const UCHAR bytes[] = {0, 16 * 4, 0, 0, 0};
    base[SERVICE_LOOK] = Pointer(reinterpret_cast<const void*>(&Look));
    base[SERVICE_SUM] = Pointer(reinterpret_cast<const void*>(&Sum));
    base[SERVICE_HIGH] = Pointer(reinterpret_cast<const void*>(&StayHigh));
    base[SERVICE_REGION] = Pointer(reinterpret_cast<const void*>(&StayInRegion));
    base[SERVICE_RAISE] = Pointer(reinterpret_cast<const void*>(&Raise));
    if (!added) GUEST_TRUE(KeAddSystemServiceTable(base, nullptr, SECOND_SERVICES_COUNT, bytes, 1));
    added = true;
    GUEST_TRUE(!KeAddSystemServiceTable(base, nullptr, SECOND_SERVICES_COUNT, bytes, 1));
}

/// Makes one call, by a new thread. @returns its status
ULONG One(USER_PROCESS& process, ULONG number, bool byGate, ULONG pointer = ULONG(USER_DATA_ADDRESS)) {
    USER_CALL& call = USER_PROCESS::Call(0);
    call.Number = number;
    call.ByGate = byGate;
    call.ArgumentPointer = pointer;
    call.Status = 0x77777777;
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserCalls, 1));
    return call.Status;
}

bool HasFastCall() {
    ULONG eax = 1, edx;
    __asm__ __volatile__("cpuid" : "+a"(eax), "=d"(edx) : : "ebx", "ecx");
    return edx & 1u << 11;
}

} // namespace

// TRP-03, TRP-04, TRP-05: both ways in; ring 0 inside; PreviousMode and the trap frame through a Zw call and back
GUEST_TEST(ServicesAreCalledBothWays) {
    AddSecondTable();
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    GUEST_TRUE(HasFastCall());
    GUEST_EQUAL(USER_PROCESS::Address(UserFastSystemCall), SharedUserData->SystemCall);
    for (ULONG way = 0; way < 2; way++) {
        Seen = {};
        GUEST_EQUAL(0x1234, One(process, SECOND_TABLE | SERVICE_LOOK, way));
        GUEST_EQUAL(0, Seen.Ring);
        GUEST_TRUE(Seen.Mode == UserMode && Seen.ModeAfterZw == UserMode);
        GUEST_TRUE(Seen.FrameIsTheThreads);
        GUEST_EQUAL(STATUS_SUCCESS, Seen.ZwStatus);
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Seen.NtStatus); // user mode's name: the kernel's stack is not its memory
    }
}

// TRP-04: sixteen arguments, by either way
GUEST_TEST(ArgumentsAreCopied) {
    AddSecondTable();
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    ULONG expected = 0;
    for (ULONG i = 0; i < USER_CALL_ARGUMENTS; i++) {
        USER_PROCESS::Call(0).Arguments[i] = 0x01010101 * (i + 1);
        expected += (i + 1) * (0x01010101 * (i + 1));
    }
    GUEST_EQUAL(expected, One(process, SECOND_TABLE | SERVICE_SUM, false));
    GUEST_EQUAL(expected, One(process, SECOND_TABLE | SERVICE_SUM, true, Pointer(USER_PROCESS::Call(0).Arguments)));
}

// TRP-04: numbers that no table has
GUEST_TEST(UnknownNumbersAreRefused) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    static const ULONG numbers[] = {
        SERVICE_COUNT, 0xFFF, SECOND_TABLE + SECOND_SERVICES_COUNT, 0x1FFF, 0x2000, 0x3FFF, 0x3000 + SERVICE_COUNT};
    for (const ULONG number : numbers) {
        for (ULONG way = 0; way < 2; way++)
            GUEST_EQUAL(ULONG(STATUS_INVALID_SYSTEM_SERVICE), One(process, number, way));
    }
    GUEST_EQUAL(ULONG(STATUS_INVALID_SYSTEM_SERVICE), One(process, 0xFFFFFFFF, true));
}

// TRP-06: argument pointers of every bad kind
GUEST_TEST(BadArgumentPointersAreAStatus) {
    AddSecondTable();
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    const ULONG end = ULONG(USER_DATA_ADDRESS + USER_DATA_PAGES * PAGE_SIZE);
    const ULONG bad[] = {0,          4,          0xFFFC,     0x7FFF0000, 0x7FFF0000 - 4,
                         0x7FFEFFFF, 0x80000000, 0x80100000, 0xC0300000, 0xFFFFFFFC,
                         0xFFFFFFFF, end - 4,    end - 63,   end,        0x7FFDFFF0};
    for (const ULONG pointer : bad)
        GUEST_EQUAL(ULONG(STATUS_ACCESS_VIOLATION), One(process, SECOND_TABLE | SERVICE_SUM, true, pointer));
    (void)One(process, SECOND_TABLE | SERVICE_SUM, true, end - 64); // just inside
    GUEST_TRUE(USER_PROCESS::Call(0).Status != ULONG(STATUS_ACCESS_VIOLATION));
}

// TRP-06: pointers among the arguments
GUEST_TEST(BadPointersAreAStatus) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    const ULONG end = ULONG(USER_DATA_ADDRESS + USER_DATA_PAGES * PAGE_SIZE);
    const ULONG bad[] = {0,          0x7FFF0000, 0x7FFEFFFC, 0x80000000, 0x80100000,
                         0xC0300000, 0xFFFFFFF8, end - 4,    0x7FFE0000};
    USER_CALL& call = USER_PROCESS::Call(0);
    for (const ULONG pointer : bad) {
        call.Arguments[0] = pointer;
        GUEST_EQUAL(ULONG(STATUS_ACCESS_VIOLATION), One(process, SERVICE_NtQuerySystemTime, false));
        GUEST_EQUAL(ULONG(STATUS_ACCESS_VIOLATION), One(process, SERVICE_NtQueryPerformanceCounter, false));
        if (pointer == 0x7FFE0000) continue; // may be read
        GUEST_EQUAL(ULONG(STATUS_ACCESS_VIOLATION), One(process, SERVICE_NtContinue, false));
        call.Arguments[1] = pointer;
        GUEST_EQUAL(ULONG(STATUS_ACCESS_VIOLATION), One(process, SERVICE_NtDelayExecution, false));
    }
    call.Arguments[0] = ULONG(USER_DATA_ADDRESS) + 2;
    GUEST_EQUAL(ULONG(STATUS_DATATYPE_MISALIGNMENT), One(process, SERVICE_NtQuerySystemTime, false));
    call.Arguments[0] = ULONG(USER_DATA_ADDRESS);
    GUEST_EQUAL(0, One(process, SERVICE_NtQuerySystemTime, false));
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    GUEST_TRUE(now.QuadPart - *reinterpret_cast<LONGLONG*>(USER_DATA_ADDRESS) < 10'000'000);
}

// TRP-03: a stack pointer that leads nowhere, flags that a gate would clear
GUEST_TEST(OddStacksAndFlagsDoNoHarm) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    static const ULONG stacks[] = {0, 8, 0x7FFF0000, 0x80000000, 0x80100000, 0xFFFFFFF8, 0xFFFFFFFC};
    for (const ULONG stack : stacks)
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, process.Run(UserLostStack, stack));
    for (ULONG way = 0; way < 2; way++) {
        GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserOddFlags, way));
        GUEST_EQUAL(0, USER_PROCESS::Data(0));
        LARGE_INTEGER frequency;
        const LARGE_INTEGER counter = KeQueryPerformanceCounter(&frequency);
        GUEST_EQUAL(frequency.QuadPart, *reinterpret_cast<LONGLONG*>(USER_DATA_ADDRESS + 24));
        GUEST_TRUE(counter.QuadPart - *reinterpret_cast<LONGLONG*>(USER_DATA_ADDRESS + 16) < frequency.QuadPart);
        *reinterpret_cast<LONGLONG*>(USER_DATA_ADDRESS + 24) = 0;
        GUEST_EQUAL(0x44600, USER_PROCESS::Data(1) & 0x44700);
    }
}

// TRP-03, EXC-06: single steps of user mode stay in user mode, and the trap flag survives the way in and out
GUEST_TEST(SingleStepsPassOverServices) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints(true);
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserSteps));
    GUEST_EQUAL(ULONG(STATUS_SINGLE_STEP), USER_PROCESS::Data(0x48 / 4));
    GUEST_TRUE(USER_PROCESS::Data(0) == ULONG(STATUS_NO_YIELD_PERFORMED) || USER_PROCESS::Data(0) == 0);
    // nop; call; mov, mov, call; mov, sysenter and ret, ret; mov, int 2Eh and mov, push, popf
    GUEST_EQUAL(12, USER_PROCESS::Data(0x50 / 4));
}

// EXC-04, EXC-06: the library's dispatcher gets the exception, and the thread goes on where it says
GUEST_TEST(ExceptionsGoToTheDispatcher) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints(true);
    USER_PROCESS::SetData(0x40 / 4, USER_PROCESS::Address(UserWhere));
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserUndefined));
    GUEST_EQUAL(ULONG(STATUS_ILLEGAL_INSTRUCTION), USER_PROCESS::Data(0x48 / 4));
    GUEST_EQUAL(USER_PROCESS::Address(UserUndefined), USER_PROCESS::Data(0x4C / 4));
    GUEST_EQUAL(0x1B, USER_PROCESS::Data(0) & 0xFFFF); // Where has run
}

// EXC-06: a service may end with an exception in user mode, by either way
GUEST_TEST(AServiceRaisesAnExceptionInUserMode) {
    AddSecondTable();
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    for (ULONG way = 0; way < 2; way++) {
        USER_PROCESS::SetData(0x58 / 4, 0);
        GUEST_EQUAL(ULONG(STATUS_INVALID_HANDLE), One(process, SECOND_TABLE | SERVICE_RAISE, way));
        GUEST_EQUAL(ULONG(STATUS_INVALID_HANDLE), USER_PROCESS::Data(0x58 / 4));
    }
}

namespace {

void NTAPI FreeNothing(PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {}

/// Calls the rest off.
void NTAPI CallOff(PKAPC, PKNORMAL_ROUTINE* routine, PVOID*, PVOID*, PVOID*) { *routine = nullptr; }

PVOID Word(ULONG value) { return reinterpret_cast<PVOID>(ULONG_PTR(value)); }

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

} // namespace

// INT-12, INT-13: APCs that come while a thread sleeps alertably run in user mode, all of them, and its wait says so
GUEST_TEST(UserApcsEndAnAlertableWait) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    *reinterpret_cast<LONGLONG*>(USER_DATA_ADDRESS + 0x20) = -1'000'000'000'000;
    PETHREAD const thread = process.Start(UserSleep, ULONG(USER_DATA_ADDRESS + 0x20));
    while (thread->Tcb.State != KTHREAD_STATE::Waiting || USER_PROCESS::Data(0) == 0)
        Sleep(1);
    static KAPC apcs[3];
    auto* const routine = reinterpret_cast<PKNORMAL_ROUTINE>(Word(USER_PROCESS::Address(UserApcRoutine)));
    (void)KeSetAffinityThread(&thread->Tcb, 1);
    const KAFFINITY everywhere = KeSetAffinityThread(KeGetCurrentThread(), 1);
    {
        nt::DispatchLevelGuard together; // both on one processor: all are there before the thread runs
        for (ULONG i = 0; i < 3; i++) {
            KeInitializeApc(&apcs[i], &thread->Tcb, OriginalApcEnvironment, i == 1 ? CallOff : FreeNothing, nullptr,
                            routine, UserMode, Word(100 * i));
            GUEST_TRUE(KeInsertQueueApc(&apcs[i], Word(10), Word(i), 0));
        }
    }
    (void)KeSetAffinityThread(KeGetCurrentThread(), everywhere);
    GUEST_EQUAL(STATUS_BREAKPOINT, USER_PROCESS::Await(thread));
    GUEST_EQUAL(ULONG(STATUS_USER_APC), USER_PROCESS::Data(1));
    GUEST_EQUAL(2, USER_PROCESS::Data(3)); // the kernel routine of one has called it off
    GUEST_EQUAL(200 + 20 + 2, USER_PROCESS::Data(2));
}

// INT-12, INT-13: the services that queue an APC, alert, and test
GUEST_TEST(AThreadQueuesAnApcToItself) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserQueueToItself));
    GUEST_EQUAL(0, USER_PROCESS::Data(0));
    GUEST_EQUAL(ULONG(STATUS_ALERTED), USER_PROCESS::Data(1));
    GUEST_EQUAL(0, USER_PROCESS::Data(4)); // not yet
    GUEST_EQUAL(0, USER_PROCESS::Data(5));
    GUEST_EQUAL(1, USER_PROCESS::Data(3));
    GUEST_EQUAL(137, USER_PROCESS::Data(2));
}

// INT-12: an alert ends the wait, too, and no APC runs
GUEST_TEST(AnAlertEndsAnAlertableWait) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    *reinterpret_cast<LONGLONG*>(USER_DATA_ADDRESS + 0x20) = -1'000'000'000'000;
    PETHREAD const thread = process.Start(UserSleep, ULONG(USER_DATA_ADDRESS + 0x20));
    while (thread->Tcb.State != KTHREAD_STATE::Waiting || USER_PROCESS::Data(0) == 0)
        Sleep(1);
    (void)KeAlertThread(&thread->Tcb, UserMode);
    GUEST_EQUAL(STATUS_BREAKPOINT, USER_PROCESS::Await(thread));
    GUEST_EQUAL(ULONG(STATUS_ALERTED), USER_PROCESS::Data(1));
    GUEST_EQUAL(0, USER_PROCESS::Data(3));
}

// TRP-04: a service that would leave its traces in user mode stops the system
GUEST_TEST_BUGCHECK(ServiceLeavesARaisedIrql, IRQL_GT_ZERO_AT_SYSTEM_SERVICE) {
    AddSecondTable();
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    (void)One(process, SECOND_TABLE | SERVICE_HIGH, false);
}
GUEST_TEST_BUGCHECK(ServiceLeavesARegion, APC_INDEX_MISMATCH) {
    AddSecondTable();
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    (void)One(process, SECOND_TABLE | SERVICE_REGION, true);
}

// PRC-12: a thread that is ended while a service of it waits gives back what the service holds: here the process, which it waits for
GUEST_TEST(AServiceThatWaitsGivesBackWhatItHoldsWhenItsThreadEnds) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    const volatile LONG& references = OBJECT_TO_OBJECT_HEADER(process.Get())->PointerCount;
    const LONG before = references;
    USER_CALL& call = USER_PROCESS::Call(0);
    call = {.Number = SERVICE_NtWaitForSingleObject, .ByGate = 0, .ArgumentPointer = 0, .Status = 0, .Arguments = {}};
    call.Arguments[0] = ULONG(reinterpret_cast<ULONG_PTR>(NtCurrentProcess()));
    PETHREAD const thread = process.Start(UserCalls, 1);
    while (thread->Tcb.State != KTHREAD_STATE::Waiting || thread->Tcb.WaitReason != KWAIT_REASON::UserRequest)
        Sleep(1);
    GUEST_TRUE(references > before);
    GUEST_EQUAL(STATUS_SUCCESS, PspTerminateThreadByPointer(thread, STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, USER_PROCESS::Await(thread));
    for (ULONG round = 0; round < 40 && references != before; round++)
        Sleep(1); // the reaper
    GUEST_EQUAL(before, references);
}

// ---- hostile calls

namespace {

constexpr ULONG NOT_CALLED = 0x77777777;

/// A small generator: the same calls each time.
struct RANDOM {
    ULONG State;
    ULONG Next(ULONG below) {
        State = State * 1664525 + 1013904223;
        return (State >> 8) % below;
    }
};

/// An argument that a program might use to do harm.
ULONG Hostile(RANDOM& random) {
    static const ULONG values[] = {0,
                                   1,
                                   4,
                                   0xFFFFFFFF,
                                   0xFFFFFFFE,
                                   0x7FFF0000,
                                   0x7FFEFFFC,
                                   0x7FFEFFFF,
                                   0x80000000,
                                   0x80100000,
                                   0xC0300000,
                                   0xFFDF0000,
                                   0x7FFE0000,
                                   0x1000,
                                   0x3000,
                                   0x8000,
                                   0x4000,
                                   0x10000,
                                   0x600000,
                                   0x40,
                                   0x20,
                                   0x2,
                                   0x104,
                                   ULONG(USER_DATA_ADDRESS),
                                   ULONG(USER_DATA_ADDRESS) + 0x800,
                                   ULONG(USER_DATA_ADDRESS) + 0x801,
                                   ULONG(USER_CODE_ADDRESS),
                                   ULONG(USER_DATA_ADDRESS + USER_DATA_PAGES * PAGE_SIZE) - 4};
    const ULONG choice = random.Next(sizeof(values) / sizeof(values[0]) + 8);
    if (choice < sizeof(values) / sizeof(values[0])) return values[choice];
    if (choice % 2) return ULONG(USER_DATA_ADDRESS) + 4 * random.Next(0x400);
    return random.Next(0x10000) << 16 | random.Next(0x10000);
}

void MakeCalls(RANDOM& random, ULONG count) {
    for (ULONG i = 0; i < count; i++) {
        USER_CALL& call = USER_PROCESS::Call(i);
        call.Number = random.Next(50) ? random.Next(SERVICE_COUNT) : Hostile(random);
        if (call.Number == SERVICE_NtContinue && random.Next(8)) call.Number = SERVICE_NtQueryVirtualMemory;
        if (call.Number == SERVICE_NtMakePermanentObject) call.Number = SERVICE_NtClose; // what it keeps stays for good
        if (call.Number == SERVICE_NtRaiseException && random.Next(8)) call.Number = SERVICE_NtProtectVirtualMemory;
        call.ByGate = random.Next(2);
        call.ArgumentPointer = random.Next(4) ? Pointer(call.Arguments) : Hostile(random);
        for (ULONG& argument : call.Arguments)
            argument = Hostile(random);
        if (random.Next(2)) call.Arguments[0] = 0xFFFFFFFF; // the current process
        call.Status = NOT_CALLED;
    }
}

/// How many of the calls have returned, as far as the records are there still: a program may have freed them.
ULONG CountReturned(ULONG count) {
    ULONG returned = 0;
    for (ULONG i = 0; i < count; i++) {
        __try {
            returned += ReadULongFromUser(&USER_PROCESS::Call(i).Status) != NOT_CALLED;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            return returned;
        }
    }
    return returned;
}

} // namespace

// TRP-06, TRP-02: thousands of calls with hostile arguments, which another thread changes meanwhile: the system goes on, and nothing
// stays behind when the process has gone
GUEST_TEST(HostileCallsDoNoHarm) {
    constexpr ULONG batches = 24, callers = 2, calls = 250;
    const ULONG before = FreeAndPoolPages();
    ULONG returned = 0;
    for (ULONG batch = 0; batch < batches; batch++) {
        RANDOM random{batch * 7919 + 1};
        USER_PROCESS process;
        USER_PROCESS::SetEntryPoints(batch % 2);
        MakeCalls(random, calls);
        PETHREAD threads[callers + 1];
        for (ULONG i = 0; i < callers; i++)
            threads[i] = process.Start(UserCalls, calls);
        threads[callers] = process.Start(UserChange, 20'000);
        for (ULONG round = 0; round < 40; round++) {
            bool all = true;
            for (PETHREAD thread : threads)
                all &= thread->Tcb.State == KTHREAD_STATE::Terminated;
            if (all) break;
            Sleep(1);
        }
        for (PETHREAD thread : threads) {
            (void)PspTerminateThreadByPointer(thread, STATUS_ABANDONED); // one that sleeps or never ends
            (void)USER_PROCESS::Await(thread);
        }
        returned += CountReturned(calls);
    }
    GUEST_TRUE(returned > batches * calls / 4);
    Sleep(20); // the reaper
    GUEST_TRUE(FreeAndPoolPages() >= before);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}
