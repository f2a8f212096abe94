// Queued spin locks: the queue's shape, its order, and exclusion between processors.
#include "contention.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using QueuedLockTest = KernelTest;

namespace {

constexpr unsigned Processors = 4;
constexpr int Rounds = 3'000;

ULONG_PTR AddressOf(const void* pointer) { return reinterpret_cast<ULONG_PTR>(pointer); }

} // namespace

// SYH-08, SYH-07
TEST_F(QueuedLockTest, FirstComerOwnsTheLockAndIsItsTail) {
    Run([&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        KLOCK_QUEUE_HANDLE handle;
        KeAcquireInStackQueuedSpinLock(&lock, &handle);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
        EXPECT_EQ(lock.Value, AddressOf(&handle.LockQueue));
        EXPECT_EQ(handle.LockQueue.Lock, AddressOf(&lock) | LOCK_QUEUE_OWNER);
        EXPECT_EQ(handle.LockQueue.Next, nullptr);
        EXPECT_EQ(KeGetCurrentPrcb()->HeldLocks[0].Lock, &lock);
        KeReleaseInStackQueuedSpinLock(&handle);
        EXPECT_EQ(lock.Value, 0u);
        EXPECT_EQ(handle.LockQueue.Lock, AddressOf(&lock));
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 0u);
    });
}

// SYH-08
TEST_F(QueuedLockTest, ReleaseRestoresTheIrqlOfItsOwnAcquisition) {
    Run([&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        const KIRQL passive = KfRaiseIrql(APC_LEVEL);
        {
            nt::InStackQueuedSpinLockGuard guard(lock);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
        }
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(APC_LEVEL));
        KfLowerIrql(passive);
        nt::DispatchLevelGuard level;
        {
            nt::InStackQueuedSpinLockAtDpcGuard guard(lock);
            EXPECT_NE(lock.Value, 0u);
        }
        EXPECT_EQ(lock.Value, 0u);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
    });
}

// SYH-07
TEST_F(QueuedLockTest, NumberedLockUsesTheProcessorsOwnNode) {
    Run([&] {
        KSPIN_LOCK& lock = KiQueuedSpinLock[LockQueueIoCancelLock];
        {
            nt::QueuedSpinLockGuard guard(LockQueueIoCancelLock);
            const KSPIN_LOCK_QUEUE& node = KeGetCurrentPrcb()->LockQueue[LockQueueIoCancelLock];
            EXPECT_EQ(lock.Value, AddressOf(&node));
            EXPECT_EQ(node.Lock, AddressOf(&lock) | LOCK_QUEUE_OWNER);
        }
        EXPECT_EQ(lock.Value, 0u);
        nt::DispatchLevelGuard level;
        KSPIN_LOCK_QUEUE* const node = &KeGetCurrentPrcb()->LockQueue[LockQueueIoCancelLock];
        KeAcquireQueuedSpinLockAtDpcLevel(node);
        EXPECT_EQ(lock.Value, AddressOf(node));
        KeReleaseQueuedSpinLockFromDpcLevel(node);
        EXPECT_EQ(lock.Value, 0u);
    });
}

// SYH-07
TEST_F(QueuedLockTest, TryTakesAFreeLockOnlyAndLeavesTheIrqlWhenItFails) {
    Run([&] {
        KIRQL oldIrql, other;
        ASSERT_TRUE(KeTryToAcquireQueuedSpinLock(LockQueueMasterLock, &oldIrql));
        EXPECT_EQ(unsigned(oldIrql), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
        KeReleaseQueuedSpinLock(LockQueueMasterLock, oldIrql);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));

        KSPIN_LOCK_QUEUE someone = {};
        KiQueuedSpinLock[LockQueueMasterLock].Value = AddressOf(&someone);
        EXPECT_FALSE(KeTryToAcquireQueuedSpinLock(LockQueueMasterLock, &other));
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(KiQueuedSpinLock[LockQueueMasterLock].Value, AddressOf(&someone));
        KiQueuedSpinLock[LockQueueMasterLock].Value = 0;
    });
}

