// Spin locks: what checked builds catch; and the interlocked operations that they and the rest stand on.
#include "ke/ki.h"
#include "waits.h"

#include <vector>

using namespace host;
using SpinLockTest = KernelTest;

// SYH-05, SYH-02
TEST_F(SpinLockTest, HolderIsAtDispatchLevelAndOnTheProcessorsList) {
    Run([&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        {
            nt::SpinLockGuard guard(lock);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(DISPATCH_LEVEL));
            EXPECT_EQ(lock.Value, 1u);
            EXPECT_EQ(KiSpinLockHolder(&lock), KeGetCurrentPrcb());
            EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 1u);
            EXPECT_EQ(KeGetCurrentPrcb()->HeldLocks[0].Lock, &lock);
        }
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(lock.Value, 0u);
        EXPECT_EQ(KiSpinLockHolder(&lock), nullptr);
        EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 0u);
    });
}

// SYH-05
TEST_F(SpinLockTest, AcquiringTwiceIsABugcheck) {
    RunUntilBugCheck(SPIN_LOCK_ALREADY_OWNED, [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        KfAcquireSpinLock(&lock);
        KfAcquireSpinLock(&lock);
    });
}

// SYH-05
TEST_F(SpinLockTest, ReleasingWhatIsNotHeldIsABugcheck) {
    RunUntilBugCheck(SPIN_LOCK_NOT_OWNED, [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        KfRaiseIrql(DISPATCH_LEVEL);
        KfReleaseSpinLock(&lock, PASSIVE_LEVEL);
    });
}

// SYH-05, SYH-02
TEST_F(SpinLockTest, AcquiringBelowDispatchLevelIsCaught) {
    RunUntilAssertion("DISPATCH_LEVEL", [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        KefAcquireSpinLockAtDpcLevel(&lock);
    });
}

// SYH-05
TEST_F(SpinLockTest, RanksMustRise) {
    RunUntilAssertion("MayFollow", [&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock, KLOCK_RANK::Pool);
        nt::SpinLockGuard guard(lock);
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        KeSetEvent(&event, 0, FALSE); // takes the dispatcher database, which comes before the pool
    });
}

// SYH-05: a rank is the address's until another lock is made there, or the memory is given back
TEST_F(SpinLockTest, ARankGoesWithItsLock) {
    Run([&] {
        KSPIN_LOCK locks[3];
        for (KSPIN_LOCK& lock : locks)
            KeInitializeSpinLock(&lock, KLOCK_RANK::Io);
        KeSetSpinLockRank(&locks[0], KLOCK_RANK::Cache);
        EXPECT_EQ(KiSpinLockRank(&locks[0]), KLOCK_RANK::Cache);
        KeInitializeSpinLock(&locks[0]);
        EXPECT_EQ(KiSpinLockRank(&locks[0]), KLOCK_RANK::None);
        KeForgetSpinLockRanks(&locks[1], sizeof(KSPIN_LOCK));
        EXPECT_EQ(KiSpinLockRank(&locks[1]), KLOCK_RANK::None);
        EXPECT_EQ(KiSpinLockRank(&locks[2]), KLOCK_RANK::Io);
    });
}

// SYH-05
TEST_F(SpinLockTest, FreedMemoryLosesTheRanksOfAllItsLocks) {
    Run([&] {
        std::vector<KSPIN_LOCK> locks(300); // more than a granule of the table, and not in step with it
        for (KSPIN_LOCK& lock : locks)
            KeInitializeSpinLock(&lock, KLOCK_RANK::Pool);
        KeForgetSpinLockRanks(&locks[1], 298 * sizeof(KSPIN_LOCK));
        for (size_t i = 0; i < locks.size(); i++)
            EXPECT_EQ(KiSpinLockRank(&locks[i]), i == 0 || i == 299 ? KLOCK_RANK::Pool : KLOCK_RANK::None) << i;
    });
}

// SYH-05
TEST_F(SpinLockTest, WithoutRoomForRanksNothingIsClaimed) {
    Run([&] {
        std::vector<KSPIN_LOCK> locks(20'000); // more than the table has places
        for (KSPIN_LOCK& lock : locks)
            KeInitializeSpinLock(&lock, KLOCK_RANK::Pool);
        EXPECT_TRUE(KiSpinLockRanksAreLost());
        nt::SpinLockGuard guard(locks[0]);
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        KeSetEvent(&event, 0, FALSE); // against the order, but the order is not known any more
    });
}

// SYH-05: a broken acquisition lets two processors in
TEST_F(SpinLockTest, ASecondHolderIsCaught) {
    RunUntilAssertion(
        "KiSpinLockHolder",
        [&] {
            KSPIN_LOCK lock;
            KeInitializeSpinLock(&lock);
            nt::DispatchLevelGuard level;
            KHELD_SPIN_LOCK& place = KiProcessorBlock[1]->HeldLocks[0];
            place.Lock = &lock;
            KiProcessorBlock[1]->HeldLockCount = 1;
            KefAcquireSpinLockAtDpcLevel(&lock);
        },
        2);
}

// SYH-05
TEST_F(SpinLockTest, TwoProcessorsLocksAreTakenInTheOrderOfTheirNumbers) {
    Run(
        [&] {
            nt::DispatchLevelGuard level;
            nt::SpinLockAtDpcGuard low(KiProcessorBlock[0]->PrcbLock);
            nt::SpinLockAtDpcGuard high(KiProcessorBlock[1]->PrcbLock);
            EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 2u);
        },
        2);
    RunUntilAssertion(
        "MayFollow",
        [&] {
            nt::DispatchLevelGuard level;
            nt::SpinLockAtDpcGuard high(KiProcessorBlock[1]->PrcbLock);
            nt::SpinLockAtDpcGuard low(KiProcessorBlock[0]->PrcbLock);
        },
        2);
}

// SYH-05, INT-02
TEST_F(SpinLockTest, InterruptMayTakeAnyLockThatItsVictimDoesNotHold) {
    Run([&] {
        KSPIN_LOCK pool;
        KeInitializeSpinLock(&pool, KLOCK_RANK::Pool);
        KDPC dpc;
        KeInitializeDpc(
            &dpc, [](PKDPC, PVOID, PVOID, PVOID) {}, nullptr);
        nt::SpinLockGuard guard(pool);
        machine->Interrupt([&] { KeInsertQueueDpc(&dpc, nullptr, nullptr); });
        EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 1u);
    });
}

// SYH-03
TEST(InterlockedTest, OperationsReturnWhatTheBookSays) {
    volatile LONG value = 5;
    EXPECT_EQ(InterlockedIncrement(&value), 6);
    EXPECT_EQ(InterlockedDecrement(&value), 5);
    EXPECT_EQ(InterlockedExchangeAdd(&value, 10), 5);
    EXPECT_EQ(InterlockedExchange(&value, 1), 15);
    EXPECT_EQ(InterlockedCompareExchange(&value, 2, 7), 1);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(InterlockedCompareExchange(&value, 2, 1), 1);
    EXPECT_EQ(InterlockedOr(&value, 5), 2);
    EXPECT_EQ(InterlockedAnd(&value, 3), 7);
    EXPECT_EQ(value, 3);
    volatile LONGLONG wide = 1LL << 40;
    EXPECT_EQ(InterlockedCompareExchange64(&wide, 3, 1LL << 40), 1LL << 40);
    EXPECT_EQ(wide, 3);
}
