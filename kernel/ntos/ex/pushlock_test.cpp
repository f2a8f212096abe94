// Push locks: the word in each situation, and who is woken.
#include "ex/pushlock.h"
#include "ke.h"
#include "waits.h"

#include <algorithm>
#include <random>

using namespace host;

namespace {

class PushLockTest : public KernelTest {
protected:
    void Run(std::function<void()> body, ULONG processors = 1) {
        KernelTest::Run(
            [&] {
                nt::CriticalRegionGuard region;
                body();
            },
            processors);
    }
    /// A thread in a critical region, as users of push locks must be.
    Thread* Spawn(KPRIORITY priority, std::function<void()> body) {
        return machine->Spawn(priority, [body = std::move(body)] {
            nt::CriticalRegionGuard region;
            body();
        });
    }
    Thread* Shared(KPRIORITY priority, LONGLONG ticks) {
        return Spawn(priority, [this, ticks] {
            ExAcquirePushLockShared(&lock);
            order += 's';
            if (ticks) Sleep(ticks);
            ExReleasePushLockShared(&lock);
        });
    }
    Thread* Exclusive(KPRIORITY priority, LONGLONG ticks) {
        return Spawn(priority, [this, ticks] {
            ExAcquirePushLockExclusive(&lock);
            order += 'x';
            if (ticks) Sleep(ticks);
            ExReleasePushLockExclusive(&lock);
        });
    }
    /// What pushlock.h promises of the word at every moment.
    void ExpectInvariants() const {
        const ULONG_PTR word = lock.Value;
        if (lock.MultipleShared) {
            EXPECT_TRUE(lock.Locked && lock.Waiting) << std::hex << word;
            EXPECT_FALSE(lock.Waking) << std::hex << word;
        }
        if (lock.Waking) EXPECT_TRUE(lock.Waiting) << std::hex << word;
    }
    void AwaitAll(const std::vector<Thread*>& threads) {
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(lock.Value, 0u);
    }

    EX_PUSH_LOCK lock{};
    std::string order;
};

} // namespace

// DSP-21
TEST_F(PushLockTest, WithoutWaitersTheWordCountsSharedOwners) {
    Run([&] {
        ExAcquirePushLockExclusive(&lock);
        EXPECT_EQ(lock.Value, 0x1u);
        ExReleasePushLockExclusive(&lock);
        EXPECT_EQ(lock.Value, 0u);
        ExAcquirePushLockShared(&lock);
        EXPECT_EQ(lock.Value, 0x11u);
        Thread* const other = Spawn(9, [&] {
            EXPECT_FALSE(ExTryAcquirePushLockExclusive(&lock));
            EXPECT_TRUE(ExTryAcquirePushLockShared(&lock));
            EXPECT_EQ(lock.Value, 0x21u);
            ExReleasePushLock(&lock);
        });
        Await(&other->Tcb);
        EXPECT_EQ(lock.Shared, 1u);
        ExReleasePushLock(&lock);
        EXPECT_TRUE(ExTryAcquirePushLockExclusive(&lock));
        ExReleasePushLock(&lock);
        EXPECT_EQ(lock.Value, 0u);
    });
}

// DSP-21
TEST_F(PushLockTest, WaitersAreLinkedOnTheirStacksNewestFirst) {
    Run([&] {
        ExAcquirePushLockExclusive(&lock);
        std::vector<Thread*> threads{Exclusive(9, 0), Shared(9, 0), Exclusive(9, 0)};
        EXPECT_TRUE(lock.Waiting);
        EXPECT_FALSE(lock.MultipleShared);
        std::string kinds;
        for (auto* block = reinterpret_cast<EX_PUSH_LOCK_WAIT_BLOCK*>(lock.Value & ~EX_PUSH_LOCK_PTR_BITS); block;
             block = block->Next)
            kinds += block->Exclusive ? 'x' : 's';
        EXPECT_EQ(kinds, "xsx");
        for (Thread* thread : threads) {
            EXPECT_EQ(thread->Tcb.WaitLock, &lock);
            EXPECT_EQ(KLOCK_KIND(thread->Tcb.WaitLockKind), KLOCK_KIND::PushLock);
        }
        ExReleasePushLockExclusive(&lock);
        AwaitAll(threads);
        EXPECT_EQ(threads[0]->Tcb.WaitLock, nullptr);
        EXPECT_EQ(order.size(), 3u);
        EXPECT_EQ(order[0], 'x') << "the one that waited longest";
    });
}

