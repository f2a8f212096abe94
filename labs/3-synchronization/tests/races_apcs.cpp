// Exercise 3.8 under many schedules: an APC runs once, never inside a critical region, and never goes missing.
#include "ke/apc.h"
#include "races.h"

namespace {

/// A normal kernel APC for actor 0, which others queue.
/// shared: by interlocked operations, but for the kernel's objects
struct CountedApc {
    KAPC Apc;
    KEVENT Ran;
    volatile LONG Queued;
    volatile LONG Runs;
    volatile LONG Inside; ///< its thread is in a critical region

    static void NTAPI Kernel(PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {}
    static void NTAPI Normal(PVOID context, PVOID, PVOID) {
        auto* const self = static_cast<CountedApc*>(context);
        CHECK_EQUAL(0, self->Inside);
        CHECK_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
        InterlockedIncrement(&self->Runs);
        KeSetEvent(&self->Ran, 0, FALSE);
    }
    void Reset() {
        KeInitializeEvent(&Ran, NotificationEvent, FALSE);
        Queued = 0;
        Runs = 0;
        Inside = 0;
    }
    /// Called by the thread that shall run it, before `ready`.
    void Aim() {
        KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, Kernel, nullptr, Normal, KernelMode, this);
    }
    void Queue() {
        if (KeInsertQueueApc(&Apc, nullptr, nullptr, 0)) InterlockedIncrement(&Queued);
    }
};

// INT-10, INT-11: the APC reaches a thread that begins to wait, waits, or has been woken
struct ApcReachesWaiter {
    static inline CountedApc Counted;
    static inline KEVENT Ready, Released;
    static void Setup() {
        Counted.Reset();
        KeInitializeEvent(&Ready, NotificationEvent, FALSE);
        KeInitializeEvent(&Released, NotificationEvent, FALSE);
    }
    static void Actor0() {
        Counted.Aim();
        KeSetEvent(&Ready, 0, FALSE);
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Released)); // the APC interrupts the wait, and the wait goes on
    }
    static void Actor1() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Ready));
        Counted.Queue();
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Counted.Ran)); // nobody else wakes actor 0
        KeSetEvent(&Released, 0, FALSE);
    }
    static void Check() {
        CHECK_EQUAL(1, Counted.Runs);
        CHECK(IsListEmpty(&Released.Header.WaitListHead));
    }
};

// INT-15: not inside the region, and at once after it
struct ApcStaysOutOfRegion {
    static inline CountedApc Counted;
    static inline KEVENT Ready;
    static void Setup() {
        Counted.Reset();
        KeInitializeEvent(&Ready, NotificationEvent, FALSE);
    }
    static void Actor0() {
        Counted.Aim();
        KeSetEvent(&Ready, 0, FALSE);
        for (ULONG i = 0; i < 2; i++) {
            KeEnterCriticalRegion();
            Counted.Inside = 1;
            Counted.Inside = 0;
            KeLeaveCriticalRegion();
        }
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Counted.Ran));
    }
    static void Actor1() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Ready));
        Counted.Queue();
    }
    static void Check() { CHECK_EQUAL(1, Counted.Runs); }
};

// INT-10: queued by two, it runs once for each time that it was queued
struct ApcRunsOncePerQueueing {
    static inline CountedApc Counted;
    static inline KEVENT Ready, Done[2];
    static void Setup() {
        Counted.Reset();
        KeInitializeEvent(&Ready, NotificationEvent, FALSE);
        for (KEVENT& done : Done)
            KeInitializeEvent(&done, NotificationEvent, FALSE);
    }
    static void Actor0() {
        Counted.Aim();
        KeSetEvent(&Ready, 0, FALSE);
        for (KEVENT& done : Done)
            CHECK_EQUAL(STATUS_SUCCESS, Wait(&done));
    }
    static void Act(KEVENT& done) {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Ready));
        Counted.Queue();
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Counted.Ran));
        KeSetEvent(&done, 0, FALSE);
    }
    static void Actor1() { Act(Done[0]); }
    static void Actor2() { Act(Done[1]); }
    static void Check() {
        CHECK(Counted.Queued >= 1);
        CHECK_EQUAL(Counted.Queued, Counted.Runs);
    }
};

} // namespace

SCENARIO(ApcReachesWaiter);
SCENARIO(ApcStaysOutOfRegion);
SCENARIO(ApcRunsOncePerQueueing);
