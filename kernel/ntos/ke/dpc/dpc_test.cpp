// Deferred procedure calls.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using DpcTest = KernelTest;

namespace {

/// A DPC with a lambda.
struct Call {
    KDPC Dpc;
    std::function<void()> Body;

    explicit Call(std::function<void()> body) : Body(std::move(body)) { KeInitializeDpc(&Dpc, Run, this); }
    bool Queue() { return KeInsertQueueDpc(&Dpc, nullptr, nullptr); }
    static void NTAPI Run(PKDPC, PVOID context, PVOID, PVOID) { static_cast<Call*>(context)->Body(); }
};

} // namespace

// INT-05, INT-06
TEST_F(DpcTest, RunsAtDispatchLevelWhenTheIrqlFallsBelow) {
    Run([&] {
        bool ran = false;
        Call call([&] {
            ran = true;
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
            EXPECT_TRUE(KeGetCurrentPrcb()->DpcRoutineActive);
        });
        machine->Interrupt([&] {
            EXPECT_TRUE(call.Queue());
            EXPECT_FALSE(ran);
        });
        EXPECT_TRUE(ran);
        EXPECT_FALSE(KeGetCurrentPrcb()->DpcRoutineActive);
        EXPECT_EQ(KeGetCurrentPrcb()->DpcData.DpcQueueDepth, 0u);
    });
}

// INT-05
TEST_F(DpcTest, GetsItsArguments) {
    Run([&] {
        static std::vector<PVOID> seen;
        seen.clear();
        KDPC dpc;
        int context, first, second;
        KeInitializeDpc(
            &dpc,
            [](PKDPC self, PVOID c, PVOID a, PVOID b) {
                seen = {self, c, a, b};
            },
            &context);
        KeInsertQueueDpc(&dpc, &first, &second);
        EXPECT_EQ(seen, (std::vector<PVOID>{&dpc, &context, &first, &second}));
    });
}

// INT-05, INT-06
TEST_F(DpcTest, QueueIsInOrderHighImportanceFirst) {
    Run([&] {
        std::string order;
        Call a([&] { order += 'a'; }), b([&] { order += 'b'; }), high([&] { order += 'H'; });
        KeSetImportanceDpc(&high.Dpc, KDPC_IMPORTANCE::HighImportance);
        machine->Interrupt([&] {
            a.Queue();
            b.Queue();
            high.Queue();
            EXPECT_EQ(KeGetCurrentPrcb()->DpcData.DpcQueueDepth, 3u);
        });
        EXPECT_EQ(order, "Hab");
    });
}

// INT-05
TEST_F(DpcTest, QueuedOnceAtATime) {
    Run([&] {
        int runs = 0;
        Call call([&] { runs++; });
        machine->Interrupt([&] {
            EXPECT_TRUE(call.Queue());
            EXPECT_FALSE(call.Queue());
        });
        EXPECT_EQ(runs, 1);
        EXPECT_TRUE(call.Queue()) << "it may be queued again once it has left the queue";
        EXPECT_EQ(runs, 2);
    });
}

// INT-05
TEST_F(DpcTest, MayQueueItselfFromItsRoutine) {
    Run([&] {
        int runs = 0;
        Call call([] {});
        call.Body = [&] {
            if (++runs < 5) EXPECT_TRUE(call.Queue());
        };
        call.Queue();
        EXPECT_EQ(runs, 5);
    });
}

// INT-05
TEST_F(DpcTest, RemovedItDoesNotRun) {
    Run([&] {
        Call call([] { ADD_FAILURE() << "it was removed"; });
        machine->Interrupt([&] {
            call.Queue();
            EXPECT_TRUE(KeRemoveQueueDpc(&call.Dpc));
            EXPECT_FALSE(KeRemoveQueueDpc(&call.Dpc));
        });
        EXPECT_EQ(KeGetCurrentPrcb()->DpcData.DpcQueueDepth, 0u);
        bool ran = false;
        call.Body = [&] { ran = true; };
        call.Queue();
        EXPECT_TRUE(ran) << "the interrupt that found an empty queue is not counted on any more";
    });
}

// INT-06, SCH-13
TEST_F(DpcTest, AllDpcsRunBeforeAnyThreadThatTheyReadied) {
    Run([&] {
        std::string order;
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        machine->Spawn(31, [&] {
            Await(&event);
            order += "thread ";
        });
        Call first([&] {
            KeSetEvent(&event, 0, FALSE);
            order += "first ";
        });
        Call second([&] { order += "second "; });
        machine->Interrupt([&] {
            first.Queue();
            second.Queue();
        });
        EXPECT_EQ(order, "first second thread ");
    });
}

// INT-06
TEST_F(DpcTest, DoesNotMaskInterrupts) {
    Run([&] {
        bool interrupted = false;
        Call call([&] { machine->Interrupt([&] { interrupted = true; }); });
        call.Queue();
        EXPECT_TRUE(interrupted);
    });
}

// INT-05
TEST_F(DpcTest, LowImportanceWaitsForTheClockOrForCompany) {
    Run([&] {
        int runs = 0;
        KeGetCurrentPrcb()->DpcRequestRate = 100; // many DPCs come
        Call low([&] { runs++; }), medium([&] { runs++; });
        KeSetImportanceDpc(&low.Dpc, KDPC_IMPORTANCE::LowImportance);
        low.Queue();
        EXPECT_EQ(runs, 0);
        machine->Tick();
        EXPECT_EQ(runs, 1);
        low.Queue();
        medium.Queue();
        EXPECT_EQ(runs, 3);
    });
}

// INT-05
TEST_F(DpcTest, RunsOnItsTargetProcessor) {
    Run(
        [&] {
            machine->LetOthersRun();
            std::vector<ULONG> processors;
            Call call([&] { processors.push_back(KeGetCurrentProcessorNumber()); });
            KeSetTargetProcessorDpc(&call.Dpc, 1);
            call.Queue();
            EXPECT_TRUE(processors.empty());
            machine->LetOthersRun();
            KeSetTargetProcessorDpc(&call.Dpc, 0);
            call.Queue();
            EXPECT_EQ(processors, (std::vector<ULONG>{1, 0}));
        },
        2);
}

// INT-06, SCH-13
TEST_F(DpcTest, WaitInADpcIsABugcheck) {
    RunUntilBugCheck(ATTEMPTED_SWITCH_FROM_DPC, [&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Call call([&] {
            KeGetPcr()->Irql = APC_LEVEL; // past the IRQL contract
            (void)WaitFor(&event);
        });
        call.Queue();
    });
}

// INT-06
TEST_F(DpcTest, ReturningAtAnotherIrqlIsCaught) {
    RunUntilAssertion("DISPATCH_LEVEL", [&] {
        Call call([&] { KfRaiseIrql(DEVICE_LEVEL_FIRST); });
        call.Queue();
    });
}

// INT-05
TEST_F(DpcTest, IdleProcessorDrainsItsQueue) {
    Run([&] {
        KTIMER timer;
        int runs = 0;
        Call call([&] {
            runs++;
            EXPECT_EQ(KeGetCurrentThread(), KeGetCurrentPrcb()->IdleThread);
        });
        KeInitializeTimer(&timer);
        KeSetTimer(&timer, Ticks(2), &call.Dpc);
        Sleep(5);
        EXPECT_EQ(runs, 1);
    });
}
