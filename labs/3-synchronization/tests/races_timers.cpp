// Exercise 3.7 under many schedules: set, cancel and expiry meet, and the timer table stays whole.
#include "ke/startup.h"
#include "races.h"

namespace {

constexpr ULONG LONGEST_CHAIN = 64; ///< far more timers than the system has

/// The table's chains end where they begin, forwards and backwards, and a timer is on them if and only if it says so.
/// Check runs alone, so nothing guards the walk.
void CheckTable(const KTIMER& timer) NO_THREAD_SAFETY_ANALYSIS { // nothing else runs any more
    ULONG found = 0;
    for (const LIST_ENTRY& head : KiTimerTableListHead) {
        ULONG length = 0;
        for (const LIST_ENTRY* entry = head.Flink; entry != &head && length < LONGEST_CHAIN; entry = entry->Flink) {
            CHECK(entry->Flink->Blink == entry);
            if (entry == &timer.TimerListEntry) found++;
            length++;
        }
        CHECK(length < LONGEST_CHAIN);
    }
    CHECK_EQUAL(ULONG(timer.Header.Inserted), found);
}

/// A timer with a DPC that signals an event.
/// shared: by interlocked operations, but for the kernel's objects
struct TimerWithDpc {
    KTIMER Timer;
    KDPC Dpc;
    KEVENT Fired;
    volatile LONG Runs;

    static void NTAPI Routine(PKDPC, PVOID context, PVOID, PVOID) {
        auto* const self = static_cast<TimerWithDpc*>(context);
        InterlockedIncrement(&self->Runs);
        KeSetEvent(&self->Fired, 0, FALSE);
    }
    void Reset() {
        KeInitializeTimerEx(&Timer, SynchronizationTimer);
        KeInitializeDpc(&Dpc, Routine, this);
        KeInitializeEvent(&Fired, NotificationEvent, FALSE);
        Runs = 0;
    }
    bool Set(LONG period = 0) { return KeSetTimerEx(&Timer, KeRelativeMilliseconds(1), period, &Dpc); }
};

// INT-09, DSP-09: a cancelled timer does not fire; one that was too late to cancel does
struct CancelOrExpire {
    static constexpr ULONG ClockTicks = 4;
    static inline TimerWithDpc Subject;
    static inline bool Cancelled;
    static void Setup() {
        Subject.Reset();
        Cancelled = false;
    }
    static void Actor0() {
        Subject.Set();
        Cancelled = KeCancelTimer(&Subject.Timer);
        if (!Cancelled) CHECK_EQUAL(STATUS_SUCCESS, Wait(&Subject.Fired));
    }
    static void Check() {
        CHECK_EQUAL(Cancelled ? 0 : 1, Subject.Runs);
        CHECK_EQUAL(Cancelled ? 0 : 1, LONG(KeReadStateTimer(&Subject.Timer)));
        CheckTable(Subject.Timer);
    }
};

// INT-09: a timer that is set again while it expires is in the table once, and fires at least once more
struct SetAgainWhileExpiring {
    static constexpr ULONG ClockTicks = 6;
    static inline TimerWithDpc Subject;
    static void Setup() { Subject.Reset(); }
    static void Actor0() {
        Subject.Set();
        Subject.Set();
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Subject.Timer));
    }
    static void Actor1() {
        Subject.Set();
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Subject.Fired));
    }
    static void Check() {
        CHECK(Subject.Runs <= 3);
        CheckTable(Subject.Timer);
        KeCancelTimer(&Subject.Timer); // the last one to set it may not have waited for it
        KeRemoveQueueDpc(&Subject.Dpc);
    }
};

// INT-09: two processors cancel: one of them did it
struct CancelledOnce {
    static inline TimerWithDpc Subject;
    static inline volatile LONG Cancels;
    static void Setup() {
        Subject.Reset();
        Cancels = 0;
        Subject.Set();
    }
    static void Act() {
        if (KeCancelTimer(&Subject.Timer)) InterlockedIncrement(&Cancels);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Check() {
        CHECK_EQUAL(1, Cancels);
        CheckTable(Subject.Timer);
    }
};

} // namespace

SCENARIO(CancelOrExpire);
SCENARIO(SetAgainWhileExpiring);
SCENARIO(CancelledOnce);
