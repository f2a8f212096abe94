// Fast mutexes: level, owner, hand-over.
#include "ex/fastmutex.h"
#include "waits.h"

using namespace host;
using FastMutexTest = KernelTest;

// DSP-18
TEST_F(FastMutexTest, OwnerRunsAtApcLevelAndGetsItsIrqlBack) {
    Run([&] {
        FAST_MUTEX mutex;
        ExInitializeFastMutex(&mutex);
        EXPECT_EQ(mutex.Count, 1);
        ExAcquireFastMutex(&mutex);
        EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
        EXPECT_EQ(mutex.Owner, KeGetCurrentThread());
        EXPECT_EQ(mutex.Count, 0);
        ExReleaseFastMutex(&mutex);
        EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        EXPECT_EQ(mutex.Owner, nullptr);
        EXPECT_EQ(mutex.Count, 1);

        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        EXPECT_TRUE(ExTryToAcquireFastMutex(&mutex));
        ExReleaseFastMutex(&mutex);
        EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL) << "as it was";
        ExAcquireFastMutexUnsafe(&mutex);
        ExReleaseFastMutexUnsafe(&mutex);
        KfLowerIrql(old);
        EXPECT_EQ(mutex.Contention, 0u);
    });
}

// DSP-18
TEST_F(FastMutexTest, TryFailsWithoutChangingAnything) {
    Run([&] {
        FAST_MUTEX mutex;
        ExInitializeFastMutex(&mutex);
        ExAcquireFastMutex(&mutex);
        Thread* const other = machine->Spawn(9, [&] {
            EXPECT_FALSE(ExTryToAcquireFastMutex(&mutex));
            EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        });
        ExReleaseFastMutex(&mutex);
        Await(&other->Tcb);
        EXPECT_EQ(mutex.Count, 1);
    });
}

// DSP-18
TEST_F(FastMutexTest, WaitersGetItInTheOrderTheyCameAndNobodyCanSlipIn) {
    Run([&] {
        FAST_MUTEX mutex;
        ExInitializeFastMutex(&mutex);
        std::string order;
        std::vector<Thread*> threads;
        ExAcquireFastMutex(&mutex);
        for (char name : {'a', 'b', 'c'}) {
            threads.push_back(machine->Spawn(9, [&, name] {
                ExAcquireFastMutex(&mutex);
                order += name;
                Sleep(2);
                ExReleaseFastMutex(&mutex);
            }));
        }
        EXPECT_EQ(mutex.Count, -3);
        EXPECT_EQ(mutex.Contention, 3u);
        EXPECT_EQ(KLOCK_KIND(threads[1]->Tcb.WaitLockKind), KLOCK_KIND::FastMutex);
        EXPECT_EQ(threads[1]->Tcb.WaitLock, &mutex);
        KeSetPriorityThread(&threads[0]->Tcb, 2);
        ExReleaseFastMutex(&mutex);
        EXPECT_EQ(order, "");
        EXPECT_FALSE(ExTryToAcquireFastMutex(&mutex)) << "it was handed to a thread that has not run yet";
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(order, "abc");
        EXPECT_EQ(mutex.Count, 1);
    });
}

// DSP-18
TEST_F(FastMutexTest, OnlyItsOwnerMayRelease) {
    RunUntilAssertion("Owner == KeGetCurrentThread()", [&] {
        FAST_MUTEX mutex;
        ExInitializeFastMutex(&mutex);
        ExAcquireFastMutex(&mutex);
        Thread* const other = machine->Spawn(9, [&] {
            (void)KfRaiseIrql(APC_LEVEL);
            ExReleaseFastMutex(&mutex);
        });
        Await(&other->Tcb);
    });
    RunUntilAssertion("KeGetCurrentIrql() == APC_LEVEL", [&] {
        FAST_MUTEX mutex;
        ExInitializeFastMutex(&mutex);
        ExAcquireFastMutex(&mutex);
        KfLowerIrql(PASSIVE_LEVEL);
        ExReleaseFastMutex(&mutex);
    });
}
