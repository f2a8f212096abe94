// Records of held locks: who has what, in which order it was taken, and what is left when a thread ends.
#include "ex.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;

namespace {

/// Tests whose threads are in critical regions.
class HeldLocksTest : public KernelTest {
protected:
    static std::function<void()> InRegion(std::function<void()> body) {
        return [body = std::move(body)] {
            nt::CriticalRegionGuard region;
            body();
        };
    }
    void Run(std::function<void()> body) { KernelTest::Run(InRegion(std::move(body))); }
    void RunUntilAssertion(const std::string& text, std::function<void()> body) {
        KernelTest::RunUntilAssertion(text, InRegion(std::move(body)));
    }
    Thread* Spawn(KPRIORITY priority, std::function<void()> body) {
        return machine->Spawn(priority, InRegion(std::move(body)));
    }
};

std::vector<KTHREAD*> OwnersOf(const void* lock) {
    PKTHREAD owners[8];
    return {owners, owners + KeQueryLockOwners(lock, FALSE, owners, 8)};
}

} // namespace

// DSP-20, DSP-21
TEST_F(HeldLocksTest, OwnersAreThoseThatHaveItNow) {
    Run([&] {
        EX_PUSH_LOCK lock{};
        KTHREAD* const self = KeGetCurrentThread();
        EXPECT_EQ(OwnersOf(&lock), std::vector<KTHREAD*>{});
        ExAcquirePushLockShared(&lock);
        Thread* const other = Spawn(9, [&] {
            ExAcquirePushLockShared(&lock);
            Sleep(2);
            ExReleasePushLockShared(&lock);
        });
        EXPECT_EQ(OwnersOf(&lock), (std::vector<KTHREAD*>{self, &other->Tcb}));
        ExReleasePushLockShared(&lock);
        EXPECT_EQ(OwnersOf(&lock), std::vector<KTHREAD*>{&other->Tcb});
        Await(&other->Tcb);
        EXPECT_EQ(OwnersOf(&lock), std::vector<KTHREAD*>{});
    });
}

// DSP-18, DSP-20
TEST_F(HeldLocksTest, RanksMustRise) {
    const auto take = [&](ULONG first, ULONG second) {
        FAST_MUTEX mutex;
        ERESOURCE resource;
        ExInitializeFastMutex(&mutex);
        (void)ExInitializeResourceLite(&resource);
        KeSetLockRank(&mutex, first);
        KeSetLockRank(&resource, second);
        ExAcquireFastMutex(&mutex);
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        ExReleaseResourceLite(&resource);
        ExReleaseResourceLite(&resource);
        ExReleaseFastMutex(&mutex);
        (void)ExDeleteResourceLite(&resource);
        KeSetLockRank(&mutex, 0);
    };
    Run([&] {
        take(3, 4);
        take(3, 0);
        take(0, 3);
    });
    RunUntilAssertion("heldRank < wantedRank", [&] { take(4, 3); });
    RunUntilAssertion("heldRank < wantedRank", [&] { take(3, 3); });
}

// DSP-20: where a thread need not wait it cannot wait for ever.
TEST_F(HeldLocksTest, AnAcquisitionThatDoesNotWaitHasNoOrder) {
    Run([&] {
        ERESOURCE low;
        ERESOURCE high;
        for (ERESOURCE* each : {&low, &high})
            (void)ExInitializeResourceLite(each);
        KeSetLockRank(&low, 1);
        KeSetLockRank(&high, 2);
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&high, TRUE));
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&low, FALSE));
        ExReleaseResourceLite(&low);
        ExReleaseResourceLite(&high);
    });
}

// DSP-18
TEST_F(HeldLocksTest, AThreadThatEndsWithALockStopsTheSystem) {
    ERESOURCE resource;
    RunUntilBugCheck(THREAD_TERMINATE_HELD_MUTEX, [&] {
        (void)ExInitializeResourceLite(&resource);
        Thread* const leaving = Spawn(9, [&] { EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE)); });
        Await(&leaving->Tcb);
    });
    EXPECT_EQ(machine->Stopped().Parameter[1], reinterpret_cast<ULONG_PTR>(&resource));
    EXPECT_EQ(machine->Stopped().Parameter[2], ULONG_PTR(KLOCK_KIND::Resource));
}

// DSP-18: an acquisition that may wait is refused at DISPATCH_LEVEL before anything happens.
TEST_F(HeldLocksTest, NoAcquisitionAtDispatchLevel) {
    RunUntilAssertion("KeGetCurrentIrql() <= APC_LEVEL", [&] {
        EX_PUSH_LOCK lock{};
        (void)KfRaiseIrql(DISPATCH_LEVEL);
        ExAcquirePushLockExclusive(&lock);
    });
}

// DSP-21
TEST_F(HeldLocksTest, OnlyAnOwnerReleasesAPushLock) {
    RunUntilAssertion("owned", [&] {
        EX_PUSH_LOCK lock{};
        ExAcquirePushLockExclusive(&lock);
        Thread* const other = Spawn(9, [&] { ExReleasePushLock(&lock); });
        Await(&other->Tcb);
    });
}

// DSP-20: more locks than there is room for: the records say less, and nobody is accused.
TEST_F(HeldLocksTest, WithoutRoomForRecordsNothingIsClaimed) {
    Run([&] {
        std::vector<EX_PUSH_LOCK> locks(1100);
        for (EX_PUSH_LOCK& lock : locks)
            ExAcquirePushLockExclusive(&lock);
        for (EX_PUSH_LOCK& lock : locks)
            ExReleasePushLockExclusive(&lock);
        EXPECT_TRUE(IsListEmpty(&KeGetCurrentThread()->HeldLocks));
    });
}
