// What the explorer must be able to drive: waits, time-outs, ticks, DPCs and interrupts to processors in and outside the
// run, threads that are not actors, stops. Every scenario is correct, but for those that say how they end.
//
// In the books: "synchronization", "interprocessor interrupts". SYH-01, DSP-12, INT-05, HAL-08
#include "mm/virtual.h"
#include "ntstatus.h"
#include "scenario_main.h"

namespace {

void WaitFor(PVOID object) { (void)KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr); }

/// Three threads hand a token round by events: every processor idles and is woken again and again.
struct TokenRing {
    static inline KEVENT Turn[3];
    static inline ULONG Order[9];
    static inline ULONG Count;
    static void Setup() {
        for (KEVENT& event : Turn)
            KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        (void)KeSetEvent(&Turn[0], 0, FALSE);
        Count = 0;
        KX_TRACK(Count);
        KX_TRACK(Order);
    }
    static void Pass(ULONG self) {
        for (ULONG round = 0; round < 3; round++) {
            WaitFor(&Turn[self]);
            Order[Count++] = self;
            (void)KeSetEvent(&Turn[(self + 1) % 3], 0, FALSE);
        }
    }
    static void Actor0() { Pass(0); }
    static void Actor1() { Pass(1); }
    static void Actor2() { Pass(2); }
    static void Check() {
        CHECK_EQUAL(9u, Count);
        for (ULONG i = 0; i < 9; i++)
            CHECK_EQUAL(i % 3, Order[i]);
    }
};

