// Exercise 3.1 under many schedules: a DPC is queued once, runs once for each time it was queued, and misses nothing.
#include "races.h"

namespace {

/// A DPC whose two arguments belong together.
/// shared: by interlocked operations, but for the DPC, which is the kernel's
struct CountedDpc {
    KDPC Dpc;
    volatile LONG Queued;
    volatile LONG Ran;

    static void NTAPI Routine(PKDPC, PVOID context, PVOID argument1, PVOID argument2) {
        InterlockedIncrement(&static_cast<CountedDpc*>(context)->Ran);
        CHECK_EQUAL(ULONG_PTR(argument1) + 1, ULONG_PTR(argument2));
    }
    void Reset() {
        KeInitializeDpc(&Dpc, Routine, this);
        Queued = 0;
        Ran = 0;
    }
    void Queue(ULONG_PTR number) {
        if (KeInsertQueueDpc(&Dpc, reinterpret_cast<PVOID>(number), reinterpret_cast<PVOID>(number + 1)))
            InterlockedIncrement(&Queued);
    }
};

// INT-05, INT-06
struct DpcRunsOncePerQueueing {
    static inline CountedDpc Counted;
    static void Setup() { Counted.Reset(); }
    static void Actor0() {
        Counted.Queue(10);
        Counted.Queue(20);
    }
    static void Actor1() {
        Counted.Queue(30);
        Counted.Queue(40);
    }
    static void Check() { CHECK_EQUAL(Counted.Queued, Counted.Ran); }
};

// INT-05: a DPC is off its queue before its routine runs, so that what arrives meanwhile queues it anew
struct DpcMissesNoWork {
    static inline KDPC Dpc;
    static inline volatile LONG Work, Done;
    static void NTAPI Routine(PKDPC, PVOID, PVOID, PVOID) {
        InterlockedExchangeAdd(&Done, InterlockedExchange(&Work, 0));
    }
    static void Setup() {
        KeInitializeDpc(&Dpc, Routine, nullptr);
        Work = 0;
        Done = 0;
    }
    static void Produce() {
        InterlockedIncrement(&Work);
        KeInsertQueueDpc(&Dpc, nullptr, nullptr);
    }
    static void Actor0() {
        Produce();
        Produce();
    }
    static void Actor1() {
        Produce();
        Produce();
    }
    static void Check() {
        CHECK_EQUAL(0, Work);
        CHECK_EQUAL(4, Done);
    }
};

// INT-05
struct DpcRunsUnlessRemoved {
    static inline CountedDpc Counted;
    static inline volatile LONG Removed;
    static void Setup() {
        Counted.Reset();
        Removed = 0;
    }
    static void Actor0() {
        for (ULONG_PTR i = 0; i < 2; i++) {
            nt::DispatchLevelGuard level;
            Counted.Queue(i);
        }
    }
    static void Actor1() {
        for (ULONG i = 0; i < 2; i++)
            if (KeRemoveQueueDpc(&Counted.Dpc)) InterlockedIncrement(&Removed);
    }
    static void Check() { CHECK_EQUAL(Counted.Queued, Counted.Ran + Removed); }
};

} // namespace

SCENARIO(DpcRunsOncePerQueueing);
SCENARIO(DpcMissesNoWork);
SCENARIO(DpcRunsUnlessRemoved);
