// Queues: order of entries and of threads, the bound on active threads, blocking threads, rundown; then random work.
#include "ke/ki.h"
#include "waits.h"

#include <algorithm>
#include <random>
#include <set>

using namespace host;
using QueueTest = KernelTest;

namespace {

struct Entry {
    LIST_ENTRY Link = {};
    char Name = '?';
};

/// What KeRemoveQueue returned: the entry's name, 'T' for a time-out, 'A' for an abandoned queue.
char NameOf(LIST_ENTRY* entry) {
    if (entry == reinterpret_cast<LIST_ENTRY*>(LONG_PTR(STATUS_TIMEOUT))) return 'T';
    if (entry == reinterpret_cast<LIST_ENTRY*>(LONG_PTR(STATUS_ABANDONED))) return 'A';
    EXPECT_TRUE(KeIsQueueEntry(entry));
    EXPECT_EQ(entry->Flink, nullptr);
    return CONTAINING_RECORD(entry, Entry, Link)->Name;
}

char Remove(KQUEUE* queue) { return NameOf(KeRemoveQueue(queue, KernelMode, nullptr)); }
char Remove(KQUEUE* queue, LONGLONG ticks) {
    LARGE_INTEGER timeout = Ticks(ticks);
    return NameOf(KeRemoveQueue(queue, KernelMode, &timeout));
}

bool Waits(const KTHREAD* thread) {
    const KTHREAD_STATE state = thread->State;
    return state == KTHREAD_STATE::Waiting || state == KTHREAD_STATE::GateWait;
}

/// The invariants of ke/queue.h.
void Check(KQUEUE& queue) {
    KiDispatcherGuard guard;
    ULONG active = 0;
    for (KTHREAD* thread : nt::List<&KTHREAD::QueueListEntry>(queue.ThreadListHead)) {
        EXPECT_EQ(thread->Queue, &queue);
        active += Waits(thread) ? 0 : 1;
    }
    EXPECT_EQ(queue.CurrentCount, active);
    LONG entries = 0;
    for (LIST_ENTRY* at = queue.EntryListHead.Flink; at != &queue.EntryListHead; at = at->Flink)
        entries++;
    EXPECT_EQ(queue.Header.SignalState, entries);
    if (!IsListEmpty(&queue.Header.WaitListHead)) {
        EXPECT_TRUE(entries == 0 || queue.CurrentCount >= queue.MaximumCount);
    }
}

} // namespace

// DSP-06
TEST_F(QueueTest, EntriesComeOutInTheOrderOfInsertionThoseAtTheHeadFirst) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 0);
        EXPECT_EQ(queue.MaximumCount, 1u) << "as many as processors";
        Entry entries[4];
        for (int i = 0; i < 4; i++)
            entries[i].Name = char('a' + i);
        EXPECT_EQ(KeInsertQueue(&queue, &entries[0].Link), 0);
        EXPECT_EQ(KeInsertQueue(&queue, &entries[1].Link), 1);
        EXPECT_EQ(KeInsertHeadQueue(&queue, &entries[2].Link), 2);
        EXPECT_EQ(KeInsertQueue(&queue, &entries[3].Link), 3);
        EXPECT_EQ(KeReadStateQueue(&queue), 4);
        std::string order;
        for (int i = 0; i < 4; i++)
            order += Remove(&queue);
        EXPECT_EQ(order, "cabd");
        EXPECT_EQ(KeReadStateQueue(&queue), 0);
        EXPECT_EQ(queue.CurrentCount, 1u);
        Check(queue);
    });
}

// DSP-06
TEST_F(QueueTest, EntryIsHandedToTheThreadThatBeganToWaitLast) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 3);
        std::string order;
        for (char name : {'1', '2', '3'}) {
            machine->Spawn(9, [&, name] {
                const char entry = Remove(&queue);
                (order += name) += entry;
            });
        }
        Check(queue);
        EXPECT_EQ(queue.CurrentCount, 0u);
        Entry entries[3] = {{{}, 'a'}, {{}, 'b'}, {{}, 'c'}};
        for (Entry& entry : entries) {
            EXPECT_EQ(KeInsertQueue(&queue, &entry.Link), 0);
            EXPECT_EQ(KeReadStateQueue(&queue), 0) << "it never was in the queue";
        }
        EXPECT_EQ(order, "3a2b1c");
        Check(queue);
        EXPECT_TRUE(IsListEmpty(&queue.ThreadListHead)) << "the threads have ended";
    });
}

