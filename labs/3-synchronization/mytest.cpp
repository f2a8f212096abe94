// Your own test: scenarios that every right kernel passes under any order of steps, and wrong ones do not.
//
// scenario.h says how a scenario is written; races_*.cpp beside it in labs/3-synchronization/tests have examples. Yours are
// run on kernels that are right in different ways, and on wrong ones that you do not see. They count by the wrong ones they
// catch; a scenario that fails on a right kernel counts for nothing. At most eight scenarios are taken.
// Exercise 3.10
#include "scenario_main.h"

namespace {

inline NTSTATUS Wait(PVOID object) {
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

// LAB(3.10) begin
/// Units are neither lost nor made: two come back while a third thread takes one.
struct UnitsAreKept {
    static inline KSEMAPHORE Semaphore;
    static void Setup() { KeInitializeSemaphore(&Semaphore, 0, 4); }
    static void Actor0() { (void)KeReleaseSemaphore(&Semaphore, 0, 1, FALSE); }
    static void Actor1() { (void)KeReleaseSemaphore(&Semaphore, 0, 1, FALSE); }
    static void Actor2() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Semaphore)); }
    static void Check() { CHECK_EQUAL(1, KeReadStateSemaphore(&Semaphore)); }
};

/// A notification event releases everybody who waits.
struct Everybody {
    static inline KEVENT Event;
    static void Setup() { KeInitializeEvent(&Event, NotificationEvent, FALSE); }
    static void Actor0() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor1() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor2() { KeSetEvent(&Event, 0, FALSE); }
};

/// A synchronization event used as a lock lets in one at a time, and nobody is forgotten.
struct OneAtATime {
    static inline KEVENT Event;
    static inline volatile LONG Inside;
    static void Setup() {
        KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
        Inside = 0;
    }
    static void Act() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event));
        CHECK_EQUAL(1, InterlockedIncrement(&Inside));
        InterlockedDecrement(&Inside);
        KeSetEvent(&Event, 0, FALSE);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
};

/// A mutant excludes, and its owner may take it again.
struct OwnerAgain {
    static inline KMUTANT Mutant;
    static inline volatile LONG Inside;
    static void Setup() {
        KeInitializeMutant(&Mutant, FALSE);
        Inside = 0;
    }
    static void Act() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        CHECK_EQUAL(1, InterlockedIncrement(&Inside));
        InterlockedDecrement(&Inside);
        (void)KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
        (void)KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
};

/// All or nothing: whoever waits for both takes both, whoever waits for one is not starved by it.
struct BothOrNone {
    static inline KEVENT Left, Right;
    static inline volatile LONG Inside;
    static void Setup() {
        KeInitializeEvent(&Left, SynchronizationEvent, TRUE);
        KeInitializeEvent(&Right, SynchronizationEvent, TRUE);
        Inside = 0;
    }
    static void Both() {
        PVOID objects[] = {&Left, &Right};
        CHECK_EQUAL(STATUS_SUCCESS, KeWaitForMultipleObjects(2, objects, WaitAll, KWAIT_REASON::Executive, KernelMode,
                                                             FALSE, nullptr, nullptr));
        CHECK_EQUAL(1, InterlockedIncrement(&Inside));
        KeSetEvent(&Left, 0, FALSE);
        CHECK_EQUAL(1, Inside); // Right is still ours
        InterlockedDecrement(&Inside);
        KeSetEvent(&Right, 0, FALSE);
    }
    static void Actor0() { Both(); }
    static void Actor1() { Both(); }
    static void Actor2() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Left));
        KeSetEvent(&Left, 0, FALSE);
    }
    static void Check() {
        CHECK_EQUAL(1, KeReadStateEvent(&Left));
        CHECK_EQUAL(1, KeReadStateEvent(&Right));
    }
};

/// A time-out and a signal at the same moment: the wait ends once, and the signal is used exactly if it says so.
struct SignalOrTime {
    static constexpr ULONG ClockTicks = 3;
    static inline KEVENT Event;
    static inline NTSTATUS Status;
    static void Setup() { KeInitializeEvent(&Event, SynchronizationEvent, FALSE); }
    static void Actor0() {
        LARGE_INTEGER timeout;
        timeout.QuadPart = -10'000;
        Status = KeWaitForSingleObject(&Event, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
    }
    static void Actor1() { KeSetEvent(&Event, 0, FALSE); }
    static void Check() {
        CHECK_EQUAL(Status == STATUS_SUCCESS ? 0 : 1, KeReadStateEvent(&Event));
        CHECK(IsListEmpty(&Event.Header.WaitListHead));
    }
};
// LAB(3.10) else
//| /// An example that catches nothing yet: one thread waits, another signals.
//| struct MyScenario {
//|     static inline KEVENT Event;
//|     static void Setup() { KeInitializeEvent(&Event, NotificationEvent, TRUE); }
//|     static void Actor0() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
//| };
// LAB(3.10) end

} // namespace

// LAB(3.10) begin
SCENARIO(UnitsAreKept);
SCENARIO(Everybody);
SCENARIO(OneAtATime);
SCENARIO(OwnerAgain);
SCENARIO(BothOrNone);
SCENARIO(SignalOrTime);
// LAB(3.10) else
//| SCENARIO(MyScenario);
// LAB(3.10) end