// DSP-21
TEST_F(PushLockTest, TheOldestWaiterKeepsTheNumberOfSharedOwners) {
    Run([&] {
        ExAcquirePushLockShared(&lock);
        std::vector<Thread*> threads{Shared(9, 2), Shared(9, 4), Exclusive(9, 0), Exclusive(9, 0)};
        EXPECT_TRUE(lock.MultipleShared);
        auto* oldest = reinterpret_cast<EX_PUSH_LOCK_WAIT_BLOCK*>(lock.Value & ~EX_PUSH_LOCK_PTR_BITS);
        while (oldest->Next)
            oldest = oldest->Next;
        EXPECT_EQ(oldest->ShareCount, 3);
        ExReleasePushLock(&lock);
        EXPECT_EQ(oldest->ShareCount, 2);
        EXPECT_EQ(order, "ss");
        AwaitAll(threads);
        EXPECT_EQ(order, "ssxx");
    });
}

// DSP-21
TEST_F(PushLockTest, AReleaseWakesOneExclusiveWaiter) {
    Run([&] {
        ExAcquirePushLockExclusive(&lock);
        std::vector<Thread*> threads{Exclusive(9, 3), Exclusive(9, 3), Exclusive(9, 3)};
        const ULONG before = threads[2]->Tcb.ContextSwitches;
        ExReleasePushLockExclusive(&lock);
        EXPECT_EQ(order, "x");
        EXPECT_EQ(threads[2]->Tcb.ContextSwitches, before) << "the others sleep on";
        EXPECT_TRUE(lock.Waiting && lock.Locked && !lock.Waking);
        AwaitAll(threads);
        EXPECT_EQ(order, "xxx");
    });
}

// DSP-21
TEST_F(PushLockTest, IfTheOldestWantsToShareAllTryAgainAndShare) {
    Run([&] {
        ExAcquirePushLockExclusive(&lock);
        std::vector<Thread*> threads{Shared(9, 3), Exclusive(9, 0), Shared(9, 3)};
        ExReleasePushLockExclusive(&lock);
        EXPECT_EQ(order.substr(0, 1), "s");
        AwaitAll(threads);
        EXPECT_EQ(std::count(order.begin(), order.end(), 's'), 2);
    });
}

// DSP-21
TEST_F(PushLockTest, AFasterThreadMayTakeItBeforeTheWokenOne) {
    Run([&] {
        ExAcquirePushLockExclusive(&lock);
        Thread* const slow = Exclusive(9, 0);
        KeSetPriorityThread(&slow->Tcb, 2);
        ExReleasePushLockExclusive(&lock);
        EXPECT_TRUE(ExTryAcquirePushLockExclusive(&lock)) << "push locks are not fair";
        Sleep(2); // it wakes, and waits again
        EXPECT_EQ(order, "");
        EXPECT_TRUE(lock.Waiting);
        ExReleasePushLockExclusive(&lock);
        AwaitAll({slow});
        EXPECT_EQ(order, "x");
    });
}

// DSP-21
TEST_F(PushLockTest, AnotherThreadMayTakeItWhileABlockIsTakenAway) {
    Run([&] {
        // The word in the middle of a wake: the waking thread does not own the lock, and walks the list of blocks.
        EX_PUSH_LOCK_WAIT_BLOCK block{};
        block.Exclusive = TRUE;
        const ULONG_PTR list = reinterpret_cast<ULONG_PTR>(&block) | EX_PUSH_LOCK_WAITING | EX_PUSH_LOCK_WAKING;
        for (const bool exclusive : {true, false}) {
            lock.Value = list;
            exclusive ? ExAcquirePushLockExclusive(&lock) : ExAcquirePushLockShared(&lock);
            EXPECT_EQ(lock.Value, list | EX_PUSH_LOCK_LOCK) << "the blocks and the waking thread stay";
            EXPECT_FALSE(ExTryAcquirePushLockShared(&lock)) << "no thread joins while threads wait";
            ExReleasePushLock(&lock);
            EXPECT_EQ(lock.Value, list) << "the thread that has set Waking wakes";
        }
        lock.Value = 0;
    });
}

