// Priorities: what a change does in each state of the thread, and the calls that change them.
#include "ke/ki.h"
#include "waits.h"

#include <utility>

using namespace host;
using PriorityTest = KernelTest;

// SCH-02, SCH-12, SCH-16
TEST_F(PriorityTest, RaisedReadyThreadChangesItsQueueAndPreempts) {
    Run([&] {
        bool ran = false;
        Thread* const thread = machine->Spawn(4, [&] { ran = true; });
        EXPECT_EQ(KeSetPriorityThread(&thread->Tcb, 6), 4);
        EXPECT_EQ(KeGetCurrentPrcb()->ReadySummary, 1u << 6);
        EXPECT_FALSE(ran);
        KeSetPriorityThread(&thread->Tcb, 9);
        EXPECT_TRUE(ran);
        EXPECT_EQ(KeGetCurrentPrcb()->ReadySummary, 0u);
    });
}

// SCH-16
TEST_F(PriorityTest, LoweredReadyThreadGoesToTheTailOfItsNewQueue) {
    Run([&] {
        std::string order;
        Thread* const a = machine->Spawn(6, [&] { order += 'a'; });
        Thread* const b = machine->Spawn(5, [&] { order += 'b'; });
        KeSetPriorityThread(&a->Tcb, 5);
        EXPECT_EQ(KeGetCurrentPrcb()->ReadySummary, 1u << 5);
        Await(&a->Tcb);
        Await(&b->Tcb);
        EXPECT_EQ(order, "ba");
    });
}

// SCH-01, SCH-13
TEST_F(PriorityTest, LoweredRunningThreadMakesWay) {
    Run([&] {
        std::string order;
        machine->Spawn(7, [&] { order += "seven "; });
        machine->Spawn(6, [&] { order += "six "; });
        machine->Spawn(5, [&] { order += "five "; });
        KeSetPriorityThread(KeGetCurrentThread(), 6);
        EXPECT_EQ(order, "seven ") << "an equal does not displace";
        KeSetPriorityThread(KeGetCurrentThread(), 4);
        EXPECT_EQ(order, "seven six five ");
    });
}

// SCH-06, SCH-12
TEST_F(PriorityTest, LoweredStandbyThreadGivesItsPlaceToABetterOne) {
    Run([&] {
        Thread* const standby = machine->Make(12, [] {});
        Thread* const second = machine->Make(11, [] {});
        nt::DispatchLevelGuard guard;
        KeReadyThread(&standby->Tcb);
        KeReadyThread(&second->Tcb);
        KeSetPriorityThread(&standby->Tcb, 11);
        EXPECT_EQ(KeGetCurrentPrcb()->NextThread, &standby->Tcb) << "an equal does not displace";
        KeSetPriorityThread(&standby->Tcb, 10);
        EXPECT_EQ(KeGetCurrentPrcb()->NextThread, &second->Tcb);
        EXPECT_EQ(StateOf(standby->Tcb), KTHREAD_STATE::Ready);
        EXPECT_EQ(KeGetCurrentPrcb()->ReadySummary, 1u << 10);
    });
}

// SCH-06, SCH-01
TEST_F(PriorityTest, StandbyThreadBelowTheRunningOneStepsBack) {
    Run([&] {
        Thread* const standby = machine->Make(12, [] {});
        nt::DispatchLevelGuard guard;
        KeReadyThread(&standby->Tcb);
        EXPECT_TRUE(KeGetCurrentThread()->Preempted);
        KeSetPriorityThread(&standby->Tcb, 5);
        EXPECT_EQ(KeGetCurrentPrcb()->NextThread, nullptr);
        EXPECT_EQ(StateOf(standby->Tcb), KTHREAD_STATE::Ready);
        EXPECT_FALSE(KeGetCurrentThread()->Preempted);
    });
}

