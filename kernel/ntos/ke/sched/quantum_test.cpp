// Quantum: what a tick costs, what happens when nothing is left. The test drives the clock.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using QuantumTest = KernelTest;

namespace {

constexpr ULONG TicksOfATurn = THREAD_QUANTUM / CLOCK_QUANTUM_DECREMENT;

} // namespace

// SCH-11, SCH-13, KPR-15
TEST_F(QuantumTest, ThreadsOfOnePriorityTakeTurns) {
    Run([&] {
        std::string order;
        const auto worker = [&](char name) {
            return [&, name] {
                for (ULONG tick = 0; tick < 2 * TicksOfATurn; tick++) {
                    order += name;
                    machine->Tick();
                }
            };
        };
        Thread* const a = machine->Spawn(6, worker('a'));
        Thread* const b = machine->Spawn(6, worker('b'));
        Thread* const c = machine->Spawn(6, worker('c'));
        Await(&a->Tcb);
        Await(&b->Tcb);
        Await(&c->Tcb);
        EXPECT_EQ(order, "aabbccaabbcc");
    });
}

// SCH-11
TEST_F(QuantumTest, AloneAtItsPriorityAThreadGoesOnWithANewQuantum) {
    Run([&] {
        machine->Spawn(7, [] { ADD_FAILURE() << "a lower priority gets no turn"; });
        KTHREAD* const self = KeGetCurrentThread();
        const ULONG switches = self->ContextSwitches;
        machine->Tick();
        EXPECT_EQ(self->Quantum, THREAD_QUANTUM - CLOCK_QUANTUM_DECREMENT);
        machine->Tick();
        EXPECT_EQ(self->Quantum, THREAD_QUANTUM);
        EXPECT_EQ(self->ContextSwitches, switches);
        EXPECT_FALSE(KeGetCurrentPrcb()->QuantumEnd); // asked for once, handled once
    });
}

// SCH-11, SCH-12
TEST_F(QuantumTest, PreemptedThreadFinishesItsTurnBeforeItsEquals) {
    Run([&] {
        std::string order;
        Thread* const a = machine->Spawn(6, [&] {
            order += 'a';
            machine->Tick();
            machine->Spawn(9, [&] { order += 'H'; });
            order += 'a';
            machine->Tick();
            order += 'a';
        });
        Thread* const b = machine->Spawn(6, [&] { order += 'b'; });
        Await(&a->Tcb);
        Await(&b->Tcb);
        EXPECT_EQ(order, "aHaba");
    });
}

// SCH-03, SCH-11
TEST_F(QuantumTest, BoostFadesByALevelEachTurn) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KeBoostPriorityThread(self, 3);
        EXPECT_EQ(self->Priority, 11);
        for (KPRIORITY expected : {10, 9, 8, 8}) {
            machine->Tick(TicksOfATurn);
            EXPECT_EQ(self->Priority, expected);
        }
    });
}

// SCH-02, SCH-11
TEST_F(QuantumTest, RealtimeThreadsTakeTurnsAndKeepTheirPriority) {
    Run([&] {
        std::string order;
        Thread* const a = machine->Make(20, [&] {
            machine->Tick(TicksOfATurn);
            order += 'a';
            EXPECT_EQ(KeGetCurrentThread()->Priority, 20);
        });
        Thread* const b = machine->Make(20, [&] { order += 'b'; });
        {
            nt::DispatchLevelGuard guard;
            KeReadyThread(&a->Tcb);
            KeReadyThread(&b->Tcb);
        }
        EXPECT_EQ(order, "ba");
    });
}

// SCH-11, KPR-14
TEST_F(QuantumTest, ProcessMayDisableTheQuantumOfItsRealtimeThreads) {
    Run([&] {
        InterlockedOr(&machine->SystemProcess.ProcessFlags, KPROCESS_DISABLE_QUANTUM);
        std::string order;
        Thread* const a = machine->Make(20, [&] {
            machine->Tick(3 * TicksOfATurn);
            order += 'a';
        });
        Thread* const b = machine->Make(20, [&] { order += 'b'; });
        {
            nt::DispatchLevelGuard guard;
            KeReadyThread(&a->Tcb);
            KeReadyThread(&b->Tcb);
        }
        EXPECT_EQ(order, "ab");
    });
}

// SCH-11, SCH-13
TEST_F(QuantumTest, TurnThatEndsAtHighIrqlEndsWhenTheLevelFalls) {
    Run([&] {
        bool ran = false;
        machine->Spawn(8, [&] { ran = true; });
        {
            nt::DispatchLevelGuard guard;
            machine->Tick(86); // more units than a SCHAR holds
            EXPECT_FALSE(ran);
        }
        EXPECT_TRUE(ran);
        EXPECT_EQ(KeGetCurrentThread()->Quantum, THREAD_QUANTUM) << "no debt is carried over";
    });
}

// SCH-11, SCH-12
TEST_F(QuantumTest, TurnThatEndsWithAPreemptionIsOver) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        Thread* const equal = machine->Spawn(8, [] {});
        std::vector<KTHREAD*> seen;
        Thread* const high = machine->Make(12, [&] {
            for (KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(KeGetCurrentPrcb()->DispatcherReadyListHead[8]))
                seen.push_back(thread);
        });
        {
            nt::DispatchLevelGuard guard;
            KeReadyThread(&high->Tcb);
            EXPECT_TRUE(self->Preempted);
            machine->Tick(TicksOfATurn);
        }
        EXPECT_EQ(seen, (std::vector<KTHREAD*>{&equal->Tcb, self})) << "it has no claim to the head of its queue";
    });
}

// SCH-11
TEST_F(QuantumTest, TurnThatWasRenewedMeanwhileDoesNotEnd) {
    Run([&] {
        bool ran = false;
        machine->Spawn(8, [&] { ran = true; });
        {
            nt::DispatchLevelGuard guard;
            machine->Tick(TicksOfATurn);
            KeSetPriorityThread(KeGetCurrentThread(), 8); // begins a new turn
        }
        EXPECT_FALSE(ran);
    });
}

// SCH-11
TEST_F(QuantumTest, YieldGivesTheTurnToAnEqualOnly) {
    Run([&] {
        EXPECT_EQ(Code(KeYieldExecution()), Code(STATUS_NO_YIELD_PERFORMED));
        machine->Spawn(7, [] { ADD_FAILURE() << "a lower priority gets no turn"; });
        EXPECT_EQ(Code(KeYieldExecution()), Code(STATUS_NO_YIELD_PERFORMED));
        bool ran = false;
        machine->Spawn(8, [&] { ran = true; });
        machine->Tick();
        EXPECT_EQ(Code(KeYieldExecution()), Code(STATUS_SUCCESS));
        EXPECT_TRUE(ran);
        EXPECT_EQ(KeGetCurrentThread()->Quantum, THREAD_QUANTUM);
        EXPECT_EQ(KeGetCurrentThread()->Priority, 8);
    });
}

// SCH-11
TEST_F(QuantumTest, EventNamesTheThreadWhoseTurnEnded) {
    Run([&] {
        machine->ForgetEvents();
        machine->Tick(TicksOfATurn);
        ULONG ends = 0;
        for (const Event& event : machine->Events()) {
            if (event.Kind != ETW_EVENT::QuantumEnd) continue;
            ends++;
            EXPECT_EQ(event.Argument[0], reinterpret_cast<ULONG_PTR>(KeGetCurrentThread()));
        }
        EXPECT_EQ(ends, 1u);
    });
}
