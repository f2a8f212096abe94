// Waiting for one object: fast path, time-outs, wait blocks, and the hand-over from KeSetEvent.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using WaitTest = KernelTest;

// DSP-14
TEST_F(WaitTest, SignaledObjectIsTakenWithoutWaiting) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, TRUE);
        const ULONG switches = KeGetCurrentThread()->ContextSwitches;
        EXPECT_EQ(Code(WaitFor(&event)), Code(STATUS_SUCCESS));
        EXPECT_EQ(KeGetCurrentThread()->ContextSwitches, switches);
        EXPECT_EQ(KeReadStateEvent(&event), 0);
    });
}

// DSP-14
TEST_F(WaitTest, TimeoutOfZeroOnlyTests) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        EXPECT_EQ(Code(WaitFor(&event, Ticks(0))), Code(STATUS_TIMEOUT));
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(Code(WaitFor(&event, Ticks(0))), Code(STATUS_SUCCESS));
        EXPECT_EQ(KeReadStateEvent(&event), 0);
    });
}

// DSP-09, DSP-14, HAL-07
TEST_F(WaitTest, RelativeTimeoutEndsTheWaitAfterAtLeastItsTime) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        for (LONGLONG ticks : {1, 2, 7, 255, 256, 257, 1000}) {
            const ULONGLONG before = KeQueryInterruptTime();
            EXPECT_EQ(Code(WaitFor(&event, Ticks(ticks))), Code(STATUS_TIMEOUT));
            const ULONGLONG waited = KeQueryInterruptTime() - before;
            EXPECT_EQ(waited, ULONGLONG(ticks) * KeQueryTimeIncrement());
        }
        EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
    });
}

// HAL-07, DSP-14
TEST_F(WaitTest, TimesBetweenTicksAreRoundedUp) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        const ULONGLONG before = KeQueryInterruptTime();
        EXPECT_EQ(Code(WaitFor(&event, After(1))), Code(STATUS_TIMEOUT));
        EXPECT_EQ(KeQueryInterruptTime() - before, KeQueryTimeIncrement());
    });
}

// HAL-07, DSP-14
TEST_F(WaitTest, AbsoluteTimeoutIsATimeOfDay) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        LARGE_INTEGER now, set;
        set.QuadPart = 125'911'584'000'000'000; // 2000-01-01
        KeSetSystemTime(&set, &now);
        LARGE_INTEGER due;
        due.QuadPart = set.QuadPart + 5 * LONGLONG(KeQueryTimeIncrement());
        EXPECT_EQ(Code(WaitFor(&event, due)), Code(STATUS_TIMEOUT));
        KeQuerySystemTime(&now);
        EXPECT_EQ(now.QuadPart, due.QuadPart);
        EXPECT_EQ(Code(WaitFor(&event, set)), Code(STATUS_TIMEOUT)) << "the past is over at once";
        KeQuerySystemTime(&now);
        EXPECT_EQ(now.QuadPart, due.QuadPart);
    });
}

// DSP-12, SCH-08
TEST_F(WaitTest, WaitBlockLinksThreadAndObjectWhileItWaits) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread* const waiter = machine->Spawn(9, [&] { (void)WaitFor(&event, Ticks(50)); });
        KTHREAD& tcb = waiter->Tcb;
        EXPECT_EQ(StateOf(tcb), KTHREAD_STATE::Waiting);
        KWAIT_BLOCK* const block = tcb.WaitBlockList;
        EXPECT_EQ(block, &tcb.WaitBlock[0]);
        EXPECT_EQ(event.Header.WaitListHead.Flink, &block->WaitListEntry);
        EXPECT_EQ(block->Thread, &tcb);
        EXPECT_EQ(block->Object, &event.Header);
        EXPECT_EQ(block->WaitType, WaitAny);
        KWAIT_BLOCK* const timeout = block->NextWaitBlock;
        EXPECT_EQ(timeout, &tcb.WaitBlock[TIMER_WAIT_BLOCK]);
        EXPECT_EQ(timeout->Object, &tcb.Timer.Header);
        EXPECT_EQ(timeout->NextWaitBlock, block) << "the ring is closed";
        EXPECT_TRUE(tcb.Timer.Header.Inserted);

        KeSetEvent(&event, 0, FALSE);
        EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
        EXPECT_FALSE(tcb.Timer.Header.Inserted) << "the time-out is cancelled";
        EXPECT_EQ(Code(tcb.WaitStatus), Code(STATUS_SUCCESS));
    });
}

