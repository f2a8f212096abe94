// Guarded mutexes: region, owner, hand-over.
#include "ex/guardedmutex.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using GuardedMutexTest = KernelTest;

// DSP-19
TEST_F(GuardedMutexTest, OwnerIsInAGuardedRegionAtItsOwnIrql) {
    Run([&] {
        KGUARDED_MUTEX mutex;
        KeInitializeGuardedMutex(&mutex);
        KeAcquireGuardedMutex(&mutex);
        EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        EXPECT_TRUE(KeAreAllApcsDisabled());
        EXPECT_EQ(mutex.Owner, KeGetCurrentThread());
        EXPECT_EQ(mutex.Count, 0);
        Thread* const other = machine->Spawn(9, [&] {
            EXPECT_FALSE(KeTryToAcquireGuardedMutex(&mutex));
            EXPECT_FALSE(KeAreAllApcsDisabled());
        });
        KeReleaseGuardedMutex(&mutex);
        EXPECT_EQ(mutex.Gate.Header.SignalState, 0) << "nobody waited: nobody is woken";
        EXPECT_FALSE(KeAreAllApcsDisabled());
        Await(&other->Tcb);
        EXPECT_TRUE(KeTryToAcquireGuardedMutex(&mutex));
        EXPECT_TRUE(KeAreAllApcsDisabled());
        KeReleaseGuardedMutex(&mutex);

        KeEnterGuardedRegion();
        KeAcquireGuardedMutexUnsafe(&mutex);
        KeReleaseGuardedMutexUnsafe(&mutex);
        EXPECT_TRUE(KeAreAllApcsDisabled()) << "the caller's own region";
        KeLeaveGuardedRegion();
        EXPECT_EQ(mutex.Count, 1);
    });
}

// DSP-19, DSP-10
TEST_F(GuardedMutexTest, WaitersSleepOnTheGateAndGetItInTheOrderTheyCame) {
    Run([&] {
        KGUARDED_MUTEX mutex;
        KeInitializeGuardedMutex(&mutex);
        std::string order;
        std::vector<Thread*> threads;
        KeAcquireGuardedMutex(&mutex);
        for (char name : {'a', 'b', 'c'}) {
            threads.push_back(machine->Spawn(9, [&, name] {
                KeAcquireGuardedMutex(&mutex);
                order += name;
                Sleep(2);
                KeReleaseGuardedMutex(&mutex);
            }));
        }
        EXPECT_EQ(mutex.Count, -3);
        for (Thread* thread : threads) {
            EXPECT_EQ(StateOf(thread->Tcb), KTHREAD_STATE::GateWait);
            EXPECT_EQ(thread->Tcb.WaitLock, &mutex);
        }
        KeReleaseGuardedMutex(&mutex);
        EXPECT_FALSE(KeTryToAcquireGuardedMutex(&mutex));
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(order, "abc");
        EXPECT_EQ(mutex.Count, 1);
        EXPECT_EQ(mutex.Contention, 3u);
    });
}

// DSP-19
TEST_F(GuardedMutexTest, OnlyItsOwnerMayReleaseAndOnlyInItsRegion) {
    RunUntilAssertion("Owner == KeGetCurrentThread()", [&] {
        KGUARDED_MUTEX mutex;
        KeInitializeGuardedMutex(&mutex);
        KeAcquireGuardedMutex(&mutex);
        Thread* const other = machine->Spawn(9, [&] {
            KeEnterGuardedRegion();
            KeReleaseGuardedMutex(&mutex);
        });
        Await(&other->Tcb);
    });
    RunUntilAssertion("SpecialApcDisable == thread->SpecialApcDisable", [&] {
        KGUARDED_MUTEX mutex;
        KeInitializeGuardedMutex(&mutex);
        KeAcquireGuardedMutex(&mutex);
        KeEnterGuardedRegion(); // left too late
        KeReleaseGuardedMutex(&mutex);
    });
    RunUntilAssertion("KeAreAllApcsDisabled()", [&] {
        KGUARDED_MUTEX mutex;
        KeInitializeGuardedMutex(&mutex);
        KeAcquireGuardedMutexUnsafe(&mutex);
    });
}

// DSP-19
TEST_F(GuardedMutexTest, AnApcWaitsUntilTheMutexIsFree) {
    Run([&] {
        static int delivered;
        delivered = 0;
        KGUARDED_MUTEX mutex;
        KAPC apc;
        KeInitializeGuardedMutex(&mutex);
        KeInitializeApc(
            &apc, KeGetCurrentThread(), KAPC_ENVIRONMENT::OriginalApcEnvironment,
            [](PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) { delivered++; }, nullptr, nullptr, KernelMode,
            nullptr);
        KeAcquireGuardedMutex(&mutex);
        EXPECT_TRUE(KeInsertQueueApc(&apc, nullptr, nullptr, 0));
        EXPECT_EQ(delivered, 0) << "even a special one";
        KeReleaseGuardedMutex(&mutex);
        EXPECT_EQ(delivered, 1);
    });
}
