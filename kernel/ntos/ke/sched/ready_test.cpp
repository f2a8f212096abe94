// Ready queues and the ready summary: the routines alone, then against a model with random operations.
#include "ke/ki.h"
#include "machine.h"

#include <deque>
#include <random>

namespace {

/// A processor block with empty queues, and threads that only have a priority.
struct Queues {
    KPRCB Prcb{};
    std::deque<KTHREAD> Threads;

    Queues() {
        for (LIST_ENTRY& queue : Prcb.DispatcherReadyListHead)
            InitializeListHead(&queue);
    }
    KTHREAD* Thread(KPRIORITY priority) {
        Threads.push_back({});
        Threads.back().Priority = SCHAR(priority);
        return &Threads.back();
    }
    KTHREAD* Insert(KPRIORITY priority, bool atHead = false) {
        KTHREAD* const thread = Thread(priority);
        KiInsertReadyQueue(&Prcb, thread, atHead);
        return thread;
    }
    KTHREAD* Select(KPRIORITY low = 0) { return KiSelectReadyThread(low, &Prcb); }
};

} // namespace

// SCH-16
TEST(ReadyQueueTest, ThreadsOfOnePriorityComeOutInTheOrderTheyWentIn) {
    Queues q;
    KTHREAD* const first = q.Insert(8);
    KTHREAD* const second = q.Insert(8);
    KTHREAD* const third = q.Insert(8);
    EXPECT_EQ(q.Select(), first);
    EXPECT_EQ(q.Select(), second);
    EXPECT_EQ(q.Select(), third);
    EXPECT_EQ(q.Select(), nullptr);
}

// SCH-16, SCH-12
TEST(ReadyQueueTest, InsertionAtTheHeadComesFirst) {
    Queues q;
    KTHREAD* const tail = q.Insert(8);
    KTHREAD* const head = q.Insert(8, true);
    EXPECT_EQ(q.Select(), head);
    EXPECT_EQ(q.Select(), tail);
}

// SCH-17
TEST(ReadyQueueTest, SummaryFollowsEveryQueue) {
    for (KPRIORITY priority = 0; priority < KPRIORITY(MAXIMUM_PRIORITY); priority++) {
        Queues q;
        KTHREAD* const one = q.Insert(priority);
        EXPECT_EQ(q.Prcb.ReadySummary, 1u << priority);
        KTHREAD* const two = q.Insert(priority);
        KiRemoveReadyQueue(&q.Prcb, one);
        EXPECT_EQ(q.Prcb.ReadySummary, 1u << priority) << "a thread is left on queue " << priority;
        KiRemoveReadyQueue(&q.Prcb, two);
        EXPECT_EQ(q.Prcb.ReadySummary, 0u) << "queue " << priority << " is empty";
    }
}

// SCH-16
TEST(ReadyQueueTest, RemovalFromTheMiddleKeepsTheOrder) {
    Queues q;
    KTHREAD* const first = q.Insert(5);
    KTHREAD* const middle = q.Insert(5);
    KTHREAD* const last = q.Insert(5);
    KiRemoveReadyQueue(&q.Prcb, middle);
    EXPECT_EQ(q.Select(), first);
    EXPECT_EQ(q.Select(), last);
}

// SCH-01, SCH-17
TEST(ReadyQueueTest, SelectTakesTheHighestPriorityNotBelowTheLimit) {
    Queues q;
    KTHREAD* const low = q.Insert(0);
    KTHREAD* const middle = q.Insert(15);
    KTHREAD* const high = q.Insert(31);
    EXPECT_EQ(q.Select(KPRIORITY(MAXIMUM_PRIORITY)), nullptr);
    EXPECT_EQ(q.Select(31), high);
    EXPECT_EQ(q.Select(16), nullptr);
    EXPECT_EQ(q.Prcb.ReadySummary, 1u << 15 | 1u) << "finding nobody changes nothing";
    EXPECT_EQ(q.Select(15), middle);
    EXPECT_EQ(q.Select(1), nullptr);
    EXPECT_EQ(q.Select(0), low);
    EXPECT_EQ(q.Prcb.ReadySummary, 0u);
}

// SCH-16, SCH-17
TEST(ReadyQueueTest, RandomOperationsAgreeWithAModel) {
    std::mt19937 random(host::Seed());
    Queues q;
    std::deque<KTHREAD*> model[MAXIMUM_PRIORITY];
    const auto check = [&] {
        ULONG summary = 0;
        for (ULONG p = 0; p < MAXIMUM_PRIORITY; p++)
            summary |= model[p].empty() ? 0 : 1u << p;
        ASSERT_EQ(q.Prcb.ReadySummary, summary);
    };
    for (int step = 0; step < 20'000; step++) {
        const KPRIORITY priority = KPRIORITY(random() % MAXIMUM_PRIORITY);
        std::deque<KTHREAD*>& queue = model[priority];
        switch (random() % 3) {
        case 0: {
            if (q.Threads.size() > 2'000) break;
            const bool atHead = random() % 2 != 0;
            KTHREAD* const thread = q.Insert(priority, atHead);
            atHead ? queue.push_front(thread) : queue.push_back(thread);
            break;
        }
        case 1: {
            if (queue.empty()) break;
            const auto victim = queue.begin() + long(random() % queue.size());
            KiRemoveReadyQueue(&q.Prcb, *victim);
            queue.erase(victim);
            break;
        }
        default: {
            KPRIORITY expectedPriority = KPRIORITY(MAXIMUM_PRIORITY) - 1;
            while (expectedPriority >= priority && model[expectedPriority].empty())
                expectedPriority--;
            KTHREAD* const selected = q.Select(priority);
            if (expectedPriority < priority) {
                ASSERT_EQ(selected, nullptr);
            } else {
                ASSERT_EQ(selected, model[expectedPriority].front());
                model[expectedPriority].pop_front();
            }
        }
        }
        check();
    }
}
