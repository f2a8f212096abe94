// DPCs and timers on the real machine.
#include "hal.h"

#include "guest_main.h"

namespace {

struct DPC_LOG {
    char Order[16];
    ULONG Count;
    KIRQL Irql;
};
DPC_LOG Log;

void NTAPI Note(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    Log.Irql = KeGetCurrentIrql();
    if (Log.Count < sizeof(Log.Order)) Log.Order[Log.Count] = char(reinterpret_cast<ULONG_PTR>(DeferredContext));
    Log.Count++;
}

PVOID Letter(char letter) { return reinterpret_cast<PVOID>(ULONG_PTR(letter)); }

} // namespace

// INT-05, INT-06, INT-01
GUEST_TEST(DpcRunsAtDispatchLevelWhenTheIrqlFallsBelow) {
    Log = {};
    KDPC dpc;
    KeInitializeDpc(&dpc, Note, Letter('d'));
    {
        nt::IrqlGuard guard(KIRQL{10});
        GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
        GUEST_TRUE(!KeInsertQueueDpc(&dpc, nullptr, nullptr)); // queued already
        GUEST_EQUAL(0, Log.Count);
        KfLowerIrql(DISPATCH_LEVEL);
        GUEST_EQUAL(0, Log.Count);
        (void)KfRaiseIrql(KIRQL{10});
    }
    GUEST_EQUAL(1, Log.Count);
    GUEST_EQUAL(DISPATCH_LEVEL, Log.Irql);
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

// INT-05, SYH-02
GUEST_TEST(DpcRunsOnTheDpcStackAndTheThreadsStackIsItsOwnAgain) {
    struct Place {
        ULONG_PTR Local, StackBase, StackLimit;
        EXCEPTION_REGISTRATION_RECORD* Chain;
    };
    const auto look = [](PKDPC, PVOID context, PVOID, PVOID) {
        auto* const place = static_cast<Place*>(context);
        const NT_TIB& tib = KeGetPcr()->NtTib;
        *place = {reinterpret_cast<ULONG_PTR>(&place), reinterpret_cast<ULONG_PTR>(tib.StackBase),
                  reinterpret_cast<ULONG_PTR>(tib.StackLimit), tib.ExceptionList};
    };
    Place inDpc = {}, before = {}, after = {};
    KDPC dpc;
    KeInitializeDpc(&dpc, look, &inDpc);
    look(&dpc, &before, nullptr, nullptr);
    GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
    look(&dpc, &after, nullptr, nullptr);

    const auto top = reinterpret_cast<ULONG_PTR>(KeGetCurrentPrcb()->DpcStack);
    GUEST_TRUE(top != 0 && inDpc.Local < top && inDpc.Local >= top - DPC_STACK_SIZE);
    GUEST_TRUE(inDpc.StackBase == top && inDpc.StackLimit == top - DPC_STACK_SIZE);
    GUEST_TRUE(after.StackBase == before.StackBase && after.StackLimit == before.StackLimit);
    GUEST_TRUE(after.Chain == before.Chain && after.StackBase != top);
}

// INT-05
GUEST_TEST(DpcsRunInOrderAndImportantOnesFirst) {
    Log = {};
    KDPC dpcs[4];
    const char names[] = "abcd";
    for (ULONG i = 0; i < 4; i++)
        KeInitializeDpc(&dpcs[i], Note, Letter(names[i]));
    KeSetImportanceDpc(&dpcs[2], KDPC_IMPORTANCE::HighImportance);
    {
        nt::DispatchLevelGuard guard;
        for (KDPC& dpc : dpcs)
            GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
        GUEST_TRUE(KeRemoveQueueDpc(&dpcs[3]));
        GUEST_TRUE(!KeRemoveQueueDpc(&dpcs[3]));
    }
    GUEST_EQUAL(3, Log.Count);
    GUEST_TRUE(strncmp(Log.Order, "cab", 3) == 0);
}

// INT-09, DSP-09
GUEST_TEST(PeriodicTimerQueuesItsDpcEveryPeriod) {
    Log = {};
    KDPC dpc;
    KTIMER timer;
    KeInitializeDpc(&dpc, Note, Letter('t'));
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    (void)KeSetTimerEx(&timer, KeRelativeMilliseconds(20), 20, &dpc);
    LARGE_INTEGER interval = KeRelativeMilliseconds(210);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    GUEST_TRUE(KeCancelTimer(&timer));
    GUEST_TRUE(!KeCancelTimer(&timer));
    GUEST_TRUE(Log.Count >= 9 && Log.Count <= 11);
    GUEST_EQUAL(DISPATCH_LEVEL, Log.Irql);
}

// INT-09
GUEST_TEST(TimersExpireInTheOrderOfTheirDueTimes) {
    Log = {};
    KDPC dpcs[3];
    KTIMER timers[3];
    const LONG due[] = {90, 30, 60};
    for (ULONG i = 0; i < 3; i++) {
        KeInitializeDpc(&dpcs[i], Note, Letter(char('a' + i)));
        KeInitializeTimer(&timers[i]);
        GUEST_TRUE(!KeSetTimer(&timers[i], KeRelativeMilliseconds(due[i]), &dpcs[i]));
    }
    LARGE_INTEGER interval = KeRelativeMilliseconds(150);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    GUEST_EQUAL(3, Log.Count);
    GUEST_TRUE(strncmp(Log.Order, "bca", 3) == 0);
}

// INT-02, SYH-02
GUEST_TEST(ClockIsHeldBackAtItsLevelAndComesAfterwards) {
    LARGE_INTEGER before, held, after;
    KeQueryTickCount(&before);
    {
        nt::IrqlGuard guard(CLOCK_LEVEL);
        KeStallExecutionProcessor(25'000);
        KeQueryTickCount(&held);
    }
    KeStallExecutionProcessor(1);
    KeQueryTickCount(&after);
    GUEST_TRUE(held.QuadPart - before.QuadPart <= 1); // one may have come before the level was raised
    GUEST_TRUE(after.QuadPart > held.QuadPart);
}

// SYH-05, SYH-01
GUEST_TEST(SpinLockRaisesAndRestores) {
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    {
        nt::SpinLockGuard guard(lock);
        GUEST_EQUAL(DISPATCH_LEVEL, KeGetCurrentIrql());
        GUEST_TRUE(lock.Value != 0);
    }
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
    GUEST_EQUAL(0, lock.Value);
}
