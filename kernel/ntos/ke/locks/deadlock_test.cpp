// The deadlock finder: circles it names, and waits that only look like one.
#include "apcs.h"
#include "deadlock.h"
#include "ex.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;

namespace {

/// Threads of priority 9 that close, or do not close, a circle.
class DeadlockTest : public KernelTest {
protected:
    void SetUp() override { Deadlock.clear(); }

    /// Runs a thread of priority 9 up to its first wait.
    Thread* Start(std::function<void()> body) { return machine->Spawn(9, InRegion(std::move(body))); }

    /// Runs a thread that has the mutant while it waits to share the lock.
    Thread* StartSharerWith(KMUTANT& mutant, EX_PUSH_LOCK& lock) {
        return Start([&] {
            Await(&mutant);
            ExAcquirePushLockShared(&lock);
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
            ExReleasePushLockShared(&lock);
        });
    }

    /// What the finder named, as indices of `threads`, from the thread that closed the circle.
    std::vector<int> Named(const std::vector<Thread*>& threads) {
        std::vector<int> named;
        for (const KLOCK_WAIT& wait : Deadlock) {
            for (size_t i = 0; i < threads.size(); i++) {
                if (&threads[i]->Tcb == wait.Thread) named.push_back(int(i));
            }
        }
        return named;
    }

    void ExpectDeadlock(std::function<void()> body) {
        RunUntilBugCheck(DRIVER_VERIFIER_DETECTED_VIOLATION, InRegion(std::move(body)));
    }
    void Run(std::function<void()> body) { KernelTest::Run(InRegion(std::move(body))); }
    static std::function<void()> InRegion(std::function<void()> body) {
        return [body = std::move(body)] {
            nt::CriticalRegionGuard region;
            body();
        };
    }
};

void AcquireExclusive(ERESOURCE& resource) { EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE)); }
void AcquireShared(ERESOURCE& resource) { EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE)); }

} // namespace

// DSP-20
TEST_F(DeadlockTest, TwoResourcesInOppositeOrder) {
    std::vector<Thread*> threads;
    ERESOURCE a;
    ERESOURCE b;
    ExpectDeadlock([&] {
        (void)ExInitializeResourceLite(&a);
        (void)ExInitializeResourceLite(&b);
        threads.push_back(Start([&] {
            AcquireExclusive(a);
            Sleep(2);
            AcquireExclusive(b);
        }));
        threads.push_back(Start([&] {
            AcquireExclusive(b);
            Sleep(4);
            AcquireExclusive(a);
        }));
        Sleep(100);
    });
    EXPECT_EQ(Named(threads), (std::vector<int>{1, 0}));
    ASSERT_EQ(Deadlock.size(), 2u);
    EXPECT_EQ(Deadlock[0].Lock, &a);
    EXPECT_EQ(Deadlock[1].Lock, &b);
    EXPECT_EQ(Deadlock[0].Kind, KLOCK_KIND::Resource);
    EXPECT_TRUE(Deadlock[0].Exclusive);
    EXPECT_EQ(machine->Stopped().Parameter[0], VERIFIER_DEADLOCK_DETECTED);
    EXPECT_EQ(machine->Stopped().Parameter[1], reinterpret_cast<ULONG_PTR>(&a));
    EXPECT_EQ(machine->Stopped().Parameter[2], reinterpret_cast<ULONG_PTR>(&threads[1]->Tcb));
    EXPECT_EQ(machine->Stopped().Parameter[3], 2u);
}

// DSP-18, DSP-20, DSP-21
TEST_F(DeadlockTest, ThreeThreadsWithThreeKindsOfLocks) {
    std::vector<Thread*> threads;
    ERESOURCE resource;
    FAST_MUTEX mutex;
    EX_PUSH_LOCK lock{};
    ExpectDeadlock([&] {
        (void)ExInitializeResourceLite(&resource);
        ExInitializeFastMutex(&mutex);
        threads.push_back(Start([&] {
            AcquireShared(resource);
            Sleep(2);
            ExAcquireFastMutex(&mutex);
        }));
        threads.push_back(Start([&] {
            ExAcquireFastMutex(&mutex);
            Sleep(4);
            ExAcquirePushLockShared(&lock);
        }));
        threads.push_back(Start([&] {
            ExAcquirePushLockExclusive(&lock);
            Sleep(6);
            AcquireExclusive(resource);
        }));
        Sleep(100);
    });
    EXPECT_EQ(Named(threads), (std::vector<int>{2, 0, 1}));
}

// DSP-04, DSP-20
TEST_F(DeadlockTest, MutantAndResource) {
    std::vector<Thread*> threads;
    ERESOURCE resource;
    KMUTANT mutant;
    ExpectDeadlock([&] {
        (void)ExInitializeResourceLite(&resource);
        KeInitializeMutant(&mutant, FALSE);
        threads.push_back(Start([&] {
            AcquireExclusive(resource);
            Sleep(4);
            Await(&mutant);
        }));
        threads.push_back(Start([&] {
            Await(&mutant);
            Sleep(2);
            AcquireShared(resource);
        }));
        Sleep(100);
    });
    EXPECT_EQ(Named(threads), (std::vector<int>{0, 1}));
    EXPECT_EQ(Deadlock[0].Kind, KLOCK_KIND::Mutant);
    EXPECT_EQ(Deadlock[0].Lock, &mutant);
}