/// Nobody sets the event: only time ends the wait, although no clock actor takes part.
struct TimeGoesOn {
    static inline KEVENT Event;
    static void Setup() { KeInitializeEvent(&Event, NotificationEvent, FALSE); }
    static void Wait(LONG milliseconds) {
        LARGE_INTEGER timeout = KeRelativeMilliseconds(milliseconds);
        const NTSTATUS status = KeWaitForSingleObject(&Event, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
        CHECK_EQUAL(STATUS_TIMEOUT, status);
    }
    static void Actor0() { Wait(30); }
    static void Actor1() { Wait(50); }
};

/// A DPC for each processor: the actors', an idle one outside the run, and the conductor's.
struct DpcEverywhere {
    static inline KDPC Dpcs[4];
    static inline volatile LONG RanOn;
    static inline KEVENT Done;
    static void NTAPI Run(PKDPC, PVOID, PVOID, PVOID) {
        const LONG before = InterlockedOr(&RanOn, 1 << KeGetCurrentProcessorNumber());
        if ((before | 1 << KeGetCurrentProcessorNumber()) == 0xF) (void)KeSetEvent(&Done, 0, FALSE);
    }
    static void Setup() {
        for (ULONG i = 0; i < 4; i++) {
            KeInitializeDpc(&Dpcs[i], Run, nullptr);
            KeSetTargetProcessorDpc(&Dpcs[i], CHAR(i));
            KeSetImportanceDpc(&Dpcs[i], KDPC_IMPORTANCE::HighImportance);
        }
        RanOn = 0;
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
    }
    static void Actor0() {
        (void)KeInsertQueueDpc(&Dpcs[0], nullptr, nullptr);
        (void)KeInsertQueueDpc(&Dpcs[1], nullptr, nullptr);
        WaitFor(&Done);
    }
    static void Actor1() {
        (void)KeInsertQueueDpc(&Dpcs[3], nullptr, nullptr);
        (void)KeInsertQueueDpc(&Dpcs[2], nullptr, nullptr);
        WaitFor(&Done);
    }
    static void Check() { CHECK_EQUAL(0xF, RanOn); }
};

/// A DPC that nobody is interrupted for: the clock would see to it.
struct LowImportance {
    static inline KDPC Dpc;
    static inline KEVENT Done;
    static void NTAPI Run(PKDPC, PVOID, PVOID, PVOID) { (void)KeSetEvent(&Done, 0, FALSE); }
    static void Setup() {
        KeInitializeDpc(&Dpc, Run, nullptr);
        KeSetImportanceDpc(&Dpc, KDPC_IMPORTANCE::LowImportance);
        KeSetTargetProcessorDpc(&Dpc, 2);
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
    }
    static void Actor0() {
        (void)KeInsertQueueDpc(&Dpc, nullptr, nullptr);
        WaitFor(&Done);
    }
    static void Actor1() {}
};

/// A periodic timer and its DPC under a clock that ticks at any point.
struct PeriodicTimer {
    static constexpr ULONG ClockTicks = 12;
    static inline KTIMER Timer;
    static inline volatile LONG Expiries;
    static inline KDPC Dpc;
    static inline KEVENT Enough;
    static void NTAPI Run(PKDPC, PVOID, PVOID, PVOID) {
        if (InterlockedIncrement(&Expiries) == 3) (void)KeSetEvent(&Enough, 0, FALSE);
    }
    static void Setup() {
        KeInitializeTimerEx(&Timer, NotificationTimer);
        KeInitializeDpc(&Dpc, Run, nullptr);
        KeInitializeEvent(&Enough, NotificationEvent, FALSE);
        Expiries = 0;
    }
    static void Actor0() {
        constexpr LONG period = 10;
        (void)KeSetTimerEx(&Timer, KeRelativeMilliseconds(period), period, &Dpc);
        WaitFor(&Enough);
        (void)KeCancelTimer(&Timer);
    }
    static void Actor1() { WaitFor(&Enough); }
    static void Check() { CHECK(Expiries >= 3); }
};

/// A call on every processor while the others are in the middle of something.
struct CallEverybody {
    static inline volatile LONG Called;
    static inline KSPIN_LOCK Lock;
    static ULONG_PTR NTAPI Count(ULONG_PTR) { return ULONG_PTR(InterlockedIncrement(&Called)); }
    static void Setup() {
        Called = 0;
        KeInitializeSpinLock(&Lock);
    }
    static void Actor0() { (void)KeIpiGenericCall(Count, 0); }
    static void Actor1() { nt::SpinLockGuard guard(Lock); }
    static void Check() { CHECK_EQUAL(3, Called); } // the conductor's processor takes no part
};

/// A third thread, which is no actor, does what an actor asks for after that one has ended, on the same processor.
struct Helper {
    static constexpr ULONG Flags = KX_SCENARIO_SHARES;
    static inline KEVENT Asked, Done;
    static inline volatile LONG Served;
    static void NTAPI Serve(PVOID) {
        for (;;) {
            WaitFor(&Asked);
            InterlockedIncrement(&Served);
            (void)KeSetEvent(&Done, 0, FALSE);
        }
    }
    static void Prepare() {
        KeInitializeEvent(&Asked, SynchronizationEvent, FALSE);
        KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
        constexpr KPRIORITY priority = 8;
        constexpr KAFFINITY processorOfActor0 = 1 << 1;
        PETHREAD thread;
        CHECK_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Helper", priority, Serve, nullptr));
        (void)KeSetAffinityThread(&thread->Tcb, processorOfActor0);
    }
    static void Setup() { Served = 0; }
    static void Actor0() { (void)KeSetEvent(&Asked, 0, FALSE); }
    static void Actor1() { WaitFor(&Done); }
    static void Check() { CHECK_EQUAL(1, Served); }
};

/// A threaded DPC on the conductor's processor, with the level of a thread.
struct ThreadedDpc {
    static inline KDPC Dpc;
    static inline KEVENT Done;
    static inline volatile LONG Level;
    static void NTAPI Run(PKDPC, PVOID, PVOID, PVOID) {
        Level = LONG(KeGetCurrentIrql());
        (void)KeSetEvent(&Done, 0, FALSE);
    }
    static void Setup() {
        KeInitializeThreadedDpc(&Dpc, Run, nullptr);
        KeSetTargetProcessorDpc(&Dpc, 0);
        KeSetImportanceDpc(&Dpc, KDPC_IMPORTANCE::HighImportance);
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
        Level = -1;
    }
    static void Actor0() {
        (void)KeInsertQueueDpc(&Dpc, nullptr, nullptr);
        WaitFor(&Done);
    }
    static void Check() { CHECK_EQUAL(0, Level); }
};

/// Stops the system in one of the two orders.
struct Stops {
    static inline volatile LONG First;
    static void Setup() { First = 0; }
    static void Actor0() { InterlockedCompareExchange(&First, 1, 0); }
    static void Actor1() {
        InterlockedCompareExchange(&First, 2, 0);
        if (First == 1) KeBugCheckEx(MANUALLY_INITIATED_CRASH, 3, 1, 4, 1);
    }
};

/// Reads where no memory is, in one of the two orders.
struct Faults {
    static inline volatile LONG* Pointer;
    static inline volatile LONG Target;
    static void Setup() { Pointer = &Target; }
    static void Actor0() { Pointer = reinterpret_cast<volatile LONG*>(16); }
    static void Actor1() { Target = *Pointer; }
};

/// Ends at another level than it began.
struct EndsRaised {
    static inline KIRQL OldIrql;
    // The level stays raised when the actor has ended.
    static void Actor0() NO_THREAD_SAFETY_ANALYSIS { OldIrql = KeRaiseIrqlToDpcLevel(); }
    static void Actor1() {}
};

/// Compares two addresses that differ: the message has them as a debugger shows them.
struct WrongPointer {
    static inline PVOID Seen;
    static void Setup() { Seen = reinterpret_cast<PVOID>(0x8012'3450); }
    static void Actor0() { CHECK_EQUAL(reinterpret_cast<PVOID>(0xFFDF'F120), Seen); }
};

/// Spins for ever without giving way.
struct SpinsForEver {
    static inline volatile LONG Flag;
    static void Setup() { Flag = 0; }
    static void Actor0() {
        while (Flag == 0) {}
    }
    static void Actor1() {}
};

/// Memory of a process that all processors use: a Setup takes it and a Check gives it back, while the actors are parked. What one of
/// them remembers of an earlier run's memory is forgotten then, on the conductor's processor too.
struct MemoryOfEachRun {
    static inline volatile LONG* Word;
    static void Setup() {
        PVOID base = nullptr;
        SIZE_T size = PAGE_SIZE;
        CHECK_EQUAL(STATUS_SUCCESS, ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size,
                                                            MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
        Word = static_cast<volatile LONG*>(base);
    }
    static void Actor0() { InterlockedIncrement(Word); }
    static void Actor1() { InterlockedIncrement(Word); }
    static void Check() {
        CHECK_EQUAL(2, LONG(*Word));
        PVOID base = const_cast<LONG*>(Word);
        SIZE_T size = 0;
        CHECK_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
    }
};

/// Spins without giving way for what the other one does: it gets its turn.
struct SpinsRudely {
    static inline volatile LONG Flag;
    static void Setup() { Flag = 0; }
    static void Actor0() {
        while (Flag == 0) {}
    }
    static void Actor1() { Flag = 1; }
};

} // namespace

SCENARIO(TokenRing);
SCENARIO(TimeGoesOn);
SCENARIO(DpcEverywhere);
SCENARIO(LowImportance);
SCENARIO(PeriodicTimer);
SCENARIO(CallEverybody);
SCENARIO(Helper);
SCENARIO(ThreadedDpc);
SCENARIO(Stops);
SCENARIO(Faults);
SCENARIO(EndsRaised);
SCENARIO(WrongPointer);
SCENARIO(SpinsForEver);
SCENARIO(SpinsRudely);
SCENARIO(MemoryOfEachRun);
