// Gates: signal and wait in either order, hand-off, boost, and what they do not touch.
#include "ke/ki.h"
#include "waits.h"

#include <random>

using namespace host;
using GateTest = KernelTest;

namespace {

void WaitForGate(KGATE* gate) { KeWaitForGate(gate, KWAIT_REASON::WrGuardedMutex, KernelMode); }

} // namespace

// DSP-10
TEST_F(GateTest, SignalBeforeTheWaitIsKeptAndConsumed) {
    Run([&] {
        KGATE gate;
        KeInitializeGate(&gate);
        EXPECT_EQ(gate.Header.Type, KOBJECTS::GateObject);
        KeSignalGateBoostPriority(&gate);
        KeSignalGateBoostPriority(&gate);
        EXPECT_EQ(gate.Header.SignalState, 1) << "signals do not add up";
        const ULONG switches = KeGetCurrentThread()->ContextSwitches;
        WaitForGate(&gate);
        EXPECT_EQ(KeGetCurrentThread()->ContextSwitches, switches);
        EXPECT_EQ(gate.Header.SignalState, 0);
    });
}

// DSP-10
TEST_F(GateTest, WaitingThreadIsInGateWaitAndOnTheGatesList) {
    Run([&] {
        KGATE gate;
        KeInitializeGate(&gate);
        Thread* const waiter = machine->Spawn(9, [&] { WaitForGate(&gate); });
        KTHREAD& tcb = waiter->Tcb;
        EXPECT_EQ(StateOf(tcb), KTHREAD_STATE::GateWait);
        EXPECT_EQ(tcb.GateObject, &gate);
        EXPECT_EQ(tcb.WaitReason, KWAIT_REASON::WrGuardedMutex);
        EXPECT_EQ(gate.Header.WaitListHead.Flink, &tcb.WaitBlock[0].WaitListEntry);
        EXPECT_EQ(tcb.WaitBlockList, &tcb.WaitBlock[0]);
        EXPECT_EQ(tcb.WaitBlock[0].Object, &gate.Header);
        KeSignalGateBoostPriority(&gate);
        EXPECT_EQ(StateOf(tcb), KTHREAD_STATE::Terminated);
        EXPECT_EQ(tcb.GateObject, nullptr);
        EXPECT_TRUE(IsListEmpty(&gate.Header.WaitListHead));
        EXPECT_EQ(gate.Header.SignalState, 0) << "handed over, not left for another";
    });
}

// DSP-10, DSP-17
TEST_F(GateTest, EverySignalWakesOneThreadTheLongestWaiting) {
    Run([&] {
        KGATE gate;
        KeInitializeGate(&gate);
        std::string order;
        for (char name : {'a', 'b', 'c'}) {
            machine->Spawn(9, [&, name] {
                WaitForGate(&gate);
                order += name;
            });
        }
        KeSignalGateBoostPriority(&gate);
        EXPECT_EQ(order, "a");
        KeSignalGateBoostPriority(&gate);
        KeSignalGateBoostPriority(&gate);
        EXPECT_EQ(order, "abc");
        EXPECT_EQ(gate.Header.SignalState, 0);
    });
}

// DSP-10: the hand-off works while another processor holds the dispatcher database
TEST_F(GateTest, NeitherSignalNorWaitNeedsTheDispatcherDatabase) {
    Run([&] {
        KGATE gate;
        KeInitializeGate(&gate);
        bool woken = false;
        machine->Spawn(4, [&] {
            WaitForGate(&gate);
            woken = true;
        });
        Sleep(1);
        const KIRQL old = KiLockDispatcherDatabase();
        KiUnlockDispatcherDatabaseFromSynchLevel();
        // The lock as another processor would hold it: a routine that touches it from here on would spin for ever.
        KiDispatcherLock.Value = 1;
        KiAfterAcquireLock(&KiDispatcherLock, KLOCK_RANK::None); // the checks catch that routine instead
        KeSignalGateBoostPriority(&gate);
        KiBeforeReleaseLock(&KiDispatcherLock);
        KiDispatcherLock.Value = 0;
        KfLowerIrql(old);
        Sleep(1);
        EXPECT_TRUE(woken);
    });
}

