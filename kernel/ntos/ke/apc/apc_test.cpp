// Asynchronous procedure calls: order, the moments of delivery, rundown, other processors.
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using ApcTest = KernelTest;

// INT-10, INT-11
TEST_F(ApcTest, SpecialApcRunsAtOnceInItsThread) {
    Run([&] {
        bool ran = false;
        Apc apc(Self(), [&] { ran = true; });
        EXPECT_TRUE(apc.Queue());
        EXPECT_TRUE(ran);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
    });
}

// INT-10, INT-11
TEST_F(ApcTest, NormalApcRunsItsKernelRoutineThenItsNormalRoutine) {
    Run([&] {
        std::string order;
        Apc apc(
            Self(), [&] { order += "kernel "; }, [&] { order += "normal "; });
        EXPECT_TRUE(apc.Queue());
        EXPECT_EQ(order, "kernel normal ");
        EXPECT_FALSE(Self().ApcState.KernelApcInProgress);
        EXPECT_TRUE(apc.Queue()) << "it may be queued again";
        EXPECT_EQ(order, "kernel normal kernel normal ");
    });
}

// INT-10
TEST_F(ApcTest, NothingRunsAtApcLevelOrAbove) {
    Run([&] {
        for (const KIRQL irql : {APC_LEVEL, DISPATCH_LEVEL}) {
            bool ran = false;
            Apc apc(Self(), [&] { ran = true; });
            const KIRQL old = KfRaiseIrql(irql);
            EXPECT_TRUE(apc.Queue());
            EXPECT_FALSE(ran);
            EXPECT_TRUE(Self().ApcState.KernelApcPending);
            KfLowerIrql(old);
            EXPECT_TRUE(ran);
            EXPECT_FALSE(Self().ApcState.KernelApcPending);
        }
    });
}

// INT-11
TEST_F(ApcTest, SpecialOnesComeFirstEachKindInOrder) {
    Run([&] {
        std::string order;
        const auto note = [&](const char* text) { return [&order, text] { order += text; }; };
        Apc n1(Self(), note("n"), note("1 ")), n2(Self(), note("n"), note("2 "));
        Apc s1(Self(), note("s1 ")), s2(Self(), note("s2 "));
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        n1.Queue();
        s1.Queue();
        n2.Queue();
        s2.Queue();
        KfLowerIrql(old);
        EXPECT_EQ(order, "s1 s2 n1 n2 ");
    });
}

// INT-11
TEST_F(ApcTest, NormalOnesDoNotNestButSpecialOnesInterruptThem) {
    Run([&] {
        std::string order;
        Apc inner(Self(), nullptr, [&] { order += "inner "; });
        Apc special(Self(), [&] { order += "special "; });
        Apc outer(Self(), nullptr, [&] {
            order += "begin ";
            inner.Queue();
            special.Queue();
            Sleep(2); // nor in a wait
            order += "end ";
        });
        outer.Queue();
        EXPECT_EQ(order, "begin special end inner ");
    });
}

// INT-10
TEST_F(ApcTest, QueuedOnceAtATime) {
    Run([&] {
        int runs = 0;
        Apc apc(Self(), [&] { runs++; });
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        EXPECT_TRUE(apc.Queue());
        EXPECT_FALSE(apc.Queue());
        KfLowerIrql(old);
        EXPECT_EQ(runs, 1);
    });
}

// INT-10
TEST_F(ApcTest, KernelRoutineSeesAndChangesWhatWillBeCalled) {
    Run([&] {
        static std::vector<PVOID> seen;
        seen.clear();
        static int marks[4];
        KAPC apc;
        KeInitializeApc(
            &apc, &Self(), OriginalApcEnvironment,
            [](PKAPC, PKNORMAL_ROUTINE* normal, PVOID* context, PVOID* first, PVOID* second) {
                EXPECT_TRUE(*normal);
                EXPECT_EQ(*context, &marks[0]);
                EXPECT_EQ(*first, &marks[1]);
                EXPECT_EQ(*second, &marks[2]);
                *second = &marks[3];
            },
            nullptr,
            [](PVOID context, PVOID first, PVOID second) {
                seen = {context, first, second};
            },
            KernelMode, &marks[0]);
        EXPECT_TRUE(KeInsertQueueApc(&apc, &marks[1], &marks[2], 0));
        EXPECT_EQ(seen, (std::vector<PVOID>{&marks[0], &marks[1], &marks[3]}));
    });
}

