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

/// The processor of the first actor.
constexpr CHAR First = 1;

/// A DPC for the first actor's processor, which must be interrupted for it.
inline void MakeUrgentDpc(PKDPC dpc, PKDEFERRED_ROUTINE routine) {
    KeInitializeDpc(dpc, routine, nullptr);
    KeSetTargetProcessorDpc(dpc, First);
    KeSetImportanceDpc(dpc, KDPC_IMPORTANCE::MediumHighImportance);
}

void NTAPI DoNothing(PKDPC, PVOID, PVOID, PVOID) {}

// INT-05: a DPC that comes when the queue has just been found empty asks for an interrupt of its own
struct DpcBehindTheLastAsks {
    static inline KDPC Own, Sent;
    static inline volatile LONG Inserted;
    static void Setup() {
        KeInitializeDpc(&Own, DoNothing, nullptr);
        MakeUrgentDpc(&Sent, DoNothing);
        Inserted = 0;
    }
    static void Actor0() {
        KeInsertQueueDpc(&Own, nullptr, nullptr);
        while (Inserted == 0)
            YieldProcessor();
        const KPRCB* const prcb = KeGetCurrentPrcb();
        const bool requested = prcb->DpcInterruptRequested != 0; // first: what is requested may run meanwhile
        CHECK(requested || prcb->DpcData.DpcQueueDepth == 0);
    }
    static void Actor1() {
        KeInsertQueueDpc(&Sent, nullptr, nullptr);
        InterlockedIncrement(&Inserted);
    }
};

// INT-02, INT-05: what arrives while the IRQL falls is delivered; below its level nothing that was asked for waits
struct FallingIrqlMissesNothing {
    static inline KDPC Sent;
    static void Setup() { MakeUrgentDpc(&Sent, DoNothing); }
    static void Fall() {
        { nt::DispatchLevelGuard level; }
        CHECK((KeGetPcr()->IRR & 1u << ULONG(DISPATCH_LEVEL)) == 0);
    }
    static void Actor0() {
        Fall();
        Fall();
    }
    static void Actor1() {
        KeInsertQueueDpc(&Sent, nullptr, nullptr);
        KeInsertQueueDpc(&Sent, nullptr, nullptr);
    }
};

} // namespace

SCENARIO(DpcRunsOncePerQueueing);
SCENARIO(DpcMissesNoWork);
SCENARIO(DpcRunsUnlessRemoved);
SCENARIO(DpcBehindTheLastAsks);
SCENARIO(FallingIrqlMissesNothing);
