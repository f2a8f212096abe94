// Critical and guarded regions: what they hold back, and that their end delivers it.
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using CriticalRegionTest = KernelTest;

// INT-15
TEST_F(CriticalRegionTest, HoldsBackNormalApcsOnly) {
    Run([&] {
        std::string order;
        Apc normal(
            Self(), [&] { order += "kernel "; }, [&] { order += "normal "; });
        Apc special(Self(), [&] { order += "special "; });
        KeEnterCriticalRegion();
        EXPECT_TRUE(KeAreApcsDisabled());
        EXPECT_FALSE(KeAreAllApcsDisabled());
        normal.Queue();
        EXPECT_EQ(order, "") << "not even its kernel routine";
        special.Queue();
        EXPECT_EQ(order, "special ");
        KeLeaveCriticalRegion();
        EXPECT_EQ(order, "special kernel normal ");
        EXPECT_FALSE(KeAreApcsDisabled());
    });
}

// INT-15
TEST_F(CriticalRegionTest, RegionsNest) {
    Run([&] {
        bool ran = false;
        Apc normal(Self(), nullptr, [&] { ran = true; });
        KeEnterCriticalRegion();
        {
            nt::CriticalRegionGuard inner;
            normal.Queue();
        }
        EXPECT_FALSE(ran) << "the outer region goes on";
        KeLeaveCriticalRegion();
        EXPECT_TRUE(ran);
    });
}

// INT-15
TEST_F(CriticalRegionTest, GuardedRegionHoldsBackEveryApc) {
    Run([&] {
        std::string order;
        Apc normal(Self(), nullptr, [&] { order += "normal "; }), special(Self(), [&] { order += "special "; });
        {
            nt::GuardedRegionGuard region;
            EXPECT_TRUE(KeAreApcsDisabled());
            EXPECT_TRUE(KeAreAllApcsDisabled());
            normal.Queue();
            special.Queue();
            Sleep(2); // a switch away and back does not deliver either
            EXPECT_EQ(order, "");
        }
        EXPECT_EQ(order, "special normal ");
        EXPECT_FALSE(KeAreAllApcsDisabled());
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        EXPECT_TRUE(KeAreAllApcsDisabled());
        KfLowerIrql(old);
    });
}

// INT-15
TEST_F(CriticalRegionTest, GuardedInsideCriticalAndTheOtherWayRound) {
    for (const bool guardedOutside : {false, true}) {
        Run([&] {
            std::string order;
            Apc normal(Self(), nullptr, [&] { order += "normal "; }), special(Self(), [&] { order += "special "; });
            guardedOutside ? KeEnterGuardedRegion() : KeEnterCriticalRegion();
            guardedOutside ? KeEnterCriticalRegion() : KeEnterGuardedRegion();
            normal.Queue();
            special.Queue();
            EXPECT_EQ(order, "");
            guardedOutside ? KeLeaveCriticalRegion() : KeLeaveGuardedRegion();
            EXPECT_EQ(order, guardedOutside ? "" : "special ");
            guardedOutside ? KeLeaveGuardedRegion() : KeLeaveCriticalRegion();
            EXPECT_EQ(order, "special normal ");
        });
    }
}

// INT-15
TEST_F(CriticalRegionTest, LeavingAtApcLevelDeliversWhenTheLevelFalls) {
    Run([&] {
        bool ran = false;
        Apc normal(Self(), nullptr, [&] { ran = true; });
        KeEnterCriticalRegion();
        normal.Queue();
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        KeLeaveCriticalRegion();
        EXPECT_FALSE(ran);
        KfLowerIrql(old);
        EXPECT_TRUE(ran);
    });
}

// INT-15
TEST_F(CriticalRegionTest, WaitInARegionIsInterruptedOnlyForWhatMayRun) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        std::string order;
        Thread* const critical = machine->Spawn(9, [&] {
            nt::CriticalRegionGuard region;
            Await(&event);
            order += "wait ";
        });
        Apc normal(critical->Tcb, nullptr, [&] { order += "normal "; }),
            special(critical->Tcb, [&] { order += "special "; });
        normal.Queue();
        EXPECT_EQ(order, "");
        special.Queue();
        EXPECT_EQ(order, "special ");
        EXPECT_EQ(StateOf(critical->Tcb), KTHREAD_STATE::Waiting);
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(order, "special wait normal ");

        order.clear();
        Thread* const guarded = machine->Spawn(9, [&] {
            nt::GuardedRegionGuard region;
            Await(&event);
            order += "wait ";
        });
        Apc held(guarded->Tcb, [&] { order += "special "; });
        held.Queue();
        EXPECT_EQ(order, "");
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(order, "wait special ");
    });
}

// INT-15
TEST_F(CriticalRegionTest, RegionInAnApcIsTheThreadsOwn) {
    Run([&] {
        std::string order;
        Apc second(Self(), nullptr, [&] { order += "second "; });
        Apc first(Self(), nullptr, [&] {
            KeEnterCriticalRegion();
            second.Queue();
            KeLeaveCriticalRegion(); // the region is over, but a normal APC is in progress
            order += "first ";
        });
        first.Queue();
        EXPECT_EQ(order, "first second ");
    });
}

// INT-15
TEST_F(CriticalRegionTest, LeavingMoreOftenThanEnteringIsCaught) {
    RunUntilAssertion("KernelApcDisable < 0", [&] { KeLeaveCriticalRegion(); });
    RunUntilAssertion("SpecialApcDisable < 0", [&] { KeLeaveGuardedRegion(); });
}