// DSP-06
TEST_F(QueueTest, NoMoreThreadsAreActiveThanTheMaximum) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 1);
        std::string order;
        for (char name : {'1', '2'}) {
            machine->Spawn(9, [&, name] {
                for (char entry; (entry = Remove(&queue)) != 'z';) {
                    (order += name) += entry;
                    (void)KeYieldExecution();
                }
            });
        }
        Entry entries[4] = {{{}, 'a'}, {{}, 'b'}, {{}, 'c'}, {{}, 'd'}};
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        (void)KeSetPriorityThread(KeGetCurrentThread(), 10);
        for (Entry& entry : entries)
            KeInsertQueue(&queue, &entry.Link);
        EXPECT_EQ(queue.CurrentCount, 1u);
        EXPECT_EQ(KeReadStateQueue(&queue), 3) << "the others wait for the first thread to come back";
        Check(queue);
        (void)KeSetPriorityThread(KeGetCurrentThread(), 8);
        KfLowerIrql(old);
        EXPECT_EQ(order, "2a2b2c2d") << "one thread does it all";
        Entry end[2] = {{{}, 'z'}, {{}, 'z'}};
        for (Entry& entry : end)
            KeInsertQueue(&queue, &entry.Link);
        Check(queue);
        EXPECT_EQ(queue.CurrentCount, 0u);
    });
}

// DSP-06
TEST_F(QueueTest, BlockingThreadLetsAnotherInAndIsOneTooManyAfterwards) {
    Run([&] {
        KQUEUE queue;
        KEVENT gone;
        KeInitializeQueue(&queue, 1);
        KeInitializeEvent(&gone, SynchronizationEvent, FALSE);
        std::string order;
        machine->Spawn(9, [&] {
            order += Remove(&queue);
            order += '!';
            (void)Remove(&queue, 1);
        });
        machine->Spawn(9, [&] {
            order += Remove(&queue);
            Await(&gone); // whatever it waits for
            order += '2';
            order += Remove(&queue);
        });
        Entry a = {{}, 'a'}, b = {{}, 'b'}, c = {{}, 'c'};
        KeInsertQueue(&queue, &a.Link);
        EXPECT_EQ(order, "a");
        EXPECT_EQ(queue.CurrentCount, 0u);
        (void)KeSetPriorityThread(KeGetCurrentThread(), 10);
        KeInsertQueue(&queue, &b.Link);
        EXPECT_EQ(queue.CurrentCount, 1u);
        KeSetEvent(&gone, 0, FALSE);
        EXPECT_EQ(queue.CurrentCount, 2u) << "above the maximum";
        KeInsertQueue(&queue, &c.Link);
        EXPECT_EQ(KeReadStateQueue(&queue), 1);
        Check(queue);
        (void)KeSetPriorityThread(KeGetCurrentThread(), 8);
        Sleep(3);
        EXPECT_EQ(order, "ab!2c") << "b's thread is back and waits before the other asks";
        Check(queue);
    });
}

// DSP-06: what is inserted while the pool is full is taken when an active thread blocks, not only when it comes back
TEST_F(QueueTest, EntryThatWaitedIsTakenWhenAnActiveThreadBlocks) {
    Run([&] {
        KQUEUE queue;
        KEVENT gone;
        KeInitializeQueue(&queue, 1);
        KeInitializeEvent(&gone, NotificationEvent, FALSE);
        std::string order;
        Entry a = {{}, 'a'}, b = {{}, 'b'};
        for (char name : {'1', '2'}) {
            machine->Spawn(9, [&, name] {
                const char entry = Remove(&queue);
                (order += name) += entry;
                if (entry == 'a') KeInsertQueue(&queue, &b.Link);
                Check(queue);
                Await(&gone);
            });
        }
        KeInsertQueue(&queue, &a.Link);
        EXPECT_EQ(order, "2a1b");
        KeSetEvent(&gone, 0, FALSE);
        Check(queue);
    });
}

// DSP-06
TEST_F(QueueTest, TimeoutLeavesNothingBehind) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 1);
        EXPECT_EQ(Remove(&queue, 0), 'T');
        EXPECT_EQ(queue.CurrentCount, 1u) << "it belongs to the queue and runs";
        EXPECT_EQ(Remove(&queue, 5), 'T');
        EXPECT_EQ(KeTickCount.LowPart, 5u);
        EXPECT_TRUE(IsListEmpty(&queue.Header.WaitListHead));
        Check(queue);
        Entry a = {{}, 'a'};
        KeInsertQueue(&queue, &a.Link);
        EXPECT_EQ(Remove(&queue, 0), 'a');
    });
}

// DSP-06
TEST_F(QueueTest, ThreadBelongsToTheQueueItAskedLast) {
    Run([&] {
        KQUEUE first, second;
        KeInitializeQueue(&first, 1);
        KeInitializeQueue(&second, 1);
        char got = '?';
        machine->Spawn(9, [&] { got = Remove(&first); });
        Entry a = {{}, 'a'}, b = {{}, 'b'};
        EXPECT_EQ(Remove(&first, 0), 'T'); // active in the first queue: it is full
        KeInsertQueue(&first, &a.Link);
        EXPECT_EQ(got, '?');
        KeInsertQueue(&second, &b.Link);
        EXPECT_EQ(Remove(&second), 'b');
        EXPECT_EQ(got, 'a') << "leaving the queue let the other one in";
        EXPECT_EQ(first.CurrentCount, 0u);
        EXPECT_EQ(second.CurrentCount, 1u);
        Check(first);
        Check(second);
    });
}