// DSP-04, DSP-13
TEST_F(DeadlockTest, WaitForAllMutantsOneOfWhichIsInTheCircle) {
    ExpectDeadlock([&] {
        KMUTANT mutants[2];
        KeInitializeMutant(&mutants[0], FALSE);
        KeInitializeMutant(&mutants[1], TRUE);
        KEVENT never;
        KeInitializeEvent(&never, NotificationEvent, FALSE);
        Start([&] {
            Await(&mutants[0]);
            (void)WaitForSeveral({&never, &mutants[1]}, WaitAll);
        });
        Await(&mutants[0]);
    });
    EXPECT_EQ(Deadlock.size(), 2u);
}

// DSP-20: a thread that wants to make shared access exclusive in place waits for itself.
TEST_F(DeadlockTest, ResourceUpgradedInPlaceAndAThreadThatWaitsForItself) {
    ERESOURCE resource;
    FAST_MUTEX mutex;
    ExpectDeadlock([&] {
        (void)ExInitializeResourceLite(&resource);
        AcquireShared(resource);
        AcquireExclusive(resource);
    });
    EXPECT_EQ(Deadlock.size(), 1u);
    ExpectDeadlock([&] {
        ExInitializeFastMutex(&mutex);
        ExAcquireFastMutex(&mutex);
        ExAcquireFastMutex(&mutex);
    });
    EXPECT_EQ(Deadlock.size(), 1u);
    EX_PUSH_LOCK lock{};
    ExpectDeadlock([&] {
        ExAcquirePushLockExclusive(&lock);
        ExAcquirePushLockShared(&lock);
    });
    EXPECT_EQ(Deadlock.size(), 1u);
}

// DSP-04, DSP-07
TEST_F(DeadlockTest, WaitingForTheEndOfAThreadThatWaitsForMe) {
    ExpectDeadlock([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, TRUE);
        Thread* const other = Start([&] { Await(&mutant); });
        Await(&other->Tcb);
    });
    ASSERT_EQ(Deadlock.size(), 2u);
    EXPECT_EQ(Deadlock[0].Kind, KLOCK_KIND::Thread);
    EXPECT_EQ(Deadlock[1].Kind, KLOCK_KIND::Mutant);
}

// DSP-20: behind a thread that waits for exclusive access one waits for the owners, too.
TEST_F(DeadlockTest, SharedBehindExclusiveIsInTheCircle) {
    std::vector<Thread*> threads;
    ERESOURCE resource;
    KMUTANT mutant;
    ExpectDeadlock([&] {
        (void)ExInitializeResourceLite(&resource);
        KeInitializeMutant(&mutant, FALSE);
        threads.push_back(Start([&] {
            AcquireShared(resource);
            Sleep(6);
            Await(&mutant);
        }));
        threads.push_back(Start([&] { AcquireExclusive(resource); }));
        threads.push_back(Start([&] {
            Await(&mutant);
            AcquireShared(resource);
        }));
        Sleep(100);
    });
    EXPECT_EQ(Named(threads), (std::vector<int>{0, 2}));
}

// DSP-20
TEST_F(DeadlockTest, SharedAndRecursiveAcquisitionsAreNone) {
    Run([&] {
        ERESOURCE a;
        ERESOURCE b;
        (void)ExInitializeResourceLite(&a);
        (void)ExInitializeResourceLite(&b);
        std::vector<Thread*> threads;
        for (int i = 0; i < 2; i++) {
            threads.push_back(Start([&, i] { // opposite order, but shared
                AcquireShared(i ? a : b);
                Sleep(2);
                AcquireShared(i ? b : a);
                AcquireShared(i ? a : b);
                ExReleaseResourceLite(&a);
                ExReleaseResourceLite(&b);
                ExReleaseResourceLite(i ? &a : &b);
            }));
        }
        AcquireExclusive(a); // waits for both, holds nothing
        AcquireExclusive(a);
        AcquireShared(a);
        for (int i = 0; i < 3; i++)
            ExReleaseResourceLite(&a);
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_TRUE(Deadlock.empty());
    });
}

