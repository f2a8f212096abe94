// Scheduling on the real machine: which thread runs, when, and at which priority.
// SCH-01, SCH-13
#include "mm.h"
#include "ps.h"

#include "freepages.h"
#include "guest_main.h"

namespace {

constexpr ULONG MaximumSteps = 64;
/// Which thread ran, in order: each participant appends its letter.
char Steps[MaximumSteps];
volatile LONG StepCount;

void Step(char who) {
    const LONG at = InterlockedIncrement(&StepCount) - 1;
    if (at < LONG(MaximumSteps)) Steps[at] = who;
}

/// The test and the threads that it makes run where it runs now: on several processors nobody would have to wait.
void ShareOneProcessor() {
    const KAFFINITY here = 1u << KeGetCurrentProcessorNumber();
    (void)KeSetAffinityThread(KeGetCurrentThread(), here);
    PsInitialSystemProcess->Pcb.Affinity = here; // new threads inherit it
}

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

void Join(PETHREAD thread) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(5000);
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout));
    PsDereferenceThread(thread);
}

PETHREAD Start(KPRIORITY priority, PKSTART_ROUTINE routine, PVOID context) {
    PETHREAD thread = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Runner", priority, routine, context));
    return thread;
}

void NTAPI StepOnce(PVOID StartContext) { Step(char(reinterpret_cast<ULONG_PTR>(StartContext))); }
PVOID Letter(char letter) { return reinterpret_cast<PVOID>(ULONG_PTR(letter)); }

/// Spins through some clock ticks and notes its letter whenever somebody else ran in between.
struct SPINNER {
    char Name;
    ULONG Ticks;
};
volatile char LastSpinner;

void NTAPI Spin(PVOID StartContext) {
    const auto& spinner = *static_cast<const SPINNER*>(StartContext);
    const ULONG end = KeGetCurrentThread()->KernelTime + spinner.Ticks;
    while (KeGetCurrentThread()->KernelTime < end) {
        if (LastSpinner == spinner.Name) continue;
        LastSpinner = spinner.Name;
        Step(spinner.Name);
    }
}

} // namespace

// SCH-12, SCH-02
GUEST_TEST(HigherPriorityRunsAtOnceAndLowerOneWaits) {
    ShareOneProcessor();
    StepCount = 0;
    (void)KeSetPriorityThread(KeGetCurrentThread(), 12);
    PETHREAD high = Start(15, StepOnce, Letter('h'));
    Step('m');
    PETHREAD low = Start(10, StepOnce, Letter('l'));
    Step('m');
    Join(high);
    Join(low);
    GUEST_EQUAL(4, StepCount);
    GUEST_TRUE(strncmp(Steps, "hmml", 4) == 0);
}

// SCH-11, SCH-16, KPR-07
GUEST_TEST(EqualPrioritiesTakeTurnsOfOneQuantum) {
    ShareOneProcessor();
    StepCount = 0;
    LastSpinner = 0;
    static SPINNER spinners[] = {{'a', 8}, {'b', 8}};
    (void)KeSetPriorityThread(KeGetCurrentThread(), 20);
    PETHREAD a = Start(17, Spin, &spinners[0]);
    PETHREAD b = Start(17, Spin, &spinners[1]);
    Join(a);
    Join(b);
    // 8 ticks each at 2 ticks a quantum: four turns each, one after the other. A tick that comes while a DPC runs is
    // charged to the DPC (a slow machine has some), and makes a turn more.
    GUEST_TRUE(StepCount >= 8 && StepCount <= 12);
    GUEST_TRUE(strncmp(Steps, "abababababab", SIZE_T(StepCount)) == 0);
}

// SCH-03, SCH-19
GUEST_TEST(WaitEndBoostsAndDisableBoostForbidsIt) {
    struct BOOSTED {
        KEVENT Event;
        KPRIORITY Seen;
        BOOLEAN Disable;
    } boosted = {};
    const auto routine = [](PVOID context) __attribute__((stdcall)) {
        auto& me = *static_cast<BOOSTED*>(context);
        (void)KeSetDisableBoostThread(KeGetCurrentThread(), me.Disable);
        (void)KeWaitForSingleObject(&me.Event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        me.Seen = KeQueryPriorityThread(KeGetCurrentThread());
    };
    const BOOLEAN cases[] = {FALSE, TRUE};
    for (BOOLEAN disable : cases) {
        boosted.Disable = disable;
        KeInitializeEvent(&boosted.Event, SynchronizationEvent, FALSE);
        PETHREAD thread = Start(8, routine, &boosted);
        Sleep(30);
        (void)KeSetEvent(&boosted.Event, 3, FALSE);
        Join(thread);
        GUEST_EQUAL(disable ? 8 : 11, boosted.Seen);
    }
}

// SCH-03, KPR-15
GUEST_TEST(BasePriorityMovesWithTheProcessAndStaysInItsClass) {
    PKTHREAD const me = KeGetCurrentThread();
    const LONG old = KeSetBasePriorityThread(me, 2);
    GUEST_EQUAL(2, KeQueryBasePriorityThread(me));
    GUEST_EQUAL(PsInitialSystemProcess->Pcb.BasePriority + 2, me->BasePriority);
    GUEST_EQUAL(2, KeSetBasePriorityThread(me, old));
}

// SCH-10, DSP-08, SYS-02
GUEST_TEST(ThreadIsSignaledWhenItHasEndedNotBefore) {
    KEVENT gate;
    KeInitializeEvent(&gate, NotificationEvent, FALSE);
    const auto routine = [](PVOID context) __attribute__((stdcall)) {
        (void)KeWaitForSingleObject(context, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    };
    PETHREAD thread = Start(8, routine, &gate);
    LARGE_INTEGER timeout = KeRelativeMilliseconds(50);
    GUEST_EQUAL(STATUS_TIMEOUT, KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout));
    GUEST_EQUAL(KTHREAD_STATE::Waiting, thread->Tcb.State);
    (void)KeSetEvent(&gate, 0, FALSE);
    Join(thread);
}

// SCH-11
GUEST_TEST(YieldLetsAnEqualGoFirst) {
    ShareOneProcessor();
    StepCount = 0;
    (void)KeSetPriorityThread(KeGetCurrentThread(), 16);
    PETHREAD other = Start(16, StepOnce, Letter('o'));
    GUEST_EQUAL(0, StepCount);
    (void)KeYieldExecution();
    Step('m');
    Join(other);
    GUEST_TRUE(strncmp(Steps, "om", 2) == 0);
}

// SCH-01
GUEST_TEST(ManyThreadsComeAndGoWithoutLeavingAnythingBehind) {
    const ULONG before = FreeAndPoolPages();
    for (ULONG round = 0; round < 3; round++) {
        StepCount = 0;
        PETHREAD threads[40];
        for (PETHREAD& thread : threads)
            thread = Start(9, StepOnce, Letter('x'));
        for (PETHREAD thread : threads)
            Join(thread);
        GUEST_EQUAL(40, StepCount);
        Sleep(50); // the reaper frees the stacks
    }
    GUEST_TRUE(FreeAndPoolPages() >= before); // more: what earlier tests used came back meanwhile
}
