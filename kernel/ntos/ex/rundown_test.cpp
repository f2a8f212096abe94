// Rundown protection: users, the last user, nobody after it.
#include "ex/rundown.h"
#include "waits.h"

#include <random>

using namespace host;
using RundownTest = KernelTest;

// DSP-21
TEST_F(RundownTest, WithoutUsersItIsCompleteAtOnce) {
    Run([&] {
        EX_RUNDOWN_REF reference;
        ExInitializeRundownProtection(&reference);
        ExWaitForRundownProtectionRelease(&reference);
        EXPECT_EQ(reference.Count, EX_RUNDOWN_ACTIVE);
        EXPECT_FALSE(ExAcquireRundownProtection(&reference));
        ExWaitForRundownProtectionRelease(&reference); // again: nothing to do
        ExReInitializeRundownProtection(&reference);
        EXPECT_TRUE(ExAcquireRundownProtection(&reference));
        EXPECT_EQ(reference.Count, EX_RUNDOWN_COUNT_INC);
        ExReleaseRundownProtection(&reference);
        ExRundownCompleted(&reference);
        EXPECT_FALSE(ExAcquireRundownProtection(&reference));
    });
}

// DSP-21
TEST_F(RundownTest, WaitsForTheLastUserAndKeepsNewOnesAway) {
    Run([&] {
        EX_RUNDOWN_REF reference;
        ExInitializeRundownProtection(&reference);
        EXPECT_TRUE(ExAcquireRundownProtection(&reference));
        EXPECT_TRUE(ExAcquireRundownProtectionEx(&reference, 3));
        bool over = false;
        Thread* const waiter = machine->Spawn(9, [&] {
            ExWaitForRundownProtectionRelease(&reference);
            over = true;
        });
        EXPECT_FALSE(ExAcquireRundownProtection(&reference));
        ExReleaseRundownProtectionEx(&reference, 3);
        EXPECT_FALSE(over);
        ExReleaseRundownProtection(&reference);
        EXPECT_TRUE(over);
        Await(&waiter->Tcb);
        EXPECT_EQ(reference.Count, EX_RUNDOWN_ACTIVE);
    });
}

// DSP-21
TEST_F(RundownTest, RandomUsersOnSeveralProcessorsAreAllOutWhenTheWaitEnds) {
    const ULONG seed = Seed();
    SCOPED_TRACE(testing::Message() << "MICA_SEED=" << seed);
    for (ULONG processors : {1u, 2u, 4u}) {
        Run(
            [&] {
                std::mt19937 random(seed);
                EX_RUNDOWN_REF reference;
                ExInitializeRundownProtection(&reference);
                int users = 0;
                ULONG refused = 0;
                bool gone = false;
                std::vector<Thread*> threads;
                for (int i = 0; i < 6; i++) {
                    threads.push_back(machine->Spawn(KPRIORITY(9 + i % 3), [&] {
                        for (int round = 0; round < 40; round++) {
                            const ULONG count = random() % 3 + 1;
                            if (!ExAcquireRundownProtectionEx(&reference, count)) {
                                refused++;
                                continue;
                            }
                            EXPECT_FALSE(gone);
                            users++;
                            if (random() % 2) Sleep(random() % 3 + 1);
                            machine->LetOthersRun();
                            EXPECT_FALSE(gone);
                            users--;
                            ExReleaseRundownProtectionEx(&reference, count);
                        }
                    }));
                }
                Sleep(20);
                ExWaitForRundownProtectionRelease(&reference);
                EXPECT_EQ(users, 0);
                gone = true;
                for (Thread* thread : threads)
                    Await(&thread->Tcb);
                EXPECT_GT(refused, 0u);
            },
            processors);
    }
}