// DSP-21
TEST_F(PushLockTest, SeveralSharersAreGoneBeforeAThreadWakes) {
    Run([&] {
        for (int i = 0; i < 3; i++)
            ExAcquirePushLockShared(&lock);
        const std::vector<Thread*> threads{Exclusive(9, 1), Shared(9, 0)};
        for (int left = 3; left > 0; left--) {
            EXPECT_TRUE(lock.MultipleShared);
            ExpectInvariants();
            ExReleasePushLockShared(&lock);
        }
        EXPECT_FALSE(lock.MultipleShared);
        AwaitAll(threads);
        EXPECT_EQ(order, "xs");
    });
}

// DSP-21
TEST_F(PushLockTest, ConvertLetsThoseInThatWaitToShare) {
    Run([&] {
        ExAcquirePushLockExclusive(&lock);
        ExConvertPushLockExclusiveToShared(&lock);
        EXPECT_EQ(lock.Value, 0x11u);
        ExReleasePushLockShared(&lock);

        ExAcquirePushLockExclusive(&lock);
        std::vector<Thread*> threads{Shared(9, 3), Shared(9, 3)};
        ExConvertPushLockExclusiveToShared(&lock);
        EXPECT_EQ(order, "ss");
        EXPECT_EQ(lock.Value, 0x31u);
        ExReleasePushLockShared(&lock);
        AwaitAll(threads);

        ExAcquirePushLockExclusive(&lock);
        threads = {Exclusive(9, 0), Shared(9, 0)};
        ExConvertPushLockExclusiveToShared(&lock);
        EXPECT_EQ(order, "ss") << "an exclusive one waits longest";
        EXPECT_FALSE(lock.Waking);
        ExReleasePushLockShared(&lock);
        AwaitAll(threads);
        EXPECT_EQ(order, "ssxs");
    });
}

// DSP-21
TEST_F(PushLockTest, RandomUseOnSeveralProcessorsKeepsReadersAndWritersApart) {
    const ULONG seed = Seed();
    SCOPED_TRACE(testing::Message() << "MICA_SEED=" << seed);
    for (ULONG processors : {1u, 2u, 4u}) {
        Run(
            [&] {
                std::mt19937 random(seed);
                int readers = 0;
                int writers = 0;
                ULONG entered = 0;
                std::vector<Thread*> threads;
                for (int i = 0; i < 8; i++) {
                    threads.push_back(Spawn(KPRIORITY(9 + i % 3), [&] {
                        for (int round = 0; round < 60; round++) {
                            const bool exclusive = random() % 3 == 0;
                            exclusive ? ExAcquirePushLockExclusive(&lock) : ExAcquirePushLockShared(&lock);
                            EXPECT_EQ(writers, 0);
                            EXPECT_TRUE(!exclusive || readers == 0);
                            (exclusive ? writers : readers)++;
                            entered++;
                            ExpectInvariants();
                            if (random() % 2) Sleep(random() % 3 + 1);
                            if (random() % 2) machine->LetOthersRun();
                            (exclusive ? writers : readers)--;
                            if (exclusive && random() % 2) {
                                readers++;
                                ExConvertPushLockExclusiveToShared(&lock);
                                machine->LetOthersRun();
                                EXPECT_EQ(writers, 0);
                                readers--;
                            }
                            ExReleasePushLock(&lock);
                            ExpectInvariants();
                        }
                    }));
                }
                for (Thread* thread : threads)
                    Await(&thread->Tcb);
                EXPECT_EQ(entered, 8 * 60u);
                EXPECT_EQ(lock.Value, 0u);
            },
            processors);
    }
}
