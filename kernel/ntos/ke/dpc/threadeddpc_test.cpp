// Threaded DPCs, flushing, and the watchdog.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using ThreadedDpcTest = KernelTest;

namespace {

struct Call {
    KDPC Dpc;
    std::function<void()> Body;

    explicit Call(std::function<void()> body, bool threaded = true) : Body(std::move(body)) {
        if (threaded) {
            KeInitializeThreadedDpc(&Dpc, Run, this);
        } else {
            KeInitializeDpc(&Dpc, Run, this);
        }
    }
    bool Queue() { return KeInsertQueueDpc(&Dpc, nullptr, nullptr); }
    static void NTAPI Run(PKDPC, PVOID context, PVOID, PVOID) { static_cast<Call*>(context)->Body(); }
};

void StartDpcThreads(Machine& machine, ULONG processors = 1) {
    for (ULONG_PTR number = 0; number < processors; number++)
        machine.Spawn(HIGH_PRIORITY, [number] { KiExecuteDpc(reinterpret_cast<PVOID>(number)); });
    if (processors > 1) machine.LetOthersRun();
}

} // namespace

// INT-05
TEST_F(ThreadedDpcTest, RunsInItsThreadAtPassiveLevel) {
    Run([&] {
        StartDpcThreads(*machine);
        const KTHREAD* ranIn = nullptr;
        KIRQL level = HIGH_LEVEL;
        Call call([&] {
            ranIn = KeGetCurrentThread();
            level = KeGetCurrentIrql();
            EXPECT_FALSE(KeGetCurrentPrcb()->DpcRoutineActive);
        });
        machine->Interrupt([&] {
            EXPECT_TRUE(call.Queue());
            EXPECT_FALSE(call.Queue());
            EXPECT_EQ(KeGetCurrentPrcb()->ThreadedDpcData.DpcQueueDepth, 1u);
        });
        ASSERT_NE(ranIn, nullptr);
        EXPECT_NE(ranIn, KeGetCurrentThread());
        EXPECT_EQ(ranIn->Priority, HIGH_PRIORITY);
        EXPECT_EQ(unsigned(level), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(KeGetCurrentPrcb()->ThreadedDpcData.DpcQueueDepth, 0u);
    });
}

// INT-05
TEST_F(ThreadedDpcTest, OrdinaryDpcsComeInBetweenAndOtherThreadsDoNot) {
    Run([&] {
        StartDpcThreads(*machine);
        std::string order;
        Call ordinary([&] { order += "ordinary "; }, false);
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        machine->Spawn(30, [&] {
            Await(&event);
            order += "thread ";
        });
        Call second([&] { order += "second "; });
        Call first([&] {
            order += "first ";
            KeSetEvent(&event, 0, FALSE);
            machine->Interrupt([&] { ordinary.Queue(); });
            order += "first-ends ";
        });
        machine->Interrupt([&] {
            first.Queue();
            second.Queue();
        });
        EXPECT_EQ(order, "first ordinary first-ends second thread ");
    });
}

// INT-05
TEST_F(ThreadedDpcTest, IsAnOrdinaryOneWithoutItsThread) {
    Run([&] {
        KIRQL level = PASSIVE_LEVEL;
        Call call([&] { level = KeGetCurrentIrql(); });
        call.Queue();
        EXPECT_EQ(unsigned(level), unsigned(DISPATCH_LEVEL));
    });
}

// INT-05, SYH-05, SYH-08
TEST_F(ThreadedDpcTest, ForDpcRaisesOnlyInTheThread) {
    Run([&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        std::vector<unsigned> levels;
        const auto body = [&] {
            const KIRQL before = KeGetCurrentIrql();
            const KIRQL old = KeAcquireSpinLockForDpc(&lock);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
            KeReleaseSpinLockForDpc(&lock, old);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(before));
            KLOCK_QUEUE_HANDLE handle;
            KeAcquireInStackQueuedSpinLockForDpc(&lock, &handle);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
            KeReleaseInStackQueuedSpinLockForDpc(&handle);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(before));
            levels.push_back(unsigned(before));
        };
        Call call(body);
        call.Queue();
        StartDpcThreads(*machine);
        call.Queue();
        EXPECT_EQ(levels, (std::vector<unsigned>{2, 0}));
    });
}

// INT-05
TEST_F(ThreadedDpcTest, RemovedItDoesNotRun) {
    Run([&] {
        StartDpcThreads(*machine);
        Call call([] { ADD_FAILURE() << "it was removed"; });
        machine->Interrupt([&] {
            call.Queue();
            EXPECT_TRUE(KeRemoveQueueDpc(&call.Dpc));
        });
        EXPECT_EQ(KeGetCurrentPrcb()->ThreadedDpcData.DpcQueueDepth, 0u);
    });
}

// INT-05
TEST_F(ThreadedDpcTest, RunsOnItsTargetProcessor) {
    Run(
        [&] {
            StartDpcThreads(*machine, 2);
            std::vector<ULONG> processors;
            Call call([&] { processors.push_back(KeGetCurrentProcessorNumber()); });
            for (CHAR number : {1, 0}) {
                KeSetTargetProcessorDpc(&call.Dpc, number);
                call.Queue();
                machine->LetOthersRun();
            }
            EXPECT_EQ(processors, (std::vector<ULONG>{1, 0}));
        },
        2);
}

// INT-05, INT-06
TEST_F(ThreadedDpcTest, FlushWaitsForEveryQueueOfEveryProcessor) {
    Run(
        [&] {
            StartDpcThreads(*machine, 2);
            int runs = 0;
            Call low([&] { runs++; }, false), threaded([&] { runs++; }), far([&] { runs++; }, false);
            KiProcessorBlock[0]->DpcRequestRate = 100;
            KeSetImportanceDpc(&low.Dpc, KDPC_IMPORTANCE::LowImportance);
            KeSetTargetProcessorDpc(&far.Dpc, 1);
            low.Queue();
            EXPECT_EQ(runs, 0);
            {
                nt::DispatchLevelGuard level;
                threaded.Queue();
                far.Queue();
            }
            KeFlushQueuedDpcs();
            EXPECT_EQ(runs, 3);
        },
        2);
}

// INT-06, INT-07
TEST_F(ThreadedDpcTest, WatchdogStopsADpcThatDoesNotEnd) {
    RunUntilBugCheck(DPC_WATCHDOG_VIOLATION, [&] {
        Call call([&] { machine->Tick(101); }, false);
        call.Queue();
    });
    EXPECT_EQ(machine->Stopped().Parameter[0], 0u) << "one DPC";
    EXPECT_EQ(machine->Stopped().Parameter[1], 101u);
}

// INT-06, INT-07
TEST_F(ThreadedDpcTest, WatchdogStopsAProcessorThatStaysAtDispatchLevel) {
    RunUntilBugCheck(DPC_WATCHDOG_VIOLATION, [&] {
        nt::DispatchLevelGuard level;
        machine->Tick(1201);
    });
    EXPECT_EQ(machine->Stopped().Parameter[0], 1u) << "the whole stretch";
    Run([&] {
        for (int i = 0; i < 4; i++) {
            {
                nt::DispatchLevelGuard level;
                machine->Tick(1199);
            }
            machine->Tick(); // it came down
        }
    });
}

// INT-06, SYH-05
TEST_F(ThreadedDpcTest, DpcThatKeepsASpinLockIsCaught) {
    RunUntilAssertion("HeldLockCount", [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        Call call([&] { KefAcquireSpinLockAtDpcLevel(&lock); }, false);
        call.Queue();
    });
}
