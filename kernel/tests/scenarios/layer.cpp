// Parts of the kernel layer that no lab takes away, under every schedule: priorities, attached threads and their APCs, a timer
// that several threads set.
//
// They tell most in a kernel whose every file has preemption points (MICA_EXPLORE=all, kernel/tests/scenarios/run.py).
// In the books: "thread scheduling", "asynchronous procedure calls", "timer processing". SCH-02, KPR-06, DSP-09
#include "scenario_main.h"

namespace {

void WaitFor(PVOID object) { (void)KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr); }

// SCH-02, SCH-17
/// One thread is released with a boost while others change its base priority and boost it: it never ends below its base.
struct PriorityStaysAboveItsBase {
    static inline KEVENT Known, Go;
    static inline KTHREAD* Subject;
    static void Setup() {
        KeInitializeEvent(&Known, NotificationEvent, FALSE);
        KeInitializeEvent(&Go, SynchronizationEvent, FALSE);
        Subject = nullptr;
    }
    // What others write is read here while they have ended, or their next write makes it true again.
    static void Look() NO_THREAD_SAFETY_ANALYSIS { CHECK(Subject->Priority >= Subject->BasePriority); }
    static void Actor0() {
        Subject = KeGetCurrentThread();
        (void)KeSetEvent(&Known, 0, FALSE);
        WaitFor(&Go);
    }
    static void Actor1() {
        WaitFor(&Known);
        (void)KeSetBasePriorityThread(Subject, 2);
        constexpr KPRIORITY increment = 2;
        (void)KeSetEvent(&Go, increment, FALSE);
        (void)KeSetBasePriorityThread(Subject, 1);
    }
    static void Actor2() {
        WaitFor(&Known);
        constexpr KPRIORITY increment = 3;
        KeBoostPriorityThread(Subject, increment);
        (void)KeSetBasePriorityThread(Subject, -1);
    }
    static void Check() { Look(); }
};

// KPR-06, KPR-19
/// A thread attaches to another process and back while it is sent APCs for the process that is its own: each runs once, at home.
struct AttachedThreadTakesItsApcsAtHome {
    static inline KEVENT Known, Done;
    static inline KTHREAD* Subject;
    static inline KPROCESS Other;
    static inline KAPC Apcs[2];
    static inline volatile LONG Ran, Abroad;
    static void NTAPI Kernel(PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {}
    static void NTAPI Normal(PVOID, PVOID, PVOID) {
        if (KeIsAttachedProcess()) InterlockedIncrement(&Abroad);
        if (InterlockedIncrement(&Ran) == 2) (void)KeSetEvent(&Done, 0, FALSE);
    }
    static void Setup() NO_THREAD_SAFETY_ANALYSIS { // the actors have not begun
        KeInitializeEvent(&Known, NotificationEvent, FALSE);
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
        Subject = nullptr;
        Ran = 0;
        Abroad = 0;
        KPROCESS* const own = KeGetCurrentThread()->ApcState.Process;
        ULONG_PTR directory[2] = {own->DirectoryTableBase[0], own->DirectoryTableBase[1]};
        constexpr KPRIORITY priority = 8;
        KeInitializeProcess(&Other, priority, KAFFINITY(~0u), directory);
    }
    static void Actor0() {
        Subject = KeGetCurrentThread();
        (void)KeSetEvent(&Known, 0, FALSE);
        for (ULONG i = 0; i < 2; i++) {
            KAPC_STATE saved;
            KeStackAttachProcess(&Other, &saved);
            CHECK(KeIsAttachedProcess());
            KeUnstackDetachProcess(&saved);
        }
        CHECK(!KeIsAttachedProcess());
        WaitFor(&Done);
    }
    static void Send(KAPC* apc) {
        WaitFor(&Known);
        KeInitializeApc(apc, Subject, OriginalApcEnvironment, Kernel, nullptr, Normal, KernelMode, nullptr);
        CHECK(KeInsertQueueApc(apc, nullptr, nullptr, 0));
    }
    static void Actor1() { Send(&Apcs[0]); }
    static void Actor2() { Send(&Apcs[1]); }
    static void Check() {
        CHECK_EQUAL(2, Ran);
        CHECK_EQUAL(0, Abroad);
    }
};

// DSP-09
/// Threads set one timer and cancel it while time passes: what was started ends once, by a call that says so or by expiring.
struct TimerIsSetByTwo {
    static constexpr ULONG ClockTicks = 6;
    static inline KTIMER Timer;
    static inline KDPC Dpc;
    static inline volatile LONG Started, Stopped, Expired;
    static void NTAPI Run(PKDPC, PVOID, PVOID, PVOID) { InterlockedIncrement(&Expired); }
    static void Setup() {
        KeInitializeTimerEx(&Timer, SynchronizationTimer);
        KeInitializeDpc(&Dpc, Run, nullptr);
        Started = 0;
        Stopped = 0;
        Expired = 0;
    }
    static void Set(LONG milliseconds) {
        InterlockedIncrement(&Started);
        if (KeSetTimer(&Timer, KeRelativeMilliseconds(milliseconds), &Dpc)) InterlockedIncrement(&Stopped);
    }
    static void Actor0() {
        constexpr LONG first = 10, second = 30;
        Set(first);
        Set(second);
    }
    static void Actor1() {
        constexpr LONG only = 20;
        Set(only);
    }
    static void Actor2() {
        if (KeCancelTimer(&Timer)) InterlockedIncrement(&Stopped);
    }
    static void Check() NO_THREAD_SAFETY_ANALYSIS { // the actors have ended
        if (KeCancelTimer(&Timer)) InterlockedIncrement(&Stopped);
        CHECK(!Timer.Header.Inserted);
        CHECK(Stopped + Expired <= Started); // (two that expire before the DPC runs are one run of it)
        CHECK(Stopped + Expired > 0);
    }
};

} // namespace

SCENARIO(PriorityStaysAboveItsBase);
SCENARIO(AttachedThreadTakesItsApcsAtHome);
SCENARIO(TimerIsSetByTwo);
