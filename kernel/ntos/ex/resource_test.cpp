// Executive resources: who gets access when, who waits for whom, and what a waiting thread does for the owners.
#include "ex.h"
#include "ke.h"
#include "fakepool.h"
#include "waits.h"

#include <random>

using namespace host;

namespace {

class ResourceTest : public KernelTest {
protected:
    void RunWith(std::function<void()> body, ULONG processors = 1) {
        Run(
            [&] {
                nt::CriticalRegionGuard region;
                (void)ExInitializeResourceLite(&resource);
                body();
                (void)ExDeleteResourceLite(&resource);
            },
            processors);
    }
    /// A thread in a critical region, as users of resources must be.
    Thread* Spawn(KPRIORITY priority, std::function<void()> body) {
        return machine->Spawn(priority, [body = std::move(body)] {
            nt::CriticalRegionGuard region;
            body();
        });
    }
    Thread* Shared(KPRIORITY priority, LONGLONG ticks) {
        return Spawn(priority, [this, ticks] {
            EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
            order += 's';
            if (ticks) Sleep(ticks);
            ExReleaseResourceLite(&resource);
        });
    }
    Thread* Exclusive(KPRIORITY priority, LONGLONG ticks) {
        return Spawn(priority, [this, ticks] {
            EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
            order += 'x';
            if (ticks) Sleep(ticks);
            ExReleaseResourceLite(&resource);
        });
    }

    ERESOURCE resource;
    std::string order;
};

} // namespace

// DSP-20
TEST_F(ResourceTest, ExclusiveOwnerMayAcquireAgainBothWays) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, FALSE));
        EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&resource));
        EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 3u);
        ExReleaseResourceLite(&resource);
        ExReleaseResourceLite(&resource);
        EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&resource));
        ExReleaseResourceLite(&resource);
        EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&resource));
        EXPECT_EQ(resource.ActiveCount, 0);
    });
}

// DSP-20
TEST_F(ResourceTest, SharedOwnersExcludeAnExclusiveOneUntilTheLastHasLeft) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        Thread* const reader = Shared(9, 5);
        EXPECT_EQ(order, "s") << "shared with the test's own thread";
        Thread* const writer = Exclusive(9, 0);
        EXPECT_EQ(ExGetExclusiveWaiterCount(&resource), 1u);
        ExReleaseResourceLite(&resource);
        EXPECT_EQ(order, "s") << "one shared owner is left";
        Await(&reader->Tcb);
        Await(&writer->Tcb);
        EXPECT_EQ(order, "sx");
        EXPECT_EQ(resource.ContentionCount, 1u);
    });
}

// DSP-20
TEST_F(ResourceTest, WithoutWaitingItIsRefused) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        EXPECT_FALSE(ExAcquireResourceExclusiveLite(&resource, FALSE)) << "shared is not made exclusive in place";
        Thread* const other = Spawn(9, [&] {
            EXPECT_FALSE(ExAcquireResourceExclusiveLite(&resource, FALSE));
            EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, FALSE));
            ExReleaseResourceLite(&resource);
        });
        Await(&other->Tcb);
        ExReleaseResourceLite(&resource);
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));
        Thread* const third = Spawn(9, [&] {
            EXPECT_FALSE(ExAcquireResourceSharedLite(&resource, FALSE));
            EXPECT_FALSE(ExAcquireSharedStarveExclusive(&resource, FALSE));
            EXPECT_FALSE(ExAcquireSharedWaitForExclusive(&resource, FALSE));
        });
        Await(&third->Tcb);
        ExReleaseResourceLite(&resource);
        EXPECT_EQ(resource.ContentionCount, 0u);
    });
}

// DSP-20
TEST_F(ResourceTest, NewSharedRequestsWaitBehindAWaitingExclusiveOne) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        std::vector<Thread*> threads{Exclusive(9, 2), Shared(9, 0), Shared(9, 0)};
        EXPECT_EQ(order, "");
        EXPECT_EQ(ExGetSharedWaiterCount(&resource), 2u);
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, FALSE)) << "who shares it already does not wait for himself";
        ExReleaseResourceLite(&resource);
        ExReleaseResourceLite(&resource);
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(order, "xss");
    });
}

