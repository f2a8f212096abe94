// Who runs: preemption, the standby thread, idle processors, and what a displaced thread keeps.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using DispatchTest = KernelTest;

namespace {

/// The threads on this processor's ready queue of a priority, first to last.
std::vector<KTHREAD*> ReadyQueue(KPRIORITY priority) {
    std::vector<KTHREAD*> threads;
    for (KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(KeGetCurrentPrcb()->DispatcherReadyListHead[priority]))
        threads.push_back(thread);
    return threads;
}

} // namespace

// SCH-01, SCH-12, SCH-07
TEST_F(DispatchTest, HigherPriorityPreemptsAtOnce) {
    Run([&] {
        std::string order;
        Thread* const high = machine->Spawn(12, [&] {
            EXPECT_EQ(StateOf(*KeGetCurrentThread()), KTHREAD_STATE::Running);
            order += "high ";
        });
        order += "test";
        EXPECT_EQ(order, "high test");
        EXPECT_EQ(StateOf(high->Tcb), KTHREAD_STATE::Terminated);
    });
}

// SCH-01, SCH-05
TEST_F(DispatchTest, LowerAndEqualPrioritiesWaitOnTheirQueue) {
    Run([&] {
        bool ran = false;
        Thread* const equal = machine->Spawn(8, [&] { ran = true; });
        Thread* const lower = machine->Spawn(7, [&] { EXPECT_TRUE(ran) << "8 runs before 7"; });
        EXPECT_FALSE(ran);
        EXPECT_EQ(StateOf(equal->Tcb), KTHREAD_STATE::Ready);
        EXPECT_EQ(StateOf(lower->Tcb), KTHREAD_STATE::Ready);
        EXPECT_EQ(KeGetCurrentPrcb()->ReadySummary, 1u << 8 | 1u << 7);
        EXPECT_EQ(Code(WaitFor(&lower->Tcb)), Code(STATUS_SUCCESS));
        EXPECT_TRUE(ran);
    });
}

// SCH-06, SCH-12, SCH-13, INT-02
TEST_F(DispatchTest, AtDispatchLevelTheBetterThreadStandsByUntilTheLevelFalls) {
    Run([&] {
        bool ran = false;
        Thread* const high = machine->Make(12, [&] { ran = true; });
        {
            nt::DispatchLevelGuard guard;
            KeReadyThread(&high->Tcb);
            EXPECT_EQ(StateOf(high->Tcb), KTHREAD_STATE::Standby);
            EXPECT_EQ(KeGetCurrentPrcb()->NextThread, &high->Tcb);
            EXPECT_TRUE(KeGetCurrentThread()->Preempted);
            EXPECT_FALSE(ran);
        }
        EXPECT_TRUE(ran);
        EXPECT_FALSE(KeGetCurrentThread()->Preempted);
    });
}

// SCH-06, SCH-12, SCH-16
TEST_F(DispatchTest, DisplacedStandbyThreadGoesToTheHeadOfItsQueue) {
    Run([&] {
        Thread* const first = machine->Make(10, [] {});
        Thread* const other = machine->Make(10, [] {});
        Thread* const better = machine->Make(11, [] {});
        nt::DispatchLevelGuard guard;
        KeReadyThread(&first->Tcb);
        KeReadyThread(&other->Tcb);
        EXPECT_EQ(StateOf(other->Tcb), KTHREAD_STATE::Ready)
            << "an equal priority does not displace the standby thread";
        KeReadyThread(&better->Tcb);
        EXPECT_EQ(KeGetCurrentPrcb()->NextThread, &better->Tcb);
        EXPECT_EQ(StateOf(first->Tcb), KTHREAD_STATE::Ready);
        EXPECT_EQ(ReadyQueue(10), (std::vector<KTHREAD*>{&first->Tcb, &other->Tcb}));
        EXPECT_FALSE(first->Tcb.Preempted) << "the claim is used up once it is at the head";
    });
}

// SCH-12, SCH-16
TEST_F(DispatchTest, PreemptedRunningThreadGoesToTheHeadOfItsQueue) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        Thread* const equal = machine->Spawn(8, [] {});
        std::vector<KTHREAD*> seen;
        machine->Spawn(12, [&] { seen = ReadyQueue(8); });
        EXPECT_EQ(seen, (std::vector<KTHREAD*>{self, &equal->Tcb}));
        EXPECT_EQ(self->Quantum, THREAD_QUANTUM) << "it keeps the rest of its turn";
    });
}