// DSP-12
TEST_F(WaitTest, WaitersAreReleasedInTheOrderOfWaiting) {
    Run([&] {
        KSEMAPHORE semaphore;
        KeInitializeSemaphore(&semaphore, 0, 100);
        std::string order;
        for (char name : {'a', 'b', 'c', 'd'}) {
            machine->Spawn(9, [&, name] {
                Await(&semaphore);
                order += name;
            });
        }
        KeReleaseSemaphore(&semaphore, 0, 4, FALSE);
        EXPECT_EQ(order, "abcd");
    });
}

// DSP-14, SCH-08
TEST_F(WaitTest, SignalAndWaitIsOneStep) {
    Run([&] {
        KEVENT request, reply;
        KeInitializeEvent(&request, SynchronizationEvent, FALSE);
        KeInitializeEvent(&reply, SynchronizationEvent, FALSE);
        std::string order;
        machine->Spawn(12, [&] {
            Await(&request);
            order += "server ";
            KeSetEvent(&reply, 0, FALSE);
        });
        KeSetEvent(&request, 0, TRUE);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(SYNCH_LEVEL)) << "the database is held";
        order += "client ";
        EXPECT_EQ(Code(WaitFor(&reply)), Code(STATUS_SUCCESS));
        EXPECT_EQ(order, "client server ");
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
    });
}

// DSP-14
TEST_F(WaitTest, WaitReturnsAtTheIrqlItWasCalledAt) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        EXPECT_EQ(Code(WaitFor(&event, Ticks(1))), Code(STATUS_TIMEOUT));
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(APC_LEVEL));
        KfLowerIrql(old);
    });
}

// SYH-01, INT-02
TEST_F(WaitTest, WaitAtDispatchLevelIsCaught) {
    RunUntilAssertion("APC_LEVEL", [&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        KfRaiseIrql(DISPATCH_LEVEL);
        Await(&event);
    });
}

// DSP-14
TEST_F(WaitTest, DelayOfNothingYields) {
    Run([&] {
        bool ran = false;
        machine->Spawn(8, [&] { ran = true; });
        LARGE_INTEGER nothing = Ticks(0);
        EXPECT_EQ(Code(KeDelayExecutionThread(KernelMode, FALSE, &nothing)), Code(STATUS_SUCCESS));
        EXPECT_TRUE(ran);
    });
}

// SCH-08, SCH-13
TEST_F(WaitTest, WaitingThreadLeavesTheProcessorToOthers) {
    Run([&] {
        std::string order;
        machine->Spawn(2, [&] { order += "low "; });
        Sleep(1);
        order += "test";
        EXPECT_EQ(order, "low test");
    });
}

// DSP-14
TEST_F(WaitTest, EventsTellOfWaitAndItsEnd) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread* const waiter = machine->Spawn(9, [&] { Await(&event); });
        machine->ForgetEvents();
        KeSetEvent(&event, 1, FALSE);
        const auto& events = machine->Events();
        ASSERT_GE(events.size(), 2u);
        EXPECT_EQ(events[0].Kind, ETW_EVENT::Signal);
        EXPECT_EQ(events[1].Kind, ETW_EVENT::Unwait);
        EXPECT_EQ(events[1].Argument[0], reinterpret_cast<ULONG_PTR>(&waiter->Tcb));
        EXPECT_EQ(events[1].Argument[2], 1u);
    });
}

// DSP-04, DSP-05, DSP-14
TEST_F(WaitTest, ReleaseAndWaitIsOneStepForSemaphoreAndMutant) {
    Run([&] {
        KSEMAPHORE semaphore;
        KMUTANT mutant;
        KEVENT done;
        KeInitializeSemaphore(&semaphore, 0, 1);
        KeInitializeMutant(&mutant, TRUE);
        KeInitializeEvent(&done, SynchronizationEvent, FALSE);
        std::string order;
        auto follow = [&](PVOID object) {
            machine->Spawn(12, [&, object] {
                Await(object);
                order += "other ";
                if (object == &mutant) KeReleaseMutant(&mutant, 0, FALSE, FALSE);
                KeSetEvent(&done, 0, FALSE);
            });
        };
        follow(&semaphore);
        EXPECT_EQ(KeReleaseSemaphore(&semaphore, 0, 1, TRUE), 0);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(SYNCH_LEVEL)) << "the database is held";
        order += "me ";
        Await(&done);
        follow(&mutant);
        EXPECT_EQ(KeReleaseMutant(&mutant, 0, FALSE, TRUE), 0);
        order += "me ";
        Await(&done);
        EXPECT_EQ(order, "me other me other ");
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
    });
}