// DSP-20
TEST_F(ResourceTest, TheThreeSharedRulesDifferInWhomTheyWaitFor) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        Thread* const writer = Exclusive(9, 0);
        EXPECT_FALSE(ExAcquireSharedWaitForExclusive(&resource, FALSE)) << "even an owner waits";
        Thread* const other = Spawn(9, [&] {
            EXPECT_FALSE(ExAcquireResourceSharedLite(&resource, FALSE));
            EXPECT_FALSE(ExAcquireSharedWaitForExclusive(&resource, FALSE));
            EXPECT_TRUE(ExAcquireSharedStarveExclusive(&resource, FALSE));
            ExReleaseResourceLite(&resource);
        });
        Await(&other->Tcb);
        ExReleaseResourceLite(&resource);
        Await(&writer->Tcb);
        EXPECT_TRUE(ExAcquireSharedWaitForExclusive(&resource, FALSE)) << "nobody waits";
        ExReleaseResourceLite(&resource);
    });
}

// DSP-20
TEST_F(ResourceTest, AfterAnExclusiveOwnerAllThatWaitToShareComeFirst) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        std::vector<Thread*> threads{Exclusive(9, 0), Shared(9, 3), Exclusive(9, 0), Shared(9, 3)};
        ExReleaseResourceLite(&resource);
        EXPECT_EQ(order, "ss") << "at once, together";
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(order, "ssxx");
    });
}

// DSP-20
TEST_F(ResourceTest, HandedOverResourceCannotBeTakenByAFasterThread) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        Thread* const slow = Exclusive(9, 0);
        KeSetPriorityThread(&slow->Tcb, 2);
        ExReleaseResourceLite(&resource); // `slow` is woken, and does not run yet
        EXPECT_EQ(order, "");
        EXPECT_FALSE(ExAcquireResourceExclusiveLite(&resource, FALSE));
        EXPECT_FALSE(ExAcquireResourceSharedLite(&resource, FALSE));
        EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&resource));
        Await(&slow->Tcb);
        EXPECT_EQ(order, "x");
    });
}

// DSP-20
TEST_F(ResourceTest, ConvertedToSharedLetsThoseThatWaitToShareIn) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        std::vector<Thread*> threads{Shared(9, 2), Exclusive(9, 0), Shared(9, 2)};
        ExConvertExclusiveToSharedLite(&resource);
        EXPECT_EQ(order, "ss");
        EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&resource));
        EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 2u) << "as often as before";
        ExReleaseResourceLite(&resource);
        Await(&threads[0]->Tcb);
        EXPECT_EQ(order, "ss");
        ExReleaseResourceLite(&resource);
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(order, "ssx");
    });
}

// DSP-20
TEST_F(ResourceTest, OwnerTableGrowsAndCountsEachOwner) {
    RunWith([&] {
        constexpr int owners = 40;
        KEVENT go;
        KeInitializeEvent(&go, NotificationEvent, FALSE);
        std::vector<Thread*> threads;
        for (int i = 0; i < owners; i++) {
            threads.push_back(Spawn(9, [&, i] {
                for (int n = 0; n <= i % 3; n++)
                    EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
                Await(&go);
                EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), ULONG(i % 3 + 1));
                for (int n = 0; n <= i % 3; n++)
                    ExReleaseResourceLite(&resource);
            }));
        }
        EXPECT_EQ(resource.ActiveEntries, ULONG(owners));
        EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 0u);
        Thread* const writer = Exclusive(9, 0);
        KeSetEvent(&go, 0, FALSE);
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        Await(&writer->Tcb);
        EXPECT_EQ(order, "x");
        EXPECT_EQ(resource.ActiveEntries, 0u);
    });
}

// DSP-20
TEST_F(ResourceTest, SharedAccessWaitsForMemoryAndDoesNotFail) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        PoolFailures = 3; // for the second owner's table
        Thread* const second = Shared(9, 0);
        EXPECT_EQ(order, "");
        Await(&second->Tcb);
        EXPECT_EQ(order, "s");
        EXPECT_EQ(PoolFailures, 0u);
        ExReleaseResourceLite(&resource);
    });
}

// DSP-20: what threads wait for is made by the first one that must wait
TEST_F(ResourceTest, WaitingNeedsMemoryOnceAndDoesNotFail) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        EXPECT_EQ(resource.SharedWaiters, nullptr);
        EXPECT_EQ(resource.ExclusiveWaiters, nullptr);
        PoolFailures = 3;
        Thread* const writer = Exclusive(9, 0);
        Thread* const reader = Shared(9, 0); // both look for memory at a time
        EXPECT_EQ(resource.ContentionCount, 0u);
        Sleep(3);
        EXPECT_EQ(PoolFailures, 0u);
        EXPECT_EQ(resource.ContentionCount, 2u);
        ExReleaseResourceLite(&resource);
        Await(&writer->Tcb);
        Await(&reader->Tcb);
        EXPECT_EQ(order, "sx");
    });
}