// ARC-05, SCH-13
TEST_F(DispatchTest, KernelLayerIsInterruptedButNeverPreempted) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        bool equalRan = false, highRan = false, interrupted = false;
        machine->Spawn(8, [&] { equalRan = true; });
        Thread* const high = machine->Spawn(12, [&] {
            Await(&event);
            highRan = true;
        });
        {
            KiDispatcherGuard insideTheKernelLayer;
            KiUnwaitThread(&high->Tcb, STATUS_SUCCESS, 0);
            machine->Interrupt([&] { interrupted = true; });
            machine->Tick(THREAD_QUANTUM); // the turn is over, and a better thread is ready
            EXPECT_TRUE(interrupted);
            EXPECT_FALSE(equalRan || highRan);
        }
        EXPECT_TRUE(equalRan && highRan);
    });
}

// SCH-01, SCH-14
TEST_F(DispatchTest, IdleThreadRunsWhenNobodyIsReadyAndYieldsToAnyPriority) {
    Run([&] {
        KPRCB* const prcb = KeGetCurrentPrcb();
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        EXPECT_EQ(KiIdleSummary, 0);
        bool lowRan = false;
        machine->Spawn(1, [&] {
            lowRan = true;
            KeSetEvent(&event, 0, FALSE);
        });
        EXPECT_EQ(Code(WaitFor(&event)), Code(STATUS_SUCCESS));
        EXPECT_TRUE(lowRan);

        Sleep(2);
        bool idleRan = false;
        for (const Event& each : machine->Events())
            idleRan |= each.Kind == ETW_EVENT::ContextSwitch &&
                       each.Argument[1] == reinterpret_cast<ULONG_PTR>(prcb->IdleThread);
        EXPECT_TRUE(idleRan);
        EXPECT_EQ(StateOf(*prcb->IdleThread), KTHREAD_STATE::Running);
    });
}

// SCH-12, SCH-16
TEST_F(DispatchTest, ThreadThatBeginsToWaitHasNoClaimToTheRestOfItsTurn) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KEVENT event, mine;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        KeInitializeEvent(&mine, SynchronizationEvent, FALSE);
        Thread* const equal = machine->Spawn(8, [] {});
        std::vector<KTHREAD*> seen;
        Thread* const better = machine->Spawn(9, [&] {
            Await(&event);
            KeSetEvent(&mine, 0, FALSE);
            seen = ReadyQueue(8);
        });
        // The better thread becomes ready in the middle of this thread's wait, while this is still the current thread.
        KeSetEvent(&event, 0, TRUE);
        EXPECT_EQ(StateOf(better->Tcb), KTHREAD_STATE::DeferredReady);
        Await(&mine);
        EXPECT_EQ(seen, (std::vector<KTHREAD*>{&equal->Tcb, self})) << "it goes to the tail, like every wait's end";
    });
}

// SCH-03, SCH-13
TEST_F(DispatchTest, BoostOfAWaitIsAppliedOnce) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread* const waiter = machine->Spawn(9, [&] { Await(&event); });
        KeSetPriorityThread(&waiter->Tcb, 3);
        KeSetEvent(&event, 2, FALSE);
        EXPECT_EQ(waiter->Tcb.Priority, 5);
        KeSetPriorityThread(&waiter->Tcb, 6); // placed anew: nothing is left of the wait
        EXPECT_EQ(waiter->Tcb.Priority, 6);
    });
}

// SCH-03
TEST_F(DispatchTest, AdjustBoostRaisesAVariableThreadToTheGivenPriorityAtLeast) {
    Run([&] {
        nt::DispatchLevelGuard guard;
        const auto priorityAfter = [&](KPRIORITY priority, SCHAR increment) {
            Thread* const thread = machine->Make(priority, [] {});
            thread->Tcb.AdjustReason = ADJUST_REASON::AdjustBoost;
            thread->Tcb.AdjustIncrement = increment;
            KeReadyThread(&thread->Tcb);
            return int(thread->Tcb.Priority);
        };
        EXPECT_EQ(priorityAfter(4, 9), 9);
        EXPECT_EQ(priorityAfter(7, 6), 7);
        EXPECT_EQ(priorityAfter(16, 20), 16);
    });
}