// DSP-06
TEST_F(QueueTest, EndOfAnActiveThreadLetsAnotherIn) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 1);
        Entry a = {{}, 'a'}, b = {{}, 'b'};
        std::string order;
        for (char name : {'1', '2'}) {
            machine->Spawn(9, [&, name] {
                (order += name) += Remove(&queue);
                if (name == '2') KeInsertQueue(&queue, &b.Link);
            });
        }
        KeInsertQueue(&queue, &a.Link);
        EXPECT_EQ(order, "2a1b");
        EXPECT_EQ(queue.CurrentCount, 0u);
        EXPECT_TRUE(IsListEmpty(&queue.ThreadListHead));
    });
}

// DSP-06
TEST_F(QueueTest, RundownGivesTheEntriesBackAndSendsTheThreadsAway) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 1);
        EXPECT_EQ(Remove(&queue, 0), 'T');
        char got = '?';
        Thread* const waiter = machine->Spawn(9, [&] { got = Remove(&queue); });
        Entry entries[3];
        for (Entry& entry : entries)
            KeInsertQueue(&queue, &entry.Link);
        LIST_ENTRY* const first = KeRundownQueue(&queue);
        EXPECT_EQ(got, 'A');
        EXPECT_EQ(waiter->Tcb.Queue, nullptr);
        EXPECT_EQ(KeGetCurrentThread()->Queue, nullptr);
        EXPECT_EQ(first, &entries[0].Link);
        EXPECT_EQ(first->Flink, &entries[1].Link);
        EXPECT_EQ(first->Flink->Flink->Flink, first) << "a ring without a head";
        EXPECT_EQ(KeReadStateQueue(&queue), 0);
        EXPECT_EQ(KeRundownQueue(&queue), nullptr);
    });
}

// DSP-06: every entry to one thread, never more than the maximum at work, whatever the number of processors
TEST_F(QueueTest, RandomWorkOnSeveralProcessors) {
    for (ULONG processors = 1; processors <= 4; processors++) {
        Run(
            [&] {
                std::mt19937 random(Seed());
                KQUEUE queue;
                const ULONG maximum = 1 + ULONG(random() % 3);
                KeInitializeQueue(&queue, maximum);
                constexpr int items = 400;
                std::vector<Entry> entries(items);
                std::multiset<Entry*> done;
                ULONG atWork = 0, mostAtWork = 0, ended = 0;
                constexpr ULONG threads = 6;
                for (ULONG i = 0; i < threads; i++) {
                    machine->Spawn(KPRIORITY(6 + random() % 5), [&] {
                        for (;;) {
                            LARGE_INTEGER timeout = Ticks(60);
                            LIST_ENTRY* const link = KeRemoveQueue(&queue, KernelMode, &timeout);
                            if (!KeIsQueueEntry(link)) break;
                            mostAtWork = std::max(mostAtWork, ++atWork);
                            done.insert(CONTAINING_RECORD(link, Entry, Link));
                            if (random() % 2) (void)KeYieldExecution();
                            if (random() % 2) machine->LetOthersRun();
                            Check(queue);
                            atWork--;
                            if (random() % 4 == 0) Sleep(LONGLONG(1 + random() % 3)); // blocks: not at work
                            Check(queue);
                        }
                        ended++;
                    });
                }
                for (Entry& entry : entries) {
                    if (random() % 2) {
                        KeInsertQueue(&queue, &entry.Link);
                    } else {
                        KeInsertHeadQueue(&queue, &entry.Link);
                    }
                    if (random() % 3 == 0) Sleep(LONGLONG(1 + random() % 2));
                    Check(queue);
                }
                Sleep(2000);
                EXPECT_EQ(done.size(), size_t(items));
                EXPECT_EQ(std::set<Entry*>(done.begin(), done.end()).size(), size_t(items));
                EXPECT_EQ(ended, threads);
                EXPECT_EQ(queue.CurrentCount, 0u);
                // A thread that comes back from its sleep is one too many only until it asks again.
                EXPECT_LE(mostAtWork, maximum);
            },
            processors);
        if (HasFailure()) break;
    }
}

// DSP-06: who inserts an entry twice can find out as long as no thread has it
TEST_F(QueueTest, EntryThatWasGivenAwayLeadsSomewhereUntilItsThreadHasIt) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 1);
        Entry entry;
        Thread* const thread = machine->Spawn(9, [&] { EXPECT_EQ(Remove(&queue), '?'); });
        {
            nt::DispatchLevelGuard guard; // the thread does not run yet
            KeInsertQueue(&queue, &entry.Link);
            EXPECT_EQ(KeReadStateQueue(&queue), 0);
            EXPECT_NE(entry.Link.Flink, nullptr);
        }
        Await(&thread->Tcb);
        EXPECT_EQ(entry.Link.Flink, nullptr);
    });
}