// DSP-20
TEST_F(ResourceTest, AThreadThatFoundNoMemoryLooksAgainWhetherItMustWait) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        PoolFailures = 1;
        Thread* const writer = Exclusive(9, 0);
        ExReleaseResourceLite(&resource); // while it waits for memory
        Await(&writer->Tcb);
        EXPECT_EQ(order, "x");
        EXPECT_EQ(resource.ContentionCount, 0u);
    });
}

// DSP-20
TEST_F(ResourceTest, TwoThreadsThatWaitFirstShareOneSemaphoreAndEvent) {
    RunWith([&] {
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
        PoolFailures = 1; // the first of them pauses, the second makes both objects meanwhile
        Thread* const writer = Exclusive(9, 0);
        Thread* const reader = Shared(9, 0);
        KSEMAPHORE* const semaphore = resource.SharedWaiters;
        KEVENT* const event = resource.ExclusiveWaiters;
        EXPECT_NE(semaphore, nullptr);
        Sleep(3);
        EXPECT_EQ(resource.SharedWaiters, semaphore);
        EXPECT_EQ(resource.ExclusiveWaiters, event);
        EXPECT_EQ(resource.ContentionCount, 2u);
        ExReleaseResourceLite(&resource);
        Await(&writer->Tcb);
        Await(&reader->Tcb);
        EXPECT_EQ(order, "sx");
    });
}

// DSP-20
TEST_F(ResourceTest, ReleaseByWhoDoesNotOwnItStopsTheSystem) {
    const auto releaseUnowned = [&](bool shared) {
        RunUntilBugCheck(RESOURCE_NOT_OWNED, [&] {
            nt::CriticalRegionGuard region;
            (void)ExInitializeResourceLite(&resource);
            if (shared) {
                EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
            } else {
                EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
            }
            Thread* const other = Spawn(9, [&] { ExReleaseResourceLite(&resource); });
            Await(&other->Tcb);
        });
        EXPECT_EQ(machine->Stopped().Parameter[0], reinterpret_cast<ULONG_PTR>(&resource));
    };
    releaseUnowned(false);
    releaseUnowned(true);
}

// DSP-20
TEST_F(ResourceTest, OwnerPointerLetsAnotherThreadRelease) {
    RunWith([&] {
        PVOID const pointer = reinterpret_cast<PVOID>(reinterpret_cast<ULONG_PTR>(&resource) | 3);
        const auto id = reinterpret_cast<ERESOURCE_THREAD>(pointer);
        Thread* const reader = Spawn(9, [&] {
            EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
            ExSetResourceOwnerPointer(&resource, pointer);
            EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
            ExSetResourceOwnerPointer(&resource, pointer); // the same owner, twice
        });
        Await(&reader->Tcb);
        EXPECT_EQ(resource.ActiveEntries, 1u);
        ExReleaseResourceForThreadLite(&resource, id);
        EXPECT_FALSE(ExAcquireResourceExclusiveLite(&resource, FALSE));
        ExReleaseResourceForThreadLite(&resource, id);
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));
        ExSetResourceOwnerPointer(&resource, pointer);
        EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&resource));
        Thread* const other = Spawn(9, [&] { ExReleaseResourceForThreadLite(&resource, id); });
        Await(&other->Tcb);
        EXPECT_EQ(resource.ActiveCount, 0);
    });
}

// DSP-20, SCH-19
TEST_F(ResourceTest, OwnersAreBoostedWhenABetterThreadWaitsLong) {
    constexpr LONGLONG halfSecond = 50; // ticks of 10 ms
    RunWith([&] {
        bool done = false;
        KeSetPriorityThread(KeGetCurrentThread(), 16); // above all boosts: looks when it likes
        Thread* const owner = Spawn(4, [&] {
            EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
            while (!done)
                machine->Tick();
            ExReleaseResourceLite(&resource);
        });
        Sleep(1);
        Thread* const writer = Exclusive(10, 0);
        Sleep(halfSecond - 5);
        EXPECT_EQ(owner->Tcb.Priority, 4) << "not before half a second";
        Sleep(7);
        EXPECT_GT(owner->Tcb.Priority, 10) << "decays from 14, a level a quantum";
        done = true;
        Await(&writer->Tcb);
        EXPECT_EQ(order, "x");
    });
}

