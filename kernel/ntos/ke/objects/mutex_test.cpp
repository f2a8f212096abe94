// Mutexes: owning one holds normal kernel APCs back, from the first acquisition to the last release.
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using MutexTest = KernelTest;

// DSP-04, INT-15
TEST_F(MutexTest, NormalApcsWaitForTheLastRelease) {
    Run([&] {
        KMUTEX mutex;
        KeInitializeMutex(&mutex, 1);
        EXPECT_EQ(KeReadStateMutex(&mutex), 1);
        std::string order;
        Apc special(Self(), [&] { order += "s"; });
        Apc normal(
            Self(), [&] { order += "k"; }, [&] { order += "n"; });
        Await(&mutex);
        EXPECT_TRUE(KeAreApcsDisabled());
        EXPECT_EQ(KeWaitForMutexObject(&mutex, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr), STATUS_SUCCESS);
        EXPECT_EQ(Self().KernelApcDisable, -1) << "the second acquisition counts nothing";
        EXPECT_TRUE(normal.Queue());
        EXPECT_TRUE(special.Queue());
        EXPECT_EQ(order, "s") << "special APCs come all the same";
        EXPECT_EQ(KeReleaseMutex(&mutex, FALSE), -1);
        EXPECT_EQ(order, "s") << "it is owned still";
        EXPECT_EQ(KeReleaseMutex(&mutex, FALSE), 0);
        EXPECT_EQ(order, "skn");
        EXPECT_EQ(Self().CombinedApcDisable, 0u);
        EXPECT_EQ(KeReadStateMutex(&mutex), 1);
    });
}

// DSP-04
TEST_F(MutexTest, ARegionAroundItGoesOn) {
    Run([&] {
        KMUTEX mutex;
        KeInitializeMutex(&mutex, 0);
        bool ran = false;
        Apc normal(
            Self(), [] {}, [&] { ran = true; });
        KeEnterCriticalRegion();
        Await(&mutex);
        EXPECT_EQ(Self().KernelApcDisable, -2);
        EXPECT_TRUE(normal.Queue());
        KeReleaseMutex(&mutex, FALSE);
        EXPECT_FALSE(ran);
        KeLeaveCriticalRegion();
        EXPECT_TRUE(ran);
    });
}

// DSP-04: the releasing thread makes the waiting one the owner, and counts for it
TEST_F(MutexTest, TheNextOwnerIsInItsRegionWhenItWakes) {
    for (const ULONG processors : {1u, 2u, 4u}) {
        Run(
            [&] {
                KMUTEX mutex;
                KeInitializeMutex(&mutex, 0);
                Await(&mutex);
                bool released = false;
                SHORT seen = 0;
                Thread* const next = machine->Spawn(9, [&] {
                    Await(&mutex);
                    EXPECT_TRUE(released);
                    seen = Self().KernelApcDisable;
                    KeReleaseMutex(&mutex, FALSE);
                    EXPECT_EQ(Self().CombinedApcDisable, 0u);
                });
                while (StateOf(next->Tcb) != KTHREAD_STATE::Waiting)
                    machine->LetOthersRun();
                released = true;
                KeReleaseMutex(&mutex, FALSE);
                EXPECT_EQ(Self().CombinedApcDisable, 0u) << "the releasing thread's own region has ended";
                Await(&next->Tcb);
                EXPECT_EQ(seen, -1);
            },
            processors);
    }
}

// DSP-04, DSP-12
TEST_F(MutexTest, WaitForAllCountsOnceForEach) {
    Run([&] {
        KMUTEX a, b;
        KMUTANT mutant;
        KeInitializeMutex(&a, 0);
        KeInitializeMutex(&b, 0);
        KeInitializeMutant(&mutant, FALSE);
        EXPECT_EQ(WaitForSeveral({&a, &mutant, &b}, WaitAll), STATUS_SUCCESS);
        EXPECT_EQ(Self().KernelApcDisable, -2) << "a mutant is no mutex";
        KeReleaseMutex(&a, FALSE);
        KeReleaseMutex(&b, FALSE);
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        EXPECT_EQ(Self().CombinedApcDisable, 0u);
    });
}

// DSP-04
TEST_F(MutexTest, OnlyTheOwnerReleases) {
    Run([&] {
        KMUTEX mutex;
        KeInitializeMutex(&mutex, 0);
        Await(&mutex);
        Thread* const other = machine->Spawn(9, [&] {
            try {
                (void)KeReleaseMutex(&mutex, FALSE);
                ADD_FAILURE() << "nothing was raised";
            } catch (const RaisedStatus& raised) {
                EXPECT_EQ(Code(raised.Status), Code(STATUS_MUTANT_NOT_OWNED));
            }
            EXPECT_EQ(Self().CombinedApcDisable, 0u);
        });
        Await(&other->Tcb);
        EXPECT_EQ(Self().KernelApcDisable, -1);
        KeReleaseMutex(&mutex, FALSE);
    });
}

// DSP-04, DSP-14: release and wait in one step; the wait lets the APC in that the mutex held back
TEST_F(MutexTest, AWaitThatFollowsAtOnceDeliversWhatWasHeldBack) {
    Run([&] {
        KMUTEX mutex;
        KEVENT event;
        KeInitializeMutex(&mutex, 0);
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        bool ran = false;
        Apc normal(
            Self(), [] {},
            [&] {
                ran = true;
                KeSetEvent(&event, 0, FALSE);
            });
        Await(&mutex);
        EXPECT_TRUE(normal.Queue());
        EXPECT_EQ(KeReleaseMutex(&mutex, TRUE), 0);
        Await(&event);
        EXPECT_TRUE(ran);
    });
}