// DSP-04, DSP-20
TEST_F(DeadlockTest, WaitsThatSomethingElseCanEndAreNone) {
    Run([&] {
        KMUTANT mine;
        KMUTANT theirs;
        KEVENT event;
        KeInitializeMutant(&mine, TRUE);
        KeInitializeMutant(&theirs, FALSE);
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        Thread* const other = Start([&] {
            Await(&theirs);
            EXPECT_EQ(WaitFor(&mine, Ticks(3)), STATUS_TIMEOUT);
            EXPECT_EQ(Code(WaitForSeveral({&mine, &event}, WaitAny)), Code(STATUS_WAIT_0) + 1);
            KeReleaseMutant(&theirs, 0, FALSE, FALSE);
        });
        EXPECT_EQ(WaitFor(&theirs, Ticks(2)), STATUS_TIMEOUT);
        EXPECT_EQ(WaitFor(&theirs, Ticks(4)), STATUS_TIMEOUT);
        KeSetEvent(&event, 0, FALSE);
        Await(&theirs);
        KeReleaseMutant(&theirs, 0, FALSE, FALSE);
        KeReleaseMutant(&mine, 0, FALSE, FALSE);
        Await(&other->Tcb);
        EXPECT_TRUE(Deadlock.empty());
    });
}

// DSP-21: the releasing thread is preempted between two wake-ups: who is woken first shares the lock already, and the other
// one still looks as if it waited for him.
TEST_F(DeadlockTest, SharedWaiterThatIsAboutToBeWokenIsNoCircle) {
    Run([&] {
        EX_PUSH_LOCK lock{};
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        ExAcquirePushLockExclusive(&lock);
        Thread* const first = Start([&] {
            ExAcquirePushLockShared(&lock);
            Await(&mutant);
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
            ExReleasePushLockShared(&lock);
        });
        Thread* const second = StartSharerWith(mutant, lock);
        KeSetPriorityThread(&first->Tcb, 12); // runs as soon as it is woken
        ExReleasePushLockExclusive(&lock);
        Await(&first->Tcb);
        Await(&second->Tcb);
        EXPECT_TRUE(Deadlock.empty());
    });
}

// DSP-21: a thread that was passed over by one that shares does not wait for it: it may share, too.
TEST_F(DeadlockTest, WokenSharedWaiterOfAPushLockIsNoCircle) {
    Run([&] {
        EX_PUSH_LOCK lock{};
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        ExAcquirePushLockExclusive(&lock);
        Thread* const slow = StartSharerWith(mutant, lock);
        KeSetPriorityThread(&slow->Tcb, 3);
        ExReleasePushLockExclusive(&lock); // wakes `slow`, which does not run yet
        ExAcquirePushLockShared(&lock);
        Await(&mutant); // `slow` has it and goes on
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        ExReleasePushLockShared(&lock);
        Await(&slow->Tcb);
        EXPECT_TRUE(Deadlock.empty());
    });
}

// DSP-20, INT-11: who waits inside an APC does not wait for the lock: it may have been handed over meanwhile.
TEST_F(DeadlockTest, WaitInAnApcIsNotTheWaitThatItInterrupted) {
    Run([&] {
        ERESOURCE resource;
        KMUTANT mutant;
        KEVENT event;
        (void)ExInitializeResourceLite(&resource);
        KeInitializeMutant(&mutant, FALSE);
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        AcquireExclusive(resource);
        Thread* const interrupted = Start([&] {
            Await(&mutant);
            AcquireShared(resource);
            ExReleaseResourceLite(&resource);
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        });
        Thread* const other = Start([&] {
            AcquireShared(resource);
            Await(&mutant);
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
            ExReleaseResourceLite(&resource);
        });
        Apc apc(interrupted->Tcb, [&] { Await(&event); });
        apc.Queue();
        Sleep(2);                         // it waits in its APC now
        ExReleaseResourceLite(&resource); // both share it
        Sleep(2);                         // `other` waits for the mutant
        KeSetEvent(&event, 0, FALSE);
        Await(&interrupted->Tcb);
        Await(&other->Tcb);
        EXPECT_TRUE(Deadlock.empty());
    });
}

// DSP-18, DSP-20, INT-11: an APC may wait for a lock of its own, and the thread goes on waiting for what it waited for.
TEST_F(DeadlockTest, ApcWaitsForAnotherLockThanItsThread) {
    Run([&] {
        ERESOURCE resource;
        FAST_MUTEX mutex;
        (void)ExInitializeResourceLite(&resource);
        ExInitializeFastMutex(&mutex);
        AcquireExclusive(resource);
        Thread* const thread = Start([&] {
            AcquireExclusive(resource);
            ExReleaseResourceLite(&resource);
        });
        ExAcquireFastMutex(&mutex);
        Apc apc(thread->Tcb, [&] {
            ExAcquireFastMutex(&mutex);
            ExReleaseFastMutex(&mutex);
        });
        apc.Queue();
        Sleep(2);
        EXPECT_EQ(thread->Tcb.WaitLock, &mutex);
        ExReleaseFastMutex(&mutex);
        Sleep(2);
        EXPECT_EQ(thread->Tcb.WaitLock, &resource);
        EXPECT_EQ(KLOCK_KIND(thread->Tcb.WaitLockKind), KLOCK_KIND::Resource);
        ExReleaseResourceLite(&resource);
        Await(&thread->Tcb);
        EXPECT_EQ(thread->Tcb.WaitLock, nullptr);
    });
}
