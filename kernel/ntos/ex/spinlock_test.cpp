// Executive spin locks: readers together, a writer alone, and a writer that waits before readers that come later.
#include "ex/spinlock.h"

#include "contention.h"
#include "machine.h"

using namespace host;
using ExecutiveSpinLockTest = KernelTest;

namespace {
constexpr unsigned Processors = 4;
constexpr int Rounds = 2'000;
} // namespace

// SYH-06
TEST_F(ExecutiveSpinLockTest, ReadersShareAtDispatchLevel) {
    Run([&] {
        EX_SPIN_LOCK lock = {};
        const KIRQL passive = ExAcquireSpinLockShared(&lock);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
        ExAcquireSpinLockSharedAtDpcLevel(&lock); // as another processor would
        EXPECT_EQ(lock.Value, 2);
        ExReleaseSpinLockSharedFromDpcLevel(&lock);
        ExReleaseSpinLockShared(&lock, passive);
        EXPECT_EQ(lock.Value, 0);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        {
            nt::ExclusiveSpinLockGuard writer(lock);
            EXPECT_EQ(ULONG(lock.Value), EX_SPIN_LOCK_EXCLUSIVE);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
        }
        nt::SharedSpinLockGuard reader(lock);
        EXPECT_EQ(lock.Value, 1);
    });
}

// SYH-06
TEST_F(ExecutiveSpinLockTest, OnlyReaderBecomesTheWriter) {
    Run([&] {
        EX_SPIN_LOCK lock = {};
        nt::DispatchLevelGuard level;
        ExAcquireSpinLockSharedAtDpcLevel(&lock);
        ExAcquireSpinLockSharedAtDpcLevel(&lock);
        EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&lock));
        EXPECT_EQ(lock.Value, 2) << "it is still held as before";
        ExReleaseSpinLockSharedFromDpcLevel(&lock);
        InterlockedOr(&lock.Value, LONG(EX_SPIN_LOCK_WAITING)); // a writer waits elsewhere
        EXPECT_TRUE(ExTryConvertSharedSpinLockExclusive(&lock));
        EXPECT_EQ(ULONG(lock.Value), EX_SPIN_LOCK_EXCLUSIVE | EX_SPIN_LOCK_WAITING) << "and goes on waiting";
        ExReleaseSpinLockExclusiveFromDpcLevel(&lock);
        EXPECT_EQ(ULONG(lock.Value), EX_SPIN_LOCK_WAITING);
        ExAcquireSpinLockExclusiveAtDpcLevel(&lock);
        ExReleaseSpinLockExclusiveFromDpcLevel(&lock);
        EXPECT_EQ(lock.Value, 0);
    });
}

// SYH-06
TEST_F(ExecutiveSpinLockTest, ReleasingWhatIsNotHeldIsABugcheck) {
    RunUntilBugCheck(SPIN_LOCK_NOT_OWNED, [&] {
        EX_SPIN_LOCK lock = {};
        KfRaiseIrql(DISPATCH_LEVEL);
        ExReleaseSpinLockShared(&lock, PASSIVE_LEVEL);
    });
    RunUntilBugCheck(SPIN_LOCK_NOT_OWNED, [&] {
        EX_SPIN_LOCK lock = {};
        ExAcquireSpinLockShared(&lock);
        ExReleaseSpinLockExclusive(&lock, PASSIVE_LEVEL);
    });
}

// SYH-06
TEST(ExecutiveSpinLockContentionTest, WriterIsAloneAndReadersAreNot) {
    EX_SPIN_LOCK lock = {};
    volatile long value = 0;
    std::atomic<int> readers = 0, together = 0;
    std::atomic<long> writes = 0;
    OnProcessors(Processors, [&](unsigned index) {
        for (int i = 0; i < Rounds; i++) {
            if (index == 0 || (index == 1 && i % 2 == 0)) {
                nt::ExclusiveSpinLockGuard writer(lock);
                EXPECT_EQ(readers.load(), 0);
                value = value + 1;
                writes++;
            } else {
                nt::SharedSpinLockGuard reader(lock);
                if (++readers > 1) together++;
                const long before = value;
                std::this_thread::yield();
                EXPECT_EQ(before, value);
                readers--;
            }
        }
    });
    EXPECT_EQ(value, writes.load());
    EXPECT_GT(together.load(), 0) << "no two readers were ever in at the same time";
    EXPECT_EQ(lock.Value, 0);
}

// SYH-06
TEST(ExecutiveSpinLockContentionTest, ReaderThatComesAfterAWaitingWriterComesAfterIt) {
    EX_SPIN_LOCK lock = {};
    std::vector<unsigned> order;
    std::atomic<bool> reading = false, waiting = false;
    OnProcessors(3, [&](unsigned index) {
        if (index == 0) {
            ExAcquireSpinLockSharedAtDpcLevel(&lock);
            reading = true;
            while (!(ULONG(ReadAcquire(&lock.Value)) & EX_SPIN_LOCK_WAITING))
                std::this_thread::yield();
            waiting = true;
            for (int i = 0; i < 2'000; i++)
                std::this_thread::yield(); // the late reader tries
            ExReleaseSpinLockSharedFromDpcLevel(&lock);
        } else if (index == 1) {
            while (!reading)
                std::this_thread::yield();
            ExAcquireSpinLockExclusiveAtDpcLevel(&lock);
            order.push_back(1);
            ExReleaseSpinLockExclusiveFromDpcLevel(&lock);
        } else {
            while (!waiting)
                std::this_thread::yield();
            ExAcquireSpinLockSharedAtDpcLevel(&lock);
            order.push_back(2);
            ExReleaseSpinLockSharedFromDpcLevel(&lock);
        }
    });
    EXPECT_EQ(order, (std::vector<unsigned>{1, 2}));
}