// SYH-07, SYH-08
TEST_F(QueuedLockTest, ChecksOfPlainLocksHoldForQueuedOnes) {
    RunUntilBugCheck(SPIN_LOCK_ALREADY_OWNED, [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        KLOCK_QUEUE_HANDLE first, second;
        KeAcquireInStackQueuedSpinLock(&lock, &first);
        KeAcquireInStackQueuedSpinLock(&lock, &second);
    });
    RunUntilBugCheck(SPIN_LOCK_NOT_OWNED, [&] {
        KfRaiseIrql(DISPATCH_LEVEL);
        KeReleaseQueuedSpinLock(LockQueueVacbLock, PASSIVE_LEVEL);
    });
    RunUntilAssertion("DISPATCH_LEVEL", [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        KLOCK_QUEUE_HANDLE handle;
        KeAcquireInStackQueuedSpinLockAtDpcLevel(&lock, &handle);
    });
    RunUntilAssertion("MayFollow", [&] {
        nt::QueuedSpinLockGuard pool(LockQueueNonPagedPoolLock);
        nt::QueuedSpinLockGuard frames(LockQueuePfnLock);
    });
    KiQueuedSpinLock[LockQueueNonPagedPoolLock].Value = 0; // the machine stopped with it held
}

// SYH-07
TEST(QueuedLockContentionTest, NumberedLockExcludesProcessors) {
    volatile long count = 0;
    OnProcessors(Processors, [&](unsigned) {
        KiInitializeLockQueue(KeGetCurrentPrcb());
        for (int i = 0; i < Rounds; i++) {
            nt::QueuedSpinLockGuard guard(LockQueueMasterLock);
            count = count + 1;
        }
    });
    EXPECT_EQ(count, long(Processors) * Rounds);
    EXPECT_EQ(KiQueuedSpinLock[LockQueueMasterLock].Value, 0u);
}

// SYH-08
TEST(QueuedLockContentionTest, InStackLockExcludesProcessors) {
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    volatile long count = 0;
    OnProcessors(Processors, [&](unsigned) {
        for (int i = 0; i < Rounds; i++) {
            nt::InStackQueuedSpinLockGuard guard(lock);
            count = count + 1;
        }
    });
    EXPECT_EQ(count, long(Processors) * Rounds);
    EXPECT_EQ(lock.Value, 0u);
}

// SYH-08, SYH-07
TEST(QueuedLockContentionTest, LockIsHandedOverInTheOrderOfArrival) {
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    std::atomic<unsigned> turn = 0;
    std::vector<unsigned> order;
    OnProcessors(Processors, [&](unsigned index) {
        KLOCK_QUEUE_HANDLE handle;
        if (index == 0) {
            KeAcquireInStackQueuedSpinLock(&lock, &handle);
            // Each of the others comes when the one before it stands in the queue.
            for (unsigned next = 1; next < Processors; next++) {
                const ULONG_PTR tail = lock.Value;
                turn = next;
                while (__atomic_load_n(&lock.Value, __ATOMIC_SEQ_CST) == tail)
                    std::this_thread::yield();
            }
        } else {
            while (turn != index)
                std::this_thread::yield();
            KeAcquireInStackQueuedSpinLock(&lock, &handle);
        }
        order.push_back(index);
        KeReleaseInStackQueuedSpinLock(&handle);
    });
    EXPECT_EQ(order, (std::vector<unsigned>{0, 1, 2, 3}));
}

// SYH-05
TEST(SpinLockContentionTest, PlainLockExcludesProcessors) {
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    volatile long count = 0;
    OnProcessors(Processors, [&](unsigned index) {
        for (int i = 0; i < Rounds; i++) {
            if (index % 2 == 0) {
                KeAcquireSpinLockAtDpcLevel(&lock);
            } else {
                while (!KeTryToAcquireSpinLockAtDpcLevel(&lock))
                    YieldProcessor();
            }
            EXPECT_FALSE(KeTestSpinLock(&lock));
            count = count + 1;
            KeReleaseSpinLockFromDpcLevel(&lock);
        }
    });
    EXPECT_EQ(count, long(Processors) * Rounds);
    EXPECT_TRUE(KeTestSpinLock(&lock));
}
