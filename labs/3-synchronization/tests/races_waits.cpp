// Exercises 3.3 to 3.5 under many schedules: no signal is lost, none is used twice, and a wait leaves nothing behind.
#include "races.h"

namespace {

// DSP-02, DSP-12: a signal between the test and the sleep is not lost
struct SignalIsNotLost {
    static inline KEVENT Event;
    static void Setup() { KeInitializeEvent(&Event, SynchronizationEvent, FALSE); }
    static void Actor0() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor1() { KeSetEvent(&Event, 0, FALSE); }
    static void Check() {
        CHECK_EQUAL(0, KeReadStateEvent(&Event));
        CHECK(IsListEmpty(&Event.Header.WaitListHead));
    }
};

// DSP-03: who changes the state is told what it was, and nobody else is told the same of this signal
struct EventKeepsItsAccount {
    static inline KEVENT Event;
    static inline LONG Signaled, Taken, Dropped;
    static void Setup() {
        KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
        Signaled = Taken = Dropped = 0;
    }
    static void Take() {
        LARGE_INTEGER now = {};
        if (KeWaitForSingleObject(&Event, KWAIT_REASON::Executive, KernelMode, FALSE, &now) == STATUS_SUCCESS) Taken++;
    }
    static void Actor0() {
        Take();
        Take();
    }
    static void Actor1() {
        for (ULONG i = 0; i < 2; i++)
            Signaled += KeSetEvent(&Event, 0, FALSE) == 0;
    }
    static void Actor2() {
        Dropped += KeResetEvent(&Event);
        Dropped += KePulseEvent(&Event, 0, FALSE);
    }
    static void Check() { CHECK_EQUAL(1 + Signaled - Taken - Dropped, KeReadStateEvent(&Event)); }
};

// DSP-02
struct NotificationReleasesAll {
    static inline KEVENT Event;
    static void Setup() { KeInitializeEvent(&Event, NotificationEvent, FALSE); }
    static void Actor0() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor1() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor2() { KeSetEvent(&Event, 0, FALSE); }
    static void Check() {
        CHECK_EQUAL(1, KeReadStateEvent(&Event));
        CHECK(IsListEmpty(&Event.Header.WaitListHead));
    }
};

// DSP-03: one signal, one thread: the event serves as a lock
struct EventLetsOneIn {
    static inline KEVENT Event;
    static inline Section<> Inside;
    static void Setup() {
        KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
        Inside.Reset();
    }
    static void Act() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event));
        Inside.Visit();
        KeSetEvent(&Event, 0, FALSE);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK_EQUAL(3, Inside.Entered);
        CHECK_EQUAL(1, KeReadStateEvent(&Event));
    }
};

// DSP-13, DSP-14, ERR-06: WaitAll takes both or nothing; taking one early is a deadlock or a thread too many
struct AllTakesTogether {
    static inline KEVENT Left, Right;
    static inline Section<> Inside;
    static void Setup() {
        KeInitializeEvent(&Left, SynchronizationEvent, TRUE);
        KeInitializeEvent(&Right, SynchronizationEvent, TRUE);
        Inside.Reset();
    }
    static void Act(PVOID first, PVOID second) {
        PVOID objects[] = {first, second};
        CHECK_EQUAL(STATUS_SUCCESS, KeWaitForMultipleObjects(2, objects, WaitAll, KWAIT_REASON::Executive, KernelMode,
                                                             FALSE, nullptr, nullptr));
        Inside.Visit();
        KeSetEvent(&Left, 0, FALSE);
        KeSetEvent(&Right, 0, FALSE);
    }
    static void Actor0() { Act(&Left, &Right); }
    static void Actor1() { Act(&Right, &Left); }
    static void Actor2() { // for one of several: a wait for one object has scenarios of its own
        PVOID objects[] = {&Left};
        CHECK_EQUAL(STATUS_SUCCESS, KeWaitForMultipleObjects(1, objects, WaitAny, KWAIT_REASON::Executive, KernelMode,
                                                             FALSE, nullptr, nullptr));
        KeSetEvent(&Left, 0, FALSE);
    }
    static void Check() {
        CHECK_EQUAL(2, Inside.Entered);
        CHECK_EQUAL(1, KeReadStateEvent(&Left));
        CHECK_EQUAL(1, KeReadStateEvent(&Right));
    }
};

// DSP-13, DSP-14
struct AnyTakesOne {
    static inline KSEMAPHORE Left, Right;
    static inline NTSTATUS Status;
    static void Setup() {
        KeInitializeSemaphore(&Left, 0, 4);
        KeInitializeSemaphore(&Right, 0, 4);
    }
    static void Actor0() {
        PVOID objects[] = {&Left, &Right};
        Status =
            KeWaitForMultipleObjects(2, objects, WaitAny, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr, nullptr);
    }
    static void Actor1() { KeReleaseSemaphore(&Left, 0, 1, FALSE); }
    static void Actor2() { KeReleaseSemaphore(&Right, 0, 1, FALSE); }
    static void Check() {
        const LONG index = LONG(Status);
        CHECK(index == 0 || index == 1);
        CHECK_EQUAL(index == 0 ? 0 : 1, KeReadStateSemaphore(&Left));
        CHECK_EQUAL(index == 0 ? 1 : 0, KeReadStateSemaphore(&Right));
        CHECK(IsListEmpty(&Left.Header.WaitListHead) && IsListEmpty(&Right.Header.WaitListHead));
    }
};

