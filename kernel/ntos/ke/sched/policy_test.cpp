// The default policy's numbers, the scan for starved threads, and a policy of one's own.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using PolicyTest = KernelTest;

namespace {

struct PolicyCase : testing::Test {
    KPROCESS Process{};
    KTHREAD Thread{};
    KiDefaultPolicy Policy;

    void Set(KPRIORITY base, KPRIORITY priority, SCHAR quantum = THREAD_QUANTUM, SCHAR decrement = 0) {
        Thread = {};
        Thread.Process = &Process;
        Thread.BasePriority = SCHAR(base);
        Thread.Priority = SCHAR(priority);
        Thread.Quantum = quantum;
        Thread.QuantumReset = THREAD_QUANTUM;
        Thread.PriorityDecrement = decrement;
    }
};

} // namespace

// SCH-03, SCH-19
TEST_F(PolicyCase, WaitBoostAddsToTheBaseAndStopsAtFifteen) {
    Set(8, 8);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 2), 10);
    Set(8, 12);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 2), 12) << "a boost never lowers, and does not pile up";
    Set(8, 8);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 0), 8);
    Set(13, 13);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 15);
    Set(15, 15);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 15);
}

// SCH-02
TEST_F(PolicyCase, RealtimeThreadsAreNeitherBoostedNorDecayed) {
    Set(16, 16, 1);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 16);
    EXPECT_EQ(Thread.Quantum, THREAD_QUANTUM);
    Set(31, 31, 0);
    EXPECT_EQ(Policy.PriorityAfterQuantum(Thread), 31);
    EXPECT_EQ(Thread.Quantum, THREAD_QUANTUM);
    EXPECT_EQ(Policy.PriorityWhenStarved(Thread, 10'000), 31);
}

// SCH-11
TEST_F(PolicyCase, WaitCostsAUnitAndTheLastUnitATurn) {
    Set(8, 10, 3);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 0), 10);
    EXPECT_EQ(Thread.Quantum, 2);
    Set(8, 10, 1);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 0), 9) << "the turn is over: the priority decays";
    EXPECT_EQ(Thread.Quantum, THREAD_QUANTUM);
    Set(8, 10, 1);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 4), 12) << "and is boosted then";
    Set(14, 14, 1);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 0), 14);
    EXPECT_EQ(Thread.Quantum, THREAD_QUANTUM) << "time-critical threads get a full quantum";
}

// SCH-19, KPR-14
TEST_F(PolicyCase, BoostsCanBeDisabledForAThreadAndForAProcess) {
    Set(8, 8);
    Thread.DisableBoost = TRUE;
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 8);
    Set(8, 8);
    Process.ProcessFlags = KPROCESS_DISABLE_BOOST;
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 8);
}

// SCH-03, SCH-11
TEST_F(PolicyCase, QuantumEndTakesOneLevelAndTheDecrement) {
    Set(8, 12, 0);
    EXPECT_EQ(Policy.PriorityAfterQuantum(Thread), 11);
    EXPECT_EQ(Thread.Quantum, THREAD_QUANTUM);
    Set(4, 15, 0, 11);
    EXPECT_EQ(Policy.PriorityAfterQuantum(Thread), 4);
    EXPECT_EQ(Thread.PriorityDecrement, 0);
    Set(8, 8, 0);
    EXPECT_EQ(Policy.PriorityAfterQuantum(Thread), 8) << "never below the base";
}

// SCH-19
TEST_F(PolicyCase, StarvedThreadGetsFifteenADoubleQuantumAndOneTurn) {
    Set(4, 4);
    EXPECT_EQ(Policy.PriorityWhenStarved(Thread, STARVATION_TICKS - 1), 4);
    EXPECT_EQ(Thread.Quantum, THREAD_QUANTUM);
    EXPECT_EQ(Policy.PriorityWhenStarved(Thread, STARVATION_TICKS), 15);
    EXPECT_EQ(Thread.Quantum, 2 * THREAD_QUANTUM);
    EXPECT_EQ(Thread.PriorityDecrement, 11);
    Thread.Priority = 15;
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 15) << "no boost on top of relief";
    EXPECT_EQ(Policy.PriorityAfterQuantum(Thread), 4);
    Set(4, 15, 1, 11);
    EXPECT_EQ(Policy.PriorityAfterWait(Thread, 6), 4) << "not even when the wait's end is its turn's end";
    Set(0, 0);
    EXPECT_EQ(Policy.PriorityWhenStarved(Thread, 10'000), 0) << "the zero-page thread is meant to wait";
    Set(4, 4);
    Thread.QuantumReset = 100;
    (void)Policy.PriorityWhenStarved(Thread, 10'000);
    EXPECT_EQ(Thread.Quantum, KI_ENDLESS_QUANTUM) << "what fits";
}

// SCH-03, SCH-13
TEST_F(PolicyTest, EndOfAWaitBoostsTheWaiter) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        KPRIORITY seen = 0;
        machine->Spawn(8, [&] {
            Await(&event);
            seen = KeGetCurrentThread()->Priority;
        });
        Sleep(1); // it waits now
        KeSetEvent(&event, 2, FALSE);
        EXPECT_EQ(seen, 10) << "boosted above this thread, it has run";
    });
}