// DSP-14: a signal that fails does not leave the database held
TEST_F(WaitTest, FailedReleaseAndWaitLeavesNothingLocked) {
    Run([&] {
        KSEMAPHORE semaphore;
        KMUTANT mutant;
        KeInitializeSemaphore(&semaphore, 1, 1);
        KeInitializeMutant(&mutant, FALSE);
        EXPECT_THROW(KeReleaseSemaphore(&semaphore, 0, 1, TRUE), RaisedStatus);
        EXPECT_THROW(KeReleaseMutant(&mutant, 0, FALSE, TRUE), RaisedStatus);
        EXPECT_FALSE(KeGetCurrentThread()->WaitNext);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(KiDispatcherLock.Value, 0u);
    });
}

// DSP-14, DSP-16: the wait that follows a signal may be for several objects
TEST_F(WaitTest, SignalAndWaitForSeveral) {
    Run([&] {
        KEVENT request, first, second;
        KeInitializeEvent(&request, SynchronizationEvent, FALSE);
        KeInitializeEvent(&first, SynchronizationEvent, FALSE);
        KeInitializeEvent(&second, SynchronizationEvent, FALSE);
        machine->Spawn(12, [&] {
            Await(&request);
            KeSetEvent(&second, 0, FALSE);
        });
        KeSetEvent(&request, 0, TRUE);
        EXPECT_EQ(Code(WaitForSeveral({&first, &second}, WaitAny)), 1u);
    });
}

namespace {

/// Runs a routine as a DPC, at once.
void AsDpc(std::function<void()> body) {
    KDPC dpc;
    KeInitializeDpc(
        &dpc, [](KDPC*, PVOID context, PVOID, PVOID) { (*static_cast<std::function<void()>*>(context))(); }, &body);
    KeSetImportanceDpc(&dpc, KDPC_IMPORTANCE::HighImportance);
    EXPECT_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
}

} // namespace

// DSP-12, INT-12: a time-out of zero is no wait
TEST_F(WaitTest, DpcMayPollAnObject) {
    Run([&] {
        KEVENT event, other;
        KeInitializeEvent(&event, SynchronizationEvent, TRUE);
        KeInitializeEvent(&other, SynchronizationEvent, FALSE);
        ULONG polls = 0;
        AsDpc([&] {
            EXPECT_EQ(Code(nt::TestObject(&event)), Code(STATUS_SUCCESS));
            EXPECT_EQ(Code(nt::TestObject(&event)), Code(STATUS_TIMEOUT));
            LARGE_INTEGER zero{};
            (void)KeSetEvent(&other, 0, FALSE);
            EXPECT_EQ(Code(WaitForSeveral({&event, &other}, WaitAll, nullptr, &zero)), Code(STATUS_TIMEOUT));
            EXPECT_EQ(Code(WaitForSeveral({&event, &other}, WaitAny, nullptr, &zero)), 1u);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
            polls++;
        });
        EXPECT_EQ(polls, 1u);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        nt::DispatchLevelGuard guard;
        EXPECT_EQ(Code(nt::TestObject(&event)), Code(STATUS_TIMEOUT));
    });
}

// DSP-12, INT-07
TEST_F(WaitTest, WaitInADpcIsABugcheck) {
    KEVENT event;
    LARGE_INTEGER interval = After(1);
    const std::function<void()> waits[] = {
        [&] { (void)WaitFor(&event); },
        [&] { (void)WaitFor(&event, Ticks(1)); },
        [&] { (void)WaitForSeveral({&event}, WaitAny); },
        [&] { (void)KeDelayExecutionThread(KernelMode, FALSE, &interval); },
    };
    for (const auto& wait : waits) {
        RunUntilBugCheck(ATTEMPTED_SWITCH_FROM_DPC, [&] {
            KeInitializeEvent(&event, SynchronizationEvent, FALSE);
            AsDpc(wait);
        });
    }
}

// DSP-12: a thread that waits cannot come back at DISPATCH_LEVEL, whatever it holds there
TEST_F(WaitTest, WaitAtDispatchLevelIsAContractBroken) {
    RunUntilAssertion("WaitIrql <= APC_LEVEL", [&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        (void)KfRaiseIrql(DISPATCH_LEVEL);
        (void)WaitFor(&event, Ticks(1));
    });
}