// INT-10
TEST_F(ApcTest, KernelRoutineMayCallTheNormalRoutineOff) {
    Run([&] {
        KAPC apc;
        KeInitializeApc(
            &apc, &Self(), OriginalApcEnvironment,
            [](PKAPC, PKNORMAL_ROUTINE* normal, PVOID*, PVOID*, PVOID*) { *normal = nullptr; }, nullptr,
            [](PVOID, PVOID, PVOID) { ADD_FAILURE() << "it was called off"; }, KernelMode, nullptr);
        EXPECT_TRUE(KeInsertQueueApc(&apc, nullptr, nullptr, 0));
        EXPECT_FALSE(Self().ApcState.KernelApcInProgress);
    });
}

// INT-10
TEST_F(ApcTest, KernelRoutineMayFreeTheApc) {
    Run([&] {
        bool normalRan = false;
        auto* const apc = new KAPC;
        KeInitializeApc(
            apc, &Self(), OriginalApcEnvironment,
            [](PKAPC self, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) { delete self; }, nullptr,
            [](PVOID context, PVOID, PVOID) { *static_cast<bool*>(context) = true; }, KernelMode, &normalRan);
        EXPECT_TRUE(KeInsertQueueApc(apc, nullptr, nullptr, 0));
        EXPECT_TRUE(normalRan);
    });
}

// INT-10
TEST_F(ApcTest, KernelRoutineMayQueueTheApcAgain) {
    Run([&] {
        int runs = 0;
        Apc apc(Self(), [] {});
        apc.Kernel = [&] {
            if (++runs < 4) EXPECT_TRUE(apc.Queue());
        };
        apc.Queue();
        EXPECT_EQ(runs, 4);
    });
}

// INT-10
TEST_F(ApcTest, RemovedItDoesNotRun) {
    Run([&] {
        Apc apc(Self(), [] { ADD_FAILURE() << "it was removed"; });
        EXPECT_FALSE(KeRemoveQueueApc(&apc.Object));
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        apc.Queue();
        EXPECT_TRUE(KeRemoveQueueApc(&apc.Object));
        EXPECT_FALSE(KeRemoveQueueApc(&apc.Object));
        EXPECT_FALSE(Self().ApcState.KernelApcPending);
        KfLowerIrql(old);
    });
}

// INT-10, INT-11
TEST_F(ApcTest, DpcQueuesToTheInterruptedThreadAndToAnyOther) {
    Run([&] {
        std::string order;
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        Thread* const other = machine->Spawn(9, [&] { Await(&event); });
        Apc mine(Self(), [&] { order += "mine "; }), its(other->Tcb, [&] { order += "its "; });
        std::function<void()> body = [&] {
            mine.Queue();
            its.Queue();
            order += "dpc ";
        };
        KDPC dpc;
        KeInitializeDpc(
            &dpc, [](PKDPC, PVOID context, PVOID, PVOID) { (*static_cast<std::function<void()>*>(context))(); }, &body);
        machine->Interrupt([&] { KeInsertQueueDpc(&dpc, nullptr, nullptr); });
        EXPECT_EQ(order, "dpc its mine ");
        KeSetEvent(&event, 0, FALSE);
    });
}

// INT-10
TEST_F(ApcTest, ReadyThreadTakesItWhenItRuns) {
    Run([&] {
        std::string order;
        Thread* const thread = machine->Spawn(7, [&] { order += "start "; });
        Apc apc(
            thread->Tcb, [&] { order += "special "; }, [&] { order += "normal "; });
        apc.Queue();
        EXPECT_EQ(order, "");
        Await(&thread->Tcb);
        EXPECT_EQ(order, "special normal start ") << "before the thread's own first line";
    });
}

// INT-10
TEST_F(ApcTest, FlushEmptiesOneQueueIntoARing) {
    Run([&] {
        Thread* const thread = machine->Make(9, [] {});
        Apc a(
            thread->Tcb, nullptr, [] {}, UserMode),
            b(
                thread->Tcb, nullptr, [] {}, UserMode);
        Apc kernel(thread->Tcb, [] {});
        EXPECT_EQ(KeFlushQueueApc(&thread->Tcb, UserMode), nullptr);
        a.Queue();
        b.Queue();
        kernel.Queue();
        LIST_ENTRY* const first = KeFlushQueueApc(&thread->Tcb, UserMode);
        ASSERT_EQ(first, &a.Object.ApcListEntry);
        EXPECT_EQ(first->Flink, &b.Object.ApcListEntry);
        EXPECT_EQ(first->Flink->Flink, first);
        EXPECT_FALSE(a.Object.Inserted);
        EXPECT_FALSE(b.Object.Inserted);
        EXPECT_TRUE(kernel.Object.Inserted);
        EXPECT_TRUE(IsListEmpty(&thread->Tcb.ApcState.ApcListHead[ULONG(UserMode)]));
        KeReadyThread(&thread->Tcb);
    });
}