// SCH-19
TEST_F(PolicyTest, ScanRelievesStarvedThreadsOnlyAndNoMoreThanTen) {
    Run([&] {
        ULONG ran = 0;
        for (int i = 0; i < 14; i++)
            machine->Spawn(3, [&] { ran++; });
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 0u);
        machine->Tick(STARVATION_TICKS);
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), READY_SCAN_BOOSTS);
        EXPECT_EQ(ran, READY_SCAN_BOOSTS);
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 4u);
        EXPECT_EQ(ran, 14u);
    });
}

// SCH-19
TEST_F(PolicyTest, StarvationCountsFromWhenTheThreadBecameReady) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread* const waiter = machine->Spawn(9, [&] { Await(&event); });
        KeSetPriorityThread(&waiter->Tcb, 3);
        machine->Tick(2 * STARVATION_TICKS);
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 0u);
        machine->Tick(STARVATION_TICKS);
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 1u);
    });
}

// SCH-19, SCH-03
TEST_F(PolicyTest, NewPriorityForgetsARelief) {
    Run([&] {
        Thread* const thread = machine->Make(4, [] {});
        thread->Tcb.PriorityDecrement = 11;
        KeSetPriorityThread(&thread->Tcb, 10);
        EXPECT_EQ(thread->Tcb.PriorityDecrement, 0);
        EXPECT_EQ(thread->Tcb.Quantum, THREAD_QUANTUM);
    });
}

// SCH-19
TEST_F(PolicyTest, ScanGoesOnWhereItStopped) {
    Run([&] {
        std::vector<Thread*> threads;
        for (int i = 0; i < 20; i++)
            threads.push_back(machine->Spawn(2, [] {}));
        bool starved = false;
        Thread* const other = machine->Spawn(5, [&] { starved = true; });
        machine->Tick(STARVATION_TICKS);
        for (Thread* thread : threads)
            thread->Tcb.WaitTime = KeTickCount.LowPart; // only the last one is starved
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 0u) << "sixteen of queue 2 were looked at";
        EXPECT_EQ(KeGetCurrentPrcb()->QueueIndex, 2u);
        KeGetCurrentPrcb()->QueueIndex = 3;
        EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 1u);
        EXPECT_TRUE(starved);
        EXPECT_EQ(StateOf(other->Tcb), KTHREAD_STATE::Terminated);
    });
}

// SCH-19
TEST_F(PolicyTest, BalanceSetManagerSavesAStarvedThread) {
    Run([&] {
        ULONG_PTR ticksUntilItRan = 0;
        machine->Spawn(16, [] {
            for (;;) { // the one-second thread
                Sleep(100);
                KeBalanceSetManager(nullptr);
            }
        });
        machine->Spawn(2, [&] { ticksUntilItRan = KeTickCount.LowPart; });
        while (ticksUntilItRan == 0 && KeTickCount.LowPart < 1000)
            machine->Tick();
        EXPECT_GE(ticksUntilItRan, STARVATION_TICKS);
        EXPECT_LE(ticksUntilItRan, STARVATION_TICKS + 101) << "within a second of starving";
    });
}

// ARC-04, SCH-03
TEST_F(PolicyTest, PolicyCanBeReplacedAndPutBack) {
    class Flat final : public KSCHEDULING_POLICY {
    public:
        KPRIORITY PriorityAfterWait(KTHREAD& thread, KPRIORITY) override {
            Asked++;
            return thread.Priority;
        }
        KPRIORITY PriorityAfterQuantum(KTHREAD& thread) override {
            thread.Quantum = thread.QuantumReset;
            return thread.Priority;
        }
        KPRIORITY PriorityWhenStarved(KTHREAD& thread, ULONG) override { return thread.Priority; }
        int Asked = 0;
    } flat;
    Run([&] {
        KSCHEDULING_POLICY* const former = KeSetSchedulingPolicy(&flat);
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread* const waiter = machine->Spawn(8, [&] { Await(&event); });
        Sleep(1);
        flat.Asked = 0;
        KeSetEvent(&event, 6, FALSE);
        EXPECT_EQ(waiter->Tcb.Priority, 8);
        EXPECT_EQ(flat.Asked, 1);
        EXPECT_EQ(KeSetSchedulingPolicy(former), &flat);
    });
}
