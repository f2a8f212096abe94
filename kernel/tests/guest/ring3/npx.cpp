// Floating-point and SSE registers of user mode: each thread's own, loaded when it uses them. SCH-14
#include "process.h"

USER_PROGRAM(FreshNpx);
USER_PROGRAM(HoldNpx);
USER_PROGRAM(KeepNpx);
USER_PROGRAM(DivideNpx);
USER_PROGRAM(Where);

namespace {

/// What a driver's registers hold, while user mode has its own.
bool UseInKernel(ULONG value) {
    KFLOATING_SAVE save;
    if (!NT_SUCCESS(KeSaveFloatingPointState(&save))) return false;
    ULONG seen = 0;
    __asm__ __volatile__("fildl (%0)" ::"r"(&value) : "memory");
    (void)KeYieldExecution();
    __asm__ __volatile__("fistpl (%0)" ::"r"(&seen) : "memory");
    (void)KeRestoreFloatingPointState(&save);
    return seen == value;
}

} // namespace

// SCH-14: a thread begins with the registers' defaults, whatever others had in them
GUEST_TEST(FirstUseFindsFreshRegisters) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserHoldNpx, 77));
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserFreshNpx));
    GUEST_EQUAL(0x37F, USER_PROCESS::Data(0) & 0xFFFF);
    GUEST_EQUAL(0x1F80, USER_PROCESS::Data(1));
    GUEST_EQUAL(0, USER_PROCESS::Data(2) & 0xFFFF);
}

// SCH-14: threads of user mode and drivers take turns; each finds its own; a thread that uses none saves none
GUEST_TEST(EachUserThreadHasItsOwnRegisters) {
    constexpr ULONG threads = 5;
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints();
    PETHREAD all[threads];
    for (ULONG i = 0; i < threads; i++)
        all[i] = process.Start(UserHoldNpx, 1000 + i);
    for (ULONG round = 0; round < 30; round++) {
        GUEST_TRUE(UseInKernel(5000 + round));
        LARGE_INTEGER interval = KeRelativeMilliseconds(1);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    }
    for (PETHREAD each : all)
        GUEST_EQUAL(STATUS_BREAKPOINT, USER_PROCESS::Await(each));
    PETHREAD const other = process.Start(UserWhere);
    (void)KeWaitForSingleObject(other, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    GUEST_TRUE(other->Tcb.NpxArea == nullptr);
    PsDereferenceThread(other);
}

// SCH-14: threads of two processes take turns; the registers follow the thread, and no process sees another's
GUEST_TEST(TwoProcessesHaveRegistersOfTheirOwn) {
    constexpr ULONG threads = 2; // of each
    PETHREAD all[2 * threads];
    USER_PROCESS first;
    USER_PROCESS::SetEntryPoints();
    for (ULONG i = 0; i < threads; i++)
        all[i] = first.Start(UserHoldNpx, 3000 + i);
    USER_PROCESS second; // current from here on
    for (ULONG i = threads; i < 2 * threads; i++)
        all[i] = second.Start(UserHoldNpx, 4000 + i);
    GUEST_TRUE(first.Get() != second.Get());
    for (PETHREAD each : all)
        GUEST_EQUAL(STATUS_BREAKPOINT, USER_PROCESS::Await(each));
}

// EXC-01, SCH-14: an exception's context holds the registers, and gives them back
GUEST_TEST(RegistersSurviveAnExceptionsHandler) {
    USER_PROCESS process;
    USER_PROCESS::SetEntryPoints(true);
    GUEST_EQUAL(STATUS_BREAKPOINT, process.Run(UserKeepNpx));
    GUEST_EQUAL(12345, USER_PROCESS::Data(0));
    GUEST_EQUAL(12345, USER_PROCESS::Data(1));
}

// EXC-01. The emulator has no exceptions of SSE.
GUEST_TEST(FloatingPointErrorsAreExceptions) {
    USER_PROCESS process;
    GUEST_EQUAL(STATUS_FLOAT_DIVIDE_BY_ZERO, process.Run(UserDivideNpx));
}
