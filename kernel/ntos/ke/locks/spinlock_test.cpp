// Spin locks: what checked builds catch; and the interlocked operations that they and the rest stand on.
#include "ke/ki.h"
#include "waits.h"

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
            EXPECT_EQ(lock.Owner, KeGetCurrentProcessorNumber() + 1);
            EXPECT_EQ(KeGetCurrentPrcb()->HeldLockCount, 1u);
            EXPECT_EQ(KeGetCurrentPrcb()->HeldLocks[0], &lock);
        }
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(lock.Value, 0u);
        EXPECT_EQ(lock.Owner, 0u);
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