// DSP-10, SCH-19
TEST_F(GateTest, WokenThreadIsRaisedToThePriorityOfWhoSignals) {
    Run([&] {
        struct {
            KPRIORITY Signaller, Waiter, Expected;
            bool Disabled;
        } const cases[] = {
            {11, 6, 11, false}, // the caller would only wait for it
            {6, 11, 11, false}, // never lowered
            {15, 6, 13, false}, // 14 and 15 are not given away
            {24, 6, 13, false}, // nor is a real-time priority
            {6, 24, 24, false}, {11, 6, 6, true},
        };
        for (const auto& each : cases) {
            KGATE gate;
            KeInitializeGate(&gate);
            KPRIORITY seen = 0;
            Thread* const waiter = machine->Spawn(each.Waiter, [&] {
                WaitForGate(&gate);
                seen = KeQueryPriorityThread(KeGetCurrentThread());
            });
            Sleep(1);
            (void)KeSetDisableBoostThread(&waiter->Tcb, each.Disabled);
            (void)KeSetPriorityThread(KeGetCurrentThread(), each.Signaller);
            KeSignalGateBoostPriority(&gate);
            (void)KeSetPriorityThread(KeGetCurrentThread(), 8);
            Sleep(1);
            EXPECT_EQ(seen, each.Expected) << each.Signaller << " wakes " << each.Waiter;
        }
    });
}

// DSP-06, DSP-10
TEST_F(GateTest, WaitForAGateLetsAnotherThreadOfTheQueueIn) {
    Run([&] {
        KQUEUE queue;
        KGATE gate;
        KeInitializeQueue(&queue, 1);
        KeInitializeGate(&gate);
        LIST_ENTRY first, second;
        std::string order;
        for (char name : {'1', '2'}) {
            machine->Spawn(9, [&, name] {
                (void)KeRemoveQueue(&queue, KernelMode, nullptr);
                order += name;
                if (name == '2') WaitForGate(&gate);
                if (name == '2') {
                    EXPECT_EQ(queue.CurrentCount, 1u);
                }
            });
        }
        KeInsertQueue(&queue, &first);
        EXPECT_EQ(queue.CurrentCount, 0u);
        KeInsertQueue(&queue, &second);
        EXPECT_EQ(order, "21");
        KeSignalGateBoostPriority(&gate);
        EXPECT_EQ(queue.CurrentCount, 0u);
    });
}

// DSP-10: as many wake-ups as signals that found a waiter, on any number of processors
TEST_F(GateTest, RandomSignalsOnSeveralProcessors) {
    for (ULONG processors = 1; processors <= 4; processors++) {
        Run(
            [&] {
                std::mt19937 random(Seed());
                KGATE gate;
                KeInitializeGate(&gate);
                constexpr int rounds = 300;
                int passed = 0, inside = 0;
                // The gate as a lock: who passes signals it for the next one.
                for (int i = 0; i < 5; i++) {
                    machine->Spawn(KPRIORITY(6 + i), [&] {
                        for (int round = 0; round < rounds; round++) {
                            WaitForGate(&gate);
                            EXPECT_EQ(++inside, 1);
                            if (random() % 2) machine->LetOthersRun();
                            if (random() % 8 == 0) Sleep(1);
                            inside--;
                            passed++;
                            KeSignalGateBoostPriority(&gate);
                        }
                    });
                }
                KeSignalGateBoostPriority(&gate);
                Sleep(5000);
                EXPECT_EQ(passed, 5 * rounds);
                EXPECT_EQ(gate.Header.SignalState, 1);
            },
            processors);
        if (HasFailure()) break;
    }
}
