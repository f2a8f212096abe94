// The idle loop: it answers whatever it is doing, and what is there for it does not wait for a clock tick.
//
// A processor without work wakes at every tick and looks for some, so work that nobody told it of is late, not lost. These
// tests look in the time between two ticks of that processor.
// SCH-01, SCH-18, INT-01, INT-05
#include "guest_main.h"
#include "pinned.h"

namespace {

constexpr ULONG AWHILE = 300; ///< microseconds in which an idle processor takes an interrupt and halts again

/// A tick of the processor has just been: the next one is a whole interval away.
ULONG JustBehindATickOf(ULONG processor) {
    const volatile ULONG& ticks = KiProcessorBlock[processor]->KernelTime;
    const ULONG before = ticks;
    GUEST_TRUE(Comes([&] { return ticks != before; }));
    return ticks;
}

/// Spins until `done` is set or the processor's next tick. @returns whether it came before the tick
bool ComesBeforeTheTickOf(ULONG processor, ULONG ticks, const volatile bool& done) {
    const volatile ULONG& now = KiProcessorBlock[processor]->KernelTime;
    while (!done && now == ticks)
        YieldProcessor();
    return done && now == ticks;
}

/// Holds the lock of a processor that is idle, and makes it look for work meanwhile.
struct HOLDER {
    ULONG Target;
    volatile bool Held;
    volatile bool Stop;
};

void NTAPI HoldLock(PVOID context) {
    auto& me = *static_cast<HOLDER*>(context);
    KPRCB* const prcb = KiProcessorBlock[me.Target];
    const KIRQL old = KfAcquireSpinLock(&prcb->PrcbLock);
    KiSendDispatchInterrupt(prcb->SetMember);
    me.Held = true;
    while (!me.Stop)
        YieldProcessor();
    KfReleaseSpinLock(&prcb->PrcbLock, old);
}

ULONG_PTR NTAPI Nothing(ULONG_PTR context) { return context; }

struct LATE {
    volatile bool Ran;
    volatile ULONG Processor;
};

void NTAPI NoteDpc(PKDPC, PVOID context, PVOID, PVOID) { static_cast<LATE*>(context)->Ran = true; }

void NTAPI NoteThread(PVOID context) {
    auto& me = *static_cast<LATE*>(context);
    me.Processor = KeGetCurrentProcessorNumber();
    me.Ran = true;
}

} // namespace

// INT-01: nobody waits with interrupts off for a lock whose holder may stand in a call on all processors
GUEST_TEST(GenericCallComesThroughWhileAnIdleProcessorWantsALock) {
    if (Processors() < 3) return (void)GUEST_TRUE(true);
    for (ULONG round = 0; round < 20; round++) {
        HOLDER holder = {2, false, false};
        PETHREAD thread = StartOn(Only(1), 1, 10, HoldLock, &holder);
        GUEST_TRUE(Comes([&] { return holder.Held; }));
        KeStallExecutionProcessor(AWHILE); // the idle processor looks for its next thread
        GUEST_EQUAL(round, KeIpiGenericCall(Nothing, round));
        holder.Stop = true;
        Join(thread);
    }
}

// INT-05, INT-07: a DPC that was taken back before it ran leaves nothing that keeps the next one's interrupt away
GUEST_TEST(DpcRunsAtOnceAfterAnotherWasTakenBack) {
    if (Processors() == 1) return (void)GUEST_TRUE(true);
    ULONG takenBack = 0;
    for (ULONG round = 0; round < 50; round++) {
        LATE first = {}, second = {};
        KDPC takenDpc, dpc;
        KeInitializeDpc(&takenDpc, NoteDpc, &first);
        KeInitializeDpc(&dpc, NoteDpc, &second);
        KeSetTargetProcessorDpc(&takenDpc, 1);
        KeSetTargetProcessorDpc(&dpc, 1);
        const ULONG ticks = JustBehindATickOf(1);
        KeInsertQueueDpc(&takenDpc, nullptr, nullptr);
        if (KeRemoveQueueDpc(&takenDpc)) takenBack++;
        KeStallExecutionProcessor(AWHILE);
        KeInsertQueueDpc(&dpc, nullptr, nullptr);
        GUEST_TRUE(ComesBeforeTheTickOf(1, ticks, second.Ran));
        GUEST_TRUE(Comes([&] { return second.Ran; })); // it is on this stack
    }
    GUEST_TRUE(takenBack != 0);
}

// SCH-18: ready threads that may suddenly run on processors that are idle are taken over by these, each by another one
GUEST_TEST(IdleProcessorsTakeOverWhatMayRunThereNow) {
    if (Processors() == 1) return (void)GUEST_TRUE(true);
    constexpr ULONG most = 3;
    const ULONG count = Processors() - 1;
    (void)KeSetPriorityThread(KeGetCurrentThread(), 20);
    LARGE_INTEGER frequency;
    (void)KeQueryPerformanceCounter(&frequency);
    for (ULONG round = 0; round < 10; round++) { // each at another time between two ticks
        LATE seen[most] = {};
        PETHREAD threads[most];
        for (ULONG i = 0; i < count; i++)
            threads[i] = StartOn(Only(0), 0, 10, NoteThread, &seen[i]); // ready behind us
        (void)JustBehindATickOf(0);
        KeStallExecutionProcessor(AWHILE + 900 * round);
        const LONGLONG start = KeQueryPerformanceCounter(nullptr).QuadPart;
        for (ULONG i = 0; i < count; i++)
            (void)KeSetAffinityThread(&threads[i]->Tcb, All());
        for (ULONG i = 0; i < count; i++)
            GUEST_TRUE(Comes([&] { return seen[i].Ran; }));
        const LONGLONG passed = KeQueryPerformanceCounter(nullptr).QuadPart - start;
        GUEST_TRUE(passed * 1'000'000 / frequency.QuadPart < 2'000);
        for (ULONG i = 0; i < count; i++)
            Join(threads[i]);
        for (ULONG i = 0; i < count; i++)
            GUEST_TRUE(seen[i].Processor != 0);
    }
}