// DSP-13, DSP-16, INT-09: the signal and the time-out meet: one of them ends the wait, and only one
struct TimeoutOrSignal {
    static constexpr ULONG ClockTicks = 4;
    static inline KEVENT Event;
    static inline NTSTATUS Status;
    static void Setup() { KeInitializeEvent(&Event, SynchronizationEvent, FALSE); }
    static void Actor0() {
        LARGE_INTEGER timeout = KeRelativeMilliseconds(1);
        Status = KeWaitForSingleObject(&Event, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
        CHECK(!KeGetCurrentThread()->Timer.Header.Inserted);
    }
    static void Actor1() { KeSetEvent(&Event, 0, FALSE); }
    static void Check() {
        CHECK(Status == STATUS_SUCCESS || Status == STATUS_TIMEOUT);
        CHECK_EQUAL(Status == STATUS_TIMEOUT ? 1 : 0, KeReadStateEvent(&Event));
        CHECK(IsListEmpty(&Event.Header.WaitListHead));
    }
};

// DSP-13, DSP-16: a wait for all that runs out of time has taken nothing
struct AllOrNothingInTime {
    static constexpr ULONG ClockTicks = 4;
    static inline KEVENT Left, Right;
    static inline NTSTATUS Status;
    static void Setup() {
        KeInitializeEvent(&Left, SynchronizationEvent, FALSE);
        KeInitializeEvent(&Right, SynchronizationEvent, FALSE);
    }
    static void Actor0() {
        PVOID objects[] = {&Left, &Right};
        LARGE_INTEGER timeout = KeRelativeMilliseconds(1);
        Status = KeWaitForMultipleObjects(2, objects, WaitAll, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout,
                                          nullptr);
    }
    static void Actor1() {
        KeSetEvent(&Left, 0, FALSE);
        KeSetEvent(&Right, 0, FALSE);
    }
    static void Check() {
        const LONG left = Status == STATUS_TIMEOUT ? 1 : 0;
        CHECK(Status == STATUS_SUCCESS || Status == STATUS_TIMEOUT);
        CHECK_EQUAL(left, KeReadStateEvent(&Left));
        CHECK_EQUAL(left, KeReadStateEvent(&Right));
        CHECK(IsListEmpty(&Left.Header.WaitListHead) && IsListEmpty(&Right.Header.WaitListHead));
    }
};

// DSP-05, ERR-03
struct SemaphoreLetsTwoIn {
    static inline KSEMAPHORE Semaphore;
    static inline Section<2> Inside;
    static void Setup() {
        KeInitializeSemaphore(&Semaphore, 2, 2);
        Inside.Reset();
    }
    static void Act() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Semaphore));
        Inside.Visit();
        KeReleaseSemaphore(&Semaphore, 0, 1, FALSE);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() { CHECK_EQUAL(2, KeReadStateSemaphore(&Semaphore)); }
};

// DSP-05: units released together are all handed out
struct SemaphoreHandsOutAllUnits {
    static inline KSEMAPHORE Semaphore;
    static void Setup() { KeInitializeSemaphore(&Semaphore, 0, 4); }
    static void Actor0() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Semaphore)); }
    static void Actor1() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Semaphore)); }
    static void Actor2() { KeReleaseSemaphore(&Semaphore, 0, 3, FALSE); }
    static void Check() { CHECK_EQUAL(1, KeReadStateSemaphore(&Semaphore)); }
};

// DSP-04
struct MutantExcludes {
    static inline KMUTANT Mutant;
    static inline Section<> Inside;
    static void Setup() {
        KeInitializeMutant(&Mutant, FALSE);
        Inside.Reset();
    }
    static void Act(bool twice) {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        Inside.Enter();
        CHECK_EQUAL(KeGetCurrentThread(), Mutant.OwnerThread);
        if (twice) {
            CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
            KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
            CHECK_EQUAL(KeGetCurrentThread(), Mutant.OwnerThread);
        }
        Inside.Leave();
        KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    }
    static void Actor0() { Act(true); }
    static void Actor1() { Act(false); }
    static void Actor2() { Act(false); }
    static void Check() {
        CHECK_EQUAL(3, Inside.Entered);
        CHECK_EQUAL(1, KeReadStateMutant(&Mutant));
        CHECK(Mutant.OwnerThread == nullptr);
    }
};

} // namespace

SCENARIO(SignalIsNotLost);
SCENARIO(EventKeepsItsAccount);
SCENARIO(NotificationReleasesAll);
SCENARIO(EventLetsOneIn);
SCENARIO(AllTakesTogether);
SCENARIO(AnyTakesOne);
SCENARIO(TimeoutOrSignal);
SCENARIO(AllOrNothingInTime);
SCENARIO(SemaphoreLetsTwoIn);
SCENARIO(SemaphoreHandsOutAllUnits);
SCENARIO(MutantExcludes);