// DSP-20, SCH-19
TEST_F(ResourceTest, NoBoostForOwnersThatAreAsGoodOrWhereItIsDisabled) {
    RunWith([&] {
        for (const bool disabled : {true, false}) {
            bool done = false;
            if (disabled) ExDisableResourceBoostLite(&resource);
            const KPRIORITY priority = disabled ? 4 : 10;
            Thread* const owner = Spawn(priority, [&] {
                EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
                while (!done)
                    machine->Tick();
                ExReleaseResourceLite(&resource);
            });
            KeSetPriorityThread(KeGetCurrentThread(), 16); // above all boosts: looks when it likes
            Sleep(2);
            Thread* const writer = Exclusive(10, 0);
            for (int tick = 0; tick < 120; tick++) {
                Sleep(1);
                EXPECT_EQ(owner->Tcb.Priority, priority);
            }
            done = true;
            Await(&writer->Tcb);
            resource.Flag = 0;
        }
    });
}

// DSP-20, INT-15
TEST_F(ResourceTest, ACallerWithoutACriticalRegionIsRefused) {
    RunUntilAssertion("KeAreApcsDisabled()", [&] {
        (void)ExInitializeResourceLite(&resource);
        (void)ExAcquireResourceSharedLite(&resource, TRUE);
    });
    RunUntilAssertion("KeAreApcsDisabled()", [&] {
        EX_PUSH_LOCK lock{};
        ExAcquirePushLockExclusive(&lock);
    });
}

// DSP-20
TEST_F(ResourceTest, EveryResourceIsOnTheSystemsList) {
    RunWith([&] {
        ERESOURCE second;
        EXPECT_EQ(ExInitializeResourceLite(&second), STATUS_SUCCESS);
        const auto listed = [] {
            std::vector<ERESOURCE*> found;
            for (ERESOURCE* each : nt::List<&ERESOURCE::SystemResourcesList>(ExpSystemResourcesList))
                found.push_back(each);
            return found;
        };
        EXPECT_EQ(listed(), (std::vector<ERESOURCE*>{&resource, &second}));
        EXPECT_EQ(ExReinitializeResourceLite(&resource), STATUS_SUCCESS);
        EXPECT_EQ(ExDeleteResourceLite(&second), STATUS_SUCCESS);
        EXPECT_EQ(listed(), (std::vector<ERESOURCE*>{&resource}));
    });
}

// DSP-20
TEST_F(ResourceTest, RandomUseOnSeveralProcessorsKeepsReadersAndWritersApart) {
    const ULONG seed = Seed();
    SCOPED_TRACE(testing::Message() << "MICA_SEED=" << seed);
    for (ULONG processors : {1u, 2u, 4u}) {
        RunWith(
            [&] {
                std::mt19937 random(seed);
                int readers = 0;
                int writers = 0;
                ULONG entered = 0;
                std::vector<Thread*> threads;
                for (int i = 0; i < 8; i++) {
                    threads.push_back(Spawn(KPRIORITY(9 + i % 3), [&] {
                        for (int round = 0; round < 50; round++) {
                            const ULONG kind = random() % 4;
                            if (kind == 0) {
                                EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
                                EXPECT_EQ(readers + writers, 0);
                                writers++;
                            } else {
                                if (kind == 1) {
                                    EXPECT_TRUE(ExAcquireSharedStarveExclusive(&resource, TRUE));
                                } else {
                                    EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
                                }
                                EXPECT_EQ(writers, 0);
                                readers++;
                            }
                            entered++;
                            if (random() % 2) Sleep(random() % 3 + 1);
                            if (random() % 2) machine->LetOthersRun();
                            if (kind == 0 && random() % 2) {
                                writers--;
                                readers++;
                                ExConvertExclusiveToSharedLite(&resource);
                                machine->LetOthersRun();
                                EXPECT_EQ(writers, 0);
                                readers--;
                            } else {
                                (kind == 0 ? writers : readers)--;
                            }
                            ExReleaseResourceLite(&resource);
                        }
                    }));
                }
                for (Thread* thread : threads)
                    Await(&thread->Tcb);
                EXPECT_EQ(entered, 8 * 50u);
                EXPECT_EQ(resource.ActiveCount, 0);
                EXPECT_EQ(resource.ActiveEntries, 0u);
            },
            processors);
    }
}

// DSP-20: free builds leave it as it is (kernel/tests/guest/exlocks.cpp)
TEST_F(ResourceTest, ConvertingWhatIsSharedIsAContractBroken) {
    RunUntilAssertion("IsOwnedExclusive", [&] {
        ERESOURCE resource;
        EXPECT_EQ(ExInitializeResourceLite(&resource), STATUS_SUCCESS);
        KeEnterCriticalRegion();
        EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, TRUE));
        ExConvertExclusiveToSharedLite(&resource);
    });
}