// SCH-06, SCH-01
TEST_F(PriorityTest, RunningThreadRaisedAboveTheStandbyThreadRunsOn) {
    Run([&] {
        Thread* const standby = machine->Make(12, [] {});
        nt::DispatchLevelGuard guard;
        KeReadyThread(&standby->Tcb);
        KeSetPriorityThread(KeGetCurrentThread(), 13);
        EXPECT_EQ(KeGetCurrentPrcb()->NextThread, nullptr);
        EXPECT_EQ(StateOf(standby->Tcb), KTHREAD_STATE::Ready);
        KeSetPriorityThread(KeGetCurrentThread(), 8);
        EXPECT_EQ(KeGetCurrentPrcb()->NextThread, &standby->Tcb);
    });
}

// SCH-03
TEST_F(PriorityTest, WaitingThreadHasItsNewPriorityWhenItIsReleased) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        std::string order;
        Thread* const waiter = machine->Spawn(9, [&] {
            Await(&event);
            order += "waiter ";
        });
        KeSetPriorityThread(&waiter->Tcb, 3);
        KeSetEvent(&event, 0, FALSE);
        order += "test ";
        Await(&waiter->Tcb);
        EXPECT_EQ(order, "test waiter ");
    });
}

// SCH-03, KPR-15
TEST_F(PriorityTest, BasePriorityIsTheProcessesPlusAnIncrementWithinTheClass) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        EXPECT_EQ(KeQueryBasePriorityThread(self), 0);
        EXPECT_EQ(KeSetBasePriorityThread(self, 2), 0);
        EXPECT_EQ(self->BasePriority, 10);
        EXPECT_EQ(KeQueryPriorityThread(self), 10);
        EXPECT_EQ(KeSetBasePriorityThread(self, 100), 2);
        EXPECT_EQ(self->BasePriority, 15) << "an increment does not lead into the real-time class";
        KeSetBasePriorityThread(self, -100);
        EXPECT_EQ(self->BasePriority, 1);
        KeSetBasePriorityThread(self, 0);
        EXPECT_EQ(KeQueryPriorityThread(self), 8);
    });
}

// SCH-03
TEST_F(PriorityTest, BoostStaysOnTopOfANewBase) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KeBoostPriorityThread(self, 3);
        KeSetBasePriorityThread(self, 2);
        EXPECT_EQ(self->BasePriority, 10);
        EXPECT_EQ(self->Priority, 13);
    });
}

// SCH-02, SCH-19
TEST_F(PriorityTest, BoostEndsBelowTheRealtimeClassAndLeavesItAlone) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KeBoostPriorityThread(self, 100);
        EXPECT_EQ(self->Priority, 15);
        KeSetPriorityThread(self, 20);
        KeBoostPriorityThread(self, 3);
        EXPECT_EQ(self->Priority, 20);
    });
}

// KPR-15, SCH-03
TEST_F(PriorityTest, ProcessPriorityTakesItsThreadsAlong) {
    Run([&] {
        Thread* const thread = machine->Spawn(5, [] {});
        EXPECT_EQ(KeSetPriorityProcess(&machine->SystemProcess, 10), 8);
        EXPECT_EQ(KeGetCurrentThread()->BasePriority, 10);
        EXPECT_EQ(thread->Tcb.BasePriority, 7);
        EXPECT_EQ(thread->Tcb.Priority, 7);
    });
}

// SCH-03
TEST_F(PriorityTest, EventSaysOldNewAndWhy) {
    Run([&] {
        machine->ForgetEvents();
        KeSetPriorityThread(KeGetCurrentThread(), 9);
        KeBoostPriorityThread(KeGetCurrentThread(), 2);
        std::vector<std::vector<ULONG_PTR>> seen;
        for (const Event& event : machine->Events())
            if (event.Kind == ETW_EVENT::Priority)
                seen.push_back({event.Argument[1], event.Argument[2], event.Argument[3]});
        EXPECT_EQ(seen, (std::vector<std::vector<ULONG_PTR>>{{8, 9, 0}, {9, 11, 1}}));
    });
}