// INT-10, INT-14
TEST_F(ApcTest, EndingThreadRefusesAndRunsDown) {
    Run([&] {
        Thread* const thread = machine->Spawn(7, [] {});
        Apc user(
            thread->Tcb, nullptr, [] {}, UserMode),
            late(thread->Tcb, [] { ADD_FAILURE(); });
        user.Queue();
        Await(&thread->Tcb);
        EXPECT_TRUE(user.RunDown);
        EXPECT_FALSE(user.Object.Inserted);
        EXPECT_FALSE(late.Queue()) << "nobody would ever run it";
        EXPECT_FALSE(late.Object.Inserted);
    });
}

// INT-14, INT-15
TEST_F(ApcTest, EndingInACriticalRegionIsABugcheck) {
    RunUntilBugCheck(KERNEL_APC_PENDING_DURING_EXIT, [&] { machine->Spawn(9, [] { KeEnterCriticalRegion(); }); });
    EXPECT_EQ(machine->Stopped().Parameter[1], 0xFFFFu) << "the counts: -1 critical regions, 0 guarded ones";
}

// INT-10, INT-11: the target runs on another processor
TEST_F(ApcTest, RunningThreadOfAnotherProcessorIsInterrupted) {
    Run(
        [&] {
            machine->LetOthersRun();
            bool stop = false;
            int runs = 0;
            ULONG processor = 99;
            Thread* const thread = machine->Make(9, [&] {
                while (!stop)
                    machine->LetOthersRun();
            });
            KeSetAffinityThread(&thread->Tcb, 0b10);
            KeReadyThread(&thread->Tcb);
            machine->LetOthersRun();
            ASSERT_EQ(StateOf(thread->Tcb), KTHREAD_STATE::Running);
            Apc special(thread->Tcb, [&] {
                runs++;
                processor = KeGetCurrentProcessorNumber();
            });
            Apc normal(thread->Tcb, nullptr, [&] { runs++; });
            special.Queue();
            normal.Queue();
            EXPECT_EQ(runs, 0);
            machine->LetOthersRun();
            EXPECT_EQ(runs, 2);
            EXPECT_EQ(processor, 1u);
            stop = true;
            Await(&thread->Tcb);
        },
        2);
}

// INT-10: everything that a thread does while APCs come from other processors; none is lost, none runs twice
TEST_F(ApcTest, NoneIsLostWhateverTheThreadDoes) {
    for (const ULONG processors : {1u, 2u, 4u}) {
        Run(
            [&] {
                constexpr int Rounds = 200;
                KSEMAPHORE work;
                KeInitializeSemaphore(&work, 0, 0x7FFF'FFFF);
                int ran = 0, queued = 0, taken = 0;
                ULONG random = Seed();
                const auto next = [&random](ULONG limit) {
                    random = random * 1664525 + 1013904223;
                    return (random >> 16) % limit;
                };
                Thread* const target = machine->Spawn(8, [&] {
                    while (taken < Rounds) {
                        const ULONG choice = next(4);
                        if (choice == 1) KeEnterCriticalRegion();
                        if (choice == 2) KeEnterGuardedRegion();
                        const KIRQL old = choice == 3 ? KfRaiseIrql(APC_LEVEL) : KeGetCurrentIrql();
                        Await(&work);
                        taken++;
                        if (next(3) == 0) machine->LetOthersRun();
                        if (choice == 3) KfLowerIrql(old);
                        if (choice == 2) KeLeaveGuardedRegion();
                        if (choice == 1) KeLeaveCriticalRegion();
                        EXPECT_EQ(Self().CombinedApcDisable, 0u);
                    }
                });
                Apc special(target->Tcb, [&] { ran++; }), normal(target->Tcb, nullptr, [&] {
                    ran++;
                    if (next(4) == 0) Sleep(1);
                });
                for (int i = 0; i < Rounds; i++) {
                    if (next(2) == 0) queued += special.Queue() ? 1 : 0;
                    if (next(2) == 0) queued += normal.Queue() ? 1 : 0;
                    if (next(3) == 0) machine->LetOthersRun();
                    if (next(8) == 0) Sleep(1);
                    KeReleaseSemaphore(&work, 0, 1, FALSE);
                }
                Await(&target->Tcb);
                EXPECT_EQ(ran + (special.RunDown ? 1 : 0) + (normal.RunDown ? 1 : 0), queued);
                EXPECT_EQ(CountEvents(*machine, ETW_EVENT::ApcQueue), ULONG(queued));
                EXPECT_EQ(CountEvents(*machine, ETW_EVENT::ApcRun), ULONG(ran));
            },
            processors);
    }
}