// SCH-01, SCH-18, SCH-06
TEST_F(DispatchTest, IdleProcessorTakesTheThread) {
    Run(
        [&] {
            ULONG ranOn = 99;
            machine->LetOthersRun(); // the second processor halts
            EXPECT_EQ(KiIdleSummary, 2);
            Thread* const thread = machine->Spawn(5, [&] { ranOn = KeGetCurrentProcessorNumber(); });
            EXPECT_EQ(StateOf(thread->Tcb), KTHREAD_STATE::Standby);
            EXPECT_EQ(KiProcessorBlock[1]->NextThread, &thread->Tcb);
            EXPECT_EQ(KiIdleSummary, 0);
            machine->LetOthersRun();
            EXPECT_EQ(ranOn, 1u);
            EXPECT_EQ(KiIdleSummary, 2);
        },
        2);
}

// SCH-01, SCH-18
TEST_F(DispatchTest, AffinityBindsAThreadToItsProcessor) {
    Run(
        [&] {
            machine->LetOthersRun();
            bool ran = false;
            Thread* const bound = machine->Make(5, [&] {
                ran = true;
                EXPECT_EQ(KeGetCurrentProcessorNumber(), 0u);
            });
            EXPECT_EQ(KeSetAffinityThread(&bound->Tcb, 1), ~KAFFINITY(0));
            KeReadyThread(&bound->Tcb);
            EXPECT_EQ(StateOf(bound->Tcb), KTHREAD_STATE::Ready) << "the idle processor is not allowed";
            machine->LetOthersRun();
            EXPECT_FALSE(ran);
            EXPECT_EQ(Code(WaitFor(&bound->Tcb)), Code(STATUS_SUCCESS));
            EXPECT_TRUE(ran);
        },
        2);
}

// SCH-18
TEST_F(DispatchTest, ChangedAffinityMovesAReadyThread) {
    Run(
        [&] {
            machine->LetOthersRun();
            ULONG ranOn = 99;
            Thread* const thread = machine->Make(5, [&] { ranOn = KeGetCurrentProcessorNumber(); });
            KeSetAffinityThread(&thread->Tcb, 1);
            KeReadyThread(&thread->Tcb);
            EXPECT_EQ(KeSetAffinityThread(&thread->Tcb, 2), 1u);
            EXPECT_EQ(StateOf(thread->Tcb), KTHREAD_STATE::Standby);
            machine->LetOthersRun();
            EXPECT_EQ(ranOn, 1u);
        },
        2);
}

// SCH-18
TEST_F(DispatchTest, ChangedAffinityMovesTheRunningThread) {
    Run(
        [&] {
            Thread* const filler = machine->Make(4, [] {});
            KeSetAffinityThread(&filler->Tcb, 1);
            KeReadyThread(&filler->Tcb);
            machine->LetOthersRun();
            EXPECT_EQ(KeGetCurrentProcessorNumber(), 0u);
            KeSetAffinityThread(KeGetCurrentThread(), 2);
            EXPECT_EQ(KeGetCurrentProcessorNumber(), 1u);
            KeSetAffinityThread(KeGetCurrentThread(), 3);
        },
        2);
}

// SCH-15, SCH-17
TEST_F(DispatchTest, CheckedBuildFindsASummaryThatLies) {
    RunUntilAssertion("summaryBit", [&] {
        KeGetCurrentPrcb()->ReadySummary |= 1u << 20;
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        KeSetEvent(&event, 0, FALSE);
    });
}

// SCH-15, SCH-01
TEST_F(DispatchTest, CheckedBuildFindsABetterThreadThatWasForgotten) {
    RunUntilAssertion("best <=", [&] {
        Thread* const thread = machine->Spawn(5, [] {});
        KPRCB* const prcb = KeGetCurrentPrcb();
        KiRemoveReadyQueue(prcb, &thread->Tcb);
        thread->Tcb.Priority = 20;
        KiInsertReadyQueue(prcb, &thread->Tcb, FALSE);
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        KeSetEvent(&event, 0, FALSE);
    });
}