namespace {

/// The book's policy, which lets the other processors do something just before it says what a quantum end costs.
class Interrupted final : public KSCHEDULING_POLICY {
public:
    std::function<void()> Meanwhile;

    KPRIORITY PriorityAfterWait(KTHREAD& thread, KPRIORITY increment) override {
        return m_book.PriorityAfterWait(thread, increment);
    }
    KPRIORITY PriorityAfterQuantum(KTHREAD& thread) override {
        const KPRIORITY priority = m_book.PriorityAfterQuantum(thread);
        if (Meanwhile) std::exchange(Meanwhile, nullptr)();
        return priority;
    }
    KPRIORITY PriorityWhenStarved(KTHREAD& thread, ULONG ticks) override {
        const KPRIORITY priority = m_book.PriorityWhenStarved(thread, ticks);
        if (priority != thread.Priority && Meanwhile) std::exchange(Meanwhile, nullptr)();
        return priority;
    }

private:
    KiDefaultPolicy m_book;
};

/// On processor 1 a thread that does `change` as soon as `go` is set.
Thread* ChangeElsewhere(Machine& machine, const bool& go, std::function<void()> change) {
    Thread* const changer = machine.Make(20, [&machine, &go, change = std::move(change)] {
        while (!go)
            machine.LetOthersRun();
        change();
    });
    KeSetAffinityThread(&changer->Tcb, 2);
    KeReadyThread(&changer->Tcb);
    return changer;
}

} // namespace

// SCH-02, SCH-11: the quantum ends on one processor while another sets the priority
TEST_F(PriorityTest, SetDuringAQuantumEndDoesNotLeaveThePriorityBelowTheBase) {
    for (const bool byBase : {false, true}) {
        Interrupted policy;
        Run(
            [&] {
                KTHREAD* const self = KeGetCurrentThread();
                KeSetAffinityThread(self, 1);
                (void)KeSetPriorityThread(self, 8);
                KeBoostPriorityThread(self, 4);
                (void)KeSetSchedulingPolicy(&policy);
                bool go = false;
                Thread* const changer = ChangeElsewhere(*machine, go, [&] {
                    (void)(byBase ? KeSetBasePriorityThread(self, 4) : KeSetPriorityThread(self, 12));
                });
                policy.Meanwhile = [&] {
                    go = true;
                    for (int turn = 0; turn < 5; turn++)
                        machine->Yield();
                };
                machine->Tick(2); // the turn is over
                Await(&changer->Tcb);
                EXPECT_EQ(self->BasePriority, 12);
                EXPECT_GE(self->Priority, self->BasePriority);
                (void)KeSetSchedulingPolicy(nullptr);
            },
            2);
    }
}

// SCH-18, SCH-19: a starved thread is relieved on one processor while another boosts it
TEST_F(PriorityTest, BoostDoesNotUndoARelief) {
    Interrupted policy;
    Run(
        [&] {
            KeSetAffinityThread(KeGetCurrentThread(), 1);
            (void)KeSetPriorityThread(KeGetCurrentThread(), 18);
            (void)KeSetSchedulingPolicy(&policy);
            Thread* const starved = machine->Make(4, [] {});
            KeSetAffinityThread(&starved->Tcb, 1);
            KeReadyThread(&starved->Tcb);
            machine->Tick(STARVATION_TICKS);
            bool go = false;
            Thread* const booster = ChangeElsewhere(*machine, go, [&] { KeBoostPriorityThread(&starved->Tcb, 2); });
            policy.Meanwhile = [&] {
                go = true;
                for (int turn = 0; turn < 5; turn++)
                    machine->Yield();
            };
            EXPECT_EQ(KiScanReadyQueues(KeGetCurrentPrcb()), 1u);
            while (StateOf(booster->Tcb) != KTHREAD_STATE::Terminated)
                machine->LetOthersRun();
            EXPECT_EQ(starved->Tcb.Priority, 15);
            EXPECT_EQ(starved->Tcb.PriorityDecrement, 11);
            (void)KeSetSchedulingPolicy(nullptr);
        },
        2);
}
