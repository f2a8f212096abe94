// Threads in ring 3: what they find there, what they may not do, and that nothing of it stops the system.
#include "process.h"

#include "guest_main.h"

USER_PROGRAM(Where);
USER_PROGRAM(Spin);
USER_PROGRAM(Touch);
USER_PROGRAM(EatStack);

namespace {

/// A program that does what user mode may not do, and the exception that it gets.
struct FORBIDDEN {
    const UCHAR* Program;
    NTSTATUS Code;
};

} // namespace

#define FORBIDDEN_PROGRAMS(X)                          \
    X(Cli, STATUS_PRIVILEGED_INSTRUCTION)              \
    X(Hlt, STATUS_PRIVILEGED_INSTRUCTION)              \
    X(In, STATUS_PRIVILEGED_INSTRUCTION)               \
    X(Out, STATUS_PRIVILEGED_INSTRUCTION)              \
    X(ReadCr0, STATUS_PRIVILEGED_INSTRUCTION)          \
    X(WriteCr3, STATUS_PRIVILEGED_INSTRUCTION)         \
    X(Lgdt, STATUS_PRIVILEGED_INSTRUCTION)             \
    X(Rdmsr, STATUS_PRIVILEGED_INSTRUCTION)            \
    X(Divide, STATUS_INTEGER_DIVIDE_BY_ZERO)           \
    X(Undefined, STATUS_ILLEGAL_INSTRUCTION)           \
    X(Gate, STATUS_ACCESS_VIOLATION)                   \
    X(PageFaultGate, STATUS_ACCESS_VIOLATION)          \
    X(ReadNull, STATUS_ACCESS_VIOLATION)               \
    X(ReadKernel, STATUS_ACCESS_VIOLATION)             \
    X(WriteKernel, STATUS_ACCESS_VIOLATION)            \
    X(ReadPageTables, STATUS_ACCESS_VIOLATION)         \
    X(WriteSharedData, STATUS_ACCESS_VIOLATION)        \
    X(JumpToKernel, STATUS_ACCESS_VIOLATION)           \
    X(FarJumpToRingZero, STATUS_ACCESS_VIOLATION)      \
    X(LoadKernelStackSegment, STATUS_ACCESS_VIOLATION) \
    X(LoadPcr, STATUS_ACCESS_VIOLATION)                \
    X(ReturnOfATask, STATUS_ACCESS_VIOLATION)          \
    X(TrapFlag, STATUS_SINGLE_STEP)                    \
    X(Overflow, STATUS_INTEGER_OVERFLOW)               \
    X(EatStack, STATUS_STACK_OVERFLOW)

#define DECLARE(name, code) USER_PROGRAM(name);
FORBIDDEN_PROGRAMS(DECLARE)

// TRP-01, TRP-03: ring 3 with the documented selectors, fs at the TEB, interrupts on
GUEST_TEST(UserModeIsRingThree) {
    USER_PROCESS process;
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserWhere));
    GUEST_EQUAL(0x1B, USER_PROCESS::Data(0) & 0xFFFF);
    GUEST_EQUAL(0x23, USER_PROCESS::Data(1) & 0xFFFF);
    GUEST_EQUAL(0x23, USER_PROCESS::Data(2) & 0xFFFF);
    GUEST_EQUAL(0x23, USER_PROCESS::Data(3) & 0xFFFF);
    GUEST_EQUAL(0x3B, USER_PROCESS::Data(4) & 0xFFFF);
    const ULONG teb = USER_PROCESS::Data(5);
    GUEST_EQUAL(teb, reinterpret_cast<const ULONG*>(ULONG_PTR(teb))[0x18 / 4]);
    GUEST_EQUAL(0x202,
                USER_PROCESS::Data(6) & ~0xFDu); // interrupts on, no I/O privilege; arithmetic flags as they come
    GUEST_TRUE(USER_PROCESS::Data(7) % PAGE_SIZE == 0);
}

// TRP-02, EXC-04, PRC-10: what user mode may not do ends the thread with the exception's code, and the system goes on
GUEST_TEST(ForbiddenInstructionsEndTheThread) {
    USER_PROCESS process;
#define ENTRY(name, code) {User##name, code},
    static const FORBIDDEN all[] = {FORBIDDEN_PROGRAMS(ENTRY)};
    for (const FORBIDDEN& each : all)
        GUEST_EQUAL(each.Code, process.Run(each.Program));
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

// MEM-05: faults of user mode bring pages
GUEST_TEST(UserModeGetsItsPages) {
    USER_PROCESS process;
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserTouch, USER_DATA_PAGES - 1));
    for (ULONG page = 1; page < USER_DATA_PAGES; page++)
        GUEST_EQUAL(USER_DATA_ADDRESS + page * PAGE_SIZE, USER_PROCESS::Data(page * PAGE_SIZE / 4));
}

// TRP-03, SCH-14, PRC-15: interrupts and switches leave registers, stack and TEB of each thread alone; on all processors
GUEST_TEST(ThreadsOfUserModeTakeTurns) {
    constexpr ULONG threads = 3, rounds = 350'000; // longer than a quantum each
    USER_PROCESS process;
    PETHREAD all[threads];
    for (PETHREAD& each : all)
        each = process.Start(UserSpin, rounds);
    for (ULONG i = 0; i < 20; i++) { // this thread gets in between
        LARGE_INTEGER interval = KeRelativeMilliseconds(1);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    }
    for (PETHREAD each : all)
        GUEST_EQUAL(STATUS_BREAKPOINT, USER_PROCESS::Await(each));
}

// INT-14: a thread that never calls the kernel can be ended
GUEST_TEST(AThreadThatOnlyComputesCanBeEnded) {
    USER_PROCESS process;
    PETHREAD const thread = process.Start(UserSpin, 0); // counts through 0: 2^32 rounds
    LARGE_INTEGER interval = KeRelativeMilliseconds(30);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    ULONG userTime;
    (void)KeQueryRuntimeThread(&thread->Tcb, &userTime);
    GUEST_TRUE(userTime != 0);
    GUEST_EQUAL(STATUS_SUCCESS, PspTerminateThreadByPointer(thread, STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, USER_PROCESS::Await(thread));
}
