// Worker threads: what items find when they run, what they may do to themselves, and when a pool grows and shrinks.
#include "ex/expwork.h"
#include "waits.h"

#include <algorithm>

using namespace host;

namespace {

/// Worker threads of a fake machine: threads are made by it, and the test can refuse them.
class WorkerTest : public KernelTest {
protected:
    void RunWithWorkers(const std::function<void()>& body, ULONG processors = 1) {
        Run([&] { StartAnd(body); }, processors);
    }

    void StartAnd(const std::function<void()>& body) {
        Self = this;
        Refused = 0;
        static constexpr EX_THREAD_SOURCE source = {Create};
        ASSERT_TRUE(ExInitializeThreads(&source));
        body();
    }

    static NTSTATUS NTAPI Create(PCSTR, KPRIORITY priority, PKSTART_ROUTINE routine, PVOID context) {
        if (Self->Refused != 0) {
            Self->Refused--;
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Self->machine->Spawn(priority, [=] { routine(context); });
        return STATUS_SUCCESS;
    }

    static inline WorkerTest* Self;
    ULONG Refused = 0; ///< as many threads cannot be made
};

/// A work item with a routine of the test's.
struct Item {
    WORK_QUEUE_ITEM Work;
    std::function<void()> Body;

    explicit Item(std::function<void()> body) : Body(std::move(body)) { ExInitializeWorkItem(&Work, Call, this); }
    static void NTAPI Call(PVOID parameter) {
        const std::function<void()> body = static_cast<Item*>(parameter)->Body; // the item may go away
        body();
    }
    void Queue(WORK_QUEUE_TYPE type = DelayedWorkQueue) { ExQueueWorkItem(&Work, type); }
};

EX_WORK_QUEUE& QueueOf(WORK_QUEUE_TYPE type) { return ExWorkerQueue[ULONG(type)]; }
constexpr LONGLONG Second = 100; ///< ticks
constexpr ULONG DelayedThreads = 3;

} // namespace

// SYS-09, SYS-10
TEST_F(WorkerTest, ItemsRunAtPassiveLevelInAThreadOfTheirQueuesPriority) {
    RunWithWorkers([&] {
        const std::pair<WORK_QUEUE_TYPE, KPRIORITY> queues[] = {
            {CriticalWorkQueue, 13}, {DelayedWorkQueue, 12}, {HyperCriticalWorkQueue, 15}};
        for (const auto& [type, priority] : queues) {
            KPRIORITY seen = 0;
            Item item([&] {
                EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
                seen = KeGetCurrentThread()->BasePriority;
            });
            item.Queue(type);
            EXPECT_EQ(seen, priority);
            EXPECT_EQ(QueueOf(type).WorkItemsProcessed, 1);
            EXPECT_EQ(item.Work.List.Flink, nullptr);
        }
    });
}

// SYS-09, INT-16
TEST_F(WorkerTest, DpcLeavesLongWorkToAThread) {
    RunWithWorkers([&] {
        std::string order;
        Item item([&] {
            Sleep(2); // a DPC could not
            order += " item";
        });
        KTIMER timer;
        KDPC dpc;
        KeInitializeTimer(&timer);
        struct Context {
            std::string& Order;
            Item& Work;
            static void NTAPI Run(PKDPC, PVOID context, PVOID, PVOID) {
                auto& self = *static_cast<Context*>(context);
                self.Work.Queue(CriticalWorkQueue);
                self.Order += "dpc";
            }
        } context{order, item};
        KeInitializeDpc(&dpc, Context::Run, &context);
        KeSetTimer(&timer, Ticks(1), &dpc);
        Sleep(5);
        EXPECT_EQ(order, "dpc item");
    });
}

// SYS-09
TEST_F(WorkerTest, RoutineMayQueueItsItemAgainOrFreeIt) {
    RunWithWorkers([&] {
        int runs = 0;
        Item again([&] {
            if (++runs < 5) again.Queue();
        });
        again.Queue();
        EXPECT_EQ(runs, 5);
        bool freed = false;
        auto* const once = new Item([&] { freed = true; });
        once->Body = [&freed, once] {
            delete once;
            freed = true;
        };
        once->Queue();
        EXPECT_TRUE(freed);
    });
}

// SYS-09
TEST_F(WorkerTest, QueuingAQueuedItemIsABugcheck) {
    RunUntilBugCheck(WORKER_INVALID, [&] {
        StartAnd([&] {
            (void)KeSetPriorityThread(KeGetCurrentThread(), 14); // the workers do not come to it
            Item item([] {}), first([] {});
            first.Queue(); // to a waiting thread
            item.Queue();
            item.Queue();
        });
    });
}

// SYS-09
TEST_F(WorkerTest, RoutineThatReturnsAtARaisedLevelIsABugcheck) {
    RunUntilBugCheck(WORKER_THREAD_RETURNED_AT_BAD_IRQL, [&] {
        StartAnd([&] {
            Item item([] { KfRaiseIrql(APC_LEVEL); });
            item.Queue();
        });
    });
}

// SYS-09, INT-15
TEST_F(WorkerTest, RoutineThatLeavesSomethingBehindIsCaught) {
    RunUntilAssertion("KeAreApcsDisabled", [&] {
        StartAnd([&] {
            Item item([] { KeEnterCriticalRegion(); });
            item.Queue();
        });
    });
    KMUTANT mutant;
    RunUntilAssertion("MutantListHead", [&] {
        StartAnd([&] {
            KeInitializeMutant(&mutant, FALSE);
            Item item([&] { Await(&mutant); });
            item.Queue();
        });
    });
}

// SYS-09
TEST_F(WorkerTest, BlockedPoolGetsThreadsOneByOneAndLosesThemWhenTheyAreIdle) {
    RunWithWorkers([&] {
        EX_WORK_QUEUE& queue = QueueOf(DelayedWorkQueue);
        KEVENT go;
        KeInitializeEvent(&go, NotificationEvent, FALSE);
        ULONG begun = 0, ended = 0;
        std::deque<Item> items;
        for (ULONG i = 0; i < DelayedThreads + 2; i++) {
            items.emplace_back([&] {
                begun++;
                Await(&go);
                ended++;
            });
            items.back().Queue();
        }
        EXPECT_EQ(begun, DelayedThreads);
        Sleep(Second + 2);
        EXPECT_EQ(begun, DelayedThreads) << "the first look only sees that items wait";
        Sleep(Second);
        EXPECT_EQ(begun, DelayedThreads + 1) << "not one step in a second";
        EXPECT_EQ(queue.DynamicThreadCount, 1);
        Sleep(3 * Second);
        EXPECT_EQ(begun, DelayedThreads + 2);
        EXPECT_EQ(queue.DynamicThreadCount, 2) << "and no more than it needs";
        KeSetEvent(&go, 0, FALSE);
        EXPECT_EQ(ended, DelayedThreads + 2);
        Sleep(EX_DYNAMIC_IDLE_MILLISECONDS / 10 - 10 * Second);
        EXPECT_EQ(queue.DynamicThreadCount, 2);
        Sleep(20 * Second);
        EXPECT_EQ(queue.DynamicThreadCount, 0) << "nothing to do for ten minutes";
        bool again = false;
        Item last([&] { again = true; });
        last.Queue();
        EXPECT_TRUE(again) << "the threads of the start stay";
    });
}

// SYS-09
TEST_F(WorkerTest, BusyPoolGetsNoThreadThatCouldNotRun) {
    RunWithWorkers([&] {
        bool done = false;
        Item busy([&] {
            for (int i = 0; i < 5 * Second; i++)
                machine->Tick(); // it never blocks
        });
        Item waits([&] { done = true; });
        (void)KeSetPriorityThread(KeGetCurrentThread(), 14);
        busy.Queue();
        waits.Queue();
        (void)KeSetPriorityThread(KeGetCurrentThread(), 8);
        EXPECT_TRUE(done);
        EXPECT_EQ(QueueOf(DelayedWorkQueue).DynamicThreadCount, 0) << "as many are active as may be";
    });
}

// SYS-09
TEST_F(WorkerTest, PoolHasSixteenDynamicThreadsAtMost) {
    RunWithWorkers([&] {
        KEVENT go;
        KeInitializeEvent(&go, NotificationEvent, FALSE);
        LONG begun = 0;
        std::deque<Item> items;
        for (int i = 0; i < 40; i++) {
            items.emplace_back([&] {
                begun++;
                Await(&go);
            });
            items.back().Queue(CriticalWorkQueue);
        }
        Sleep(60 * Second); // after each new thread the queue has advanced: one in two seconds
        EXPECT_EQ(QueueOf(CriticalWorkQueue).DynamicThreadCount, EX_MAXIMUM_DYNAMIC_THREADS);
        EXPECT_EQ(begun, 5 + EX_MAXIMUM_DYNAMIC_THREADS);
        EXPECT_EQ(QueueOf(DelayedWorkQueue).DynamicThreadCount, 0) << "its queue is not stuck";
        KeSetEvent(&go, 0, FALSE);
        EXPECT_EQ(begun, 40);
    });
}

// SYS-09
TEST_F(WorkerTest, ThreadThatCannotBeMadeIsTriedAgain) {
    RunWithWorkers([&] {
        KEVENT go;
        KeInitializeEvent(&go, NotificationEvent, FALSE);
        bool done = false;
        Item blocks([&] { Await(&go); }), waits([&] { done = true; });
        blocks.Queue(HyperCriticalWorkQueue);
        waits.Queue(HyperCriticalWorkQueue);
        Refused = 2;
        Sleep(3 * Second + 2);
        EXPECT_EQ(Refused, 0u);
        EXPECT_EQ(QueueOf(HyperCriticalWorkQueue).DynamicThreadCount, 0) << "what failed is not counted";
        EXPECT_FALSE(done);
        Sleep(Second);
        EXPECT_TRUE(done);
        KeSetEvent(&go, 0, FALSE);
    });
}

// SYS-09: as many active as processors, whatever the number of items
TEST_F(WorkerTest, AsManyItemsRunAtATimeAsThereAreProcessors) {
    for (ULONG processors : {1u, 2u, 4u}) {
        RunWithWorkers(
            [&] {
                ULONG running = 0, most = 0, done = 0;
                std::deque<Item> items;
                for (int i = 0; i < 40; i++) {
                    items.emplace_back([&] {
                        most = std::max(most, ++running);
                        machine->LetOthersRun();
                        machine->LetOthersRun();
                        running--;
                        done++;
                    });
                }
                for (Item& item : items)
                    item.Queue(CriticalWorkQueue);
                Sleep(10);
                EXPECT_EQ(done, 40u);
                EXPECT_LE(most, processors);
                if (processors > 1) {
                    EXPECT_GT(most, 1u);
                }
            },
            processors);
    }
}

// SYS-10: an item that a thread was given, and has not begun, is queued still
TEST_F(WorkerTest, ItemThatWasHandedToAThreadIsNotQueuedAgain) {
    int runs = 0;
    RunUntilBugCheck(WORKER_INVALID, [&] {
        StartAnd([&] {
            Item item([&] { runs++; });
            nt::DispatchLevelGuard guard; // the threads that wait for items do not run
            item.Queue();
            item.Queue();
        });
    });
    EXPECT_EQ(runs, 0);
}

// SYS-10: the same, if the thread was let in because another one blocked
TEST_F(WorkerTest, ItemThatABlockedThreadLeftToAnotherIsNotQueuedAgain) {
    RunUntilBugCheck(WORKER_INVALID, [&] {
        StartAnd([&] {
            KEVENT wake, go;
            KeInitializeEvent(&wake, SynchronizationEvent, FALSE);
            KeInitializeEvent(&go, NotificationEvent, FALSE);
            Item second([] {}), first([&] {
                KeSetEvent(&wake, 0, TRUE); // in one step with the wait, which lets the second item's thread in
                Await(&go);
            });
            (void)KeSetPriorityThread(KeGetCurrentThread(), 16); // before all worker threads
            first.Queue();
            second.Queue();
            Await(&wake);
            second.Queue();
        });
    });
}
