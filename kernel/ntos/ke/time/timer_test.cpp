// Timers: due times, order, periods, DPCs, changes of the system time; then random operations against a model.
#include "ke/ki.h"
#include "waits.h"

#include <cstring>
#include <limits>
#include <map>
#include <random>

using namespace host;
using TimerTest = KernelTest;

namespace {

LONGLONG Now() { return LONGLONG(KeQueryInterruptTime()); }

/// A DPC that counts its runs and remembers when they were.
struct Counter {
    KDPC Dpc;
    std::vector<ULONG> TicksOfRuns;

    Counter() { KeInitializeDpc(&Dpc, Run, this); }
    static void NTAPI Run(PKDPC, PVOID context, PVOID, PVOID) {
        static_cast<Counter*>(context)->TicksOfRuns.push_back(+KeTickCount.LowPart);
    }
};

/// The clock stands at `hand`; nothing of what lies between expires.
void SkipTo(ULONGLONG hand) { KiWriteTime(KiInterruptTime, LONGLONG(hand * KeQueryTimeIncrement())); }

/// The clock stands at `hand` and no timer runs.
void SetHand(ULONGLONG hand) {
    SkipTo(hand);
    KiInitializeTimerTable();
}

void SetSystemTime(LONGLONG value) {
    LARGE_INTEGER newTime, oldTime;
    newTime.QuadPart = value;
    KeSetSystemTime(&newTime, &oldTime);
}

} // namespace

// DSP-09, INT-09
TEST_F(TimerTest, ExpiryQueuesTheDpcAndSignals) {
    Run([&] {
        KTIMER timer;
        Counter counter;
        KeInitializeTimer(&timer);
        EXPECT_FALSE(KeSetTimer(&timer, Ticks(3), &counter.Dpc));
        EXPECT_TRUE(timer.Header.Inserted);
        machine->Tick(2);
        EXPECT_FALSE(KeReadStateTimer(&timer));
        EXPECT_TRUE(counter.TicksOfRuns.empty());
        machine->Tick();
        EXPECT_TRUE(KeReadStateTimer(&timer));
        EXPECT_EQ(counter.TicksOfRuns, (std::vector<ULONG>{3}));
        EXPECT_FALSE(timer.Header.Inserted);
        EXPECT_EQ(Code(WaitFor(&timer)), Code(STATUS_SUCCESS));
    });
}

// DSP-09
TEST_F(TimerTest, NotificationTimerReleasesAllSynchronizationTimerOne) {
    Run([&] {
        for (TIMER_TYPE type : {NotificationTimer, SynchronizationTimer}) {
            KTIMER timer;
            KeInitializeTimerEx(&timer, type);
            KeSetTimer(&timer, Ticks(5), nullptr);
            int released = 0;
            for (int i = 0; i < 3; i++) {
                machine->Spawn(9, [&] {
                    if (WaitFor(&timer, Ticks(8)) == STATUS_SUCCESS) released++;
                });
            }
            Sleep(20);
            EXPECT_EQ(released, type == NotificationTimer ? 3 : 1);
        }
    });
}

// DSP-09, HAL-07
TEST_F(TimerTest, PeriodicTimerDoesNotDrift) {
    Run([&] {
        KTIMER timer;
        Counter counter;
        KeInitializeTimerEx(&timer, SynchronizationTimer);
        KeSetTimerEx(&timer, Ticks(2), 30, &counter.Dpc); // 30 ms: three ticks
        machine->Tick(12);
        EXPECT_EQ(counter.TicksOfRuns, (std::vector<ULONG>{2, 5, 8, 11}));
        EXPECT_TRUE(KeCancelTimer(&timer));
        machine->Tick(12);
        EXPECT_EQ(counter.TicksOfRuns.size(), 4u);
    });
}

// DSP-09
TEST_F(TimerTest, PeriodicTimerThatFellBehindGoesOnFromNow) {
    Run([&] {
        KTIMER timer;
        Counter counter;
        KeInitializeTimer(&timer);
        KeSetTimerEx(&timer, Ticks(1), 10, &counter.Dpc);
        {
            nt::DispatchLevelGuard noDpcs;
            machine->Tick(10);
        }
        machine->Tick(2);
        EXPECT_EQ(counter.TicksOfRuns, (std::vector<ULONG>{10, 11, 12}));
        KeCancelTimer(&timer);
    });
}

// DSP-09
TEST_F(TimerTest, SettingAgainStartsAnewAndCancellingStops) {
    Run([&] {
        KTIMER timer;
        Counter counter;
        KeInitializeTimer(&timer);
        KeSetTimer(&timer, Ticks(2), &counter.Dpc);
        EXPECT_TRUE(KeSetTimer(&timer, Ticks(5), &counter.Dpc));
        machine->Tick(4);
        EXPECT_TRUE(counter.TicksOfRuns.empty());
        EXPECT_TRUE(KeCancelTimer(&timer));
        EXPECT_FALSE(KeCancelTimer(&timer));
        machine->Tick(600);
        EXPECT_TRUE(counter.TicksOfRuns.empty());
        EXPECT_FALSE(KeReadStateTimer(&timer));
    });
}

// DSP-09
TEST_F(TimerTest, DueTimeThatHasPassedExpiresAtOnce) {
    Run([&] {
        KTIMER timer;
        Counter counter;
        KeInitializeTimer(&timer);
        KeSetTimer(&timer, Ticks(0), &counter.Dpc);
        EXPECT_TRUE(KeReadStateTimer(&timer));
        EXPECT_EQ(counter.TicksOfRuns.size(), 1u);
        SetSystemTime(1'000'000'000);
        LARGE_INTEGER past;
        past.QuadPart = 999'999'999;
        KeSetTimer(&timer, past, &counter.Dpc);
        EXPECT_EQ(counter.TicksOfRuns.size(), 2u);
    });
}

// INT-09, DSP-09
TEST_F(TimerTest, TimersOfOneChainWaitForTheirTurnOfTheTable) {
    Run([&] {
        KTIMER near, far, farther;
        Counter counter;
        for (KTIMER* timer : {&near, &far, &farther})
            KeInitializeTimer(timer);
        KeSetTimer(&farther, Ticks(5 + 2 * TIMER_WHEEL_SIZE), nullptr);
        KeSetTimer(&near, Ticks(5), nullptr);
        KeSetTimer(&far, Ticks(5 + TIMER_WHEEL_SIZE), &counter.Dpc);
        EXPECT_EQ(near.TimerListEntry.Blink, &KiTimerTableListHead[5]);
        EXPECT_EQ(far.TimerListEntry.Blink, &KiTimerTableListHead[TIMER_WHEEL_SIZE + 1]);
        EXPECT_EQ(farther.TimerListEntry.Blink, &KiTimerTableListHead[TIMER_WHEEL_SIZE + 2]);
        machine->Tick(5);
        EXPECT_TRUE(KeReadStateTimer(&near));
        EXPECT_FALSE(KeReadStateTimer(&far));
        machine->Tick(TIMER_WHEEL_SIZE - 5);
        EXPECT_EQ(far.TimerListEntry.Blink, &KiTimerTableListHead[5]) << "the second wheel has turned";
        machine->Tick(5);
        EXPECT_EQ(counter.TicksOfRuns, (std::vector<ULONG>{5 + TIMER_WHEEL_SIZE}));
        EXPECT_FALSE(KeReadStateTimer(&farther));
        KeCancelTimer(&farther);
    });
}

// INT-09, DSP-09: at and around the first tick of a chain of each wheel, seen from everywhere
TEST_F(TimerTest, TimersExpireInTheirTickWhateverTheWheel) {
    Run([&] {
        for (const ULONGLONG turn : {0x100ull, 0x10000ull, 0x1000000ull, 0x100000000ull, 0x3'0000'0000ull}) {
            for (const LONGLONG start : {-300, -256, -255, -1, 0, 1}) {
                if (LONGLONG(turn) + start < 0) continue;
                for (const LONGLONG away : {1, 2, 255, 256, 257, 400, 511, 512, 513, 1000}) {
                    SetHand(turn + ULONGLONG(start));
                    KTIMER timer;
                    KeInitializeTimer(&timer);
                    KeSetTimer(&timer, Ticks(away), nullptr);
                    machine->Tick(ULONG(away) - 1);
                    ASSERT_FALSE(KeReadStateTimer(&timer)) << turn << ' ' << start << ' ' << away;
                    machine->Tick();
                    ASSERT_TRUE(KeReadStateTimer(&timer)) << turn << ' ' << start << ' ' << away;
                }
            }
        }
    });
}

// INT-09, DSP-09
TEST_F(TimerTest, FarTimersComeDownTheWheels) {
    Run([&] {
        // Nobody waits for days: the clock jumps, and the DPC catches up as if it had been held back.
        const ULONGLONG due = 0x0203'0405;
        SetHand(1);
        KTIMER timer;
        KeInitializeTimer(&timer);
        KeSetTimer(&timer, Ticks(LONGLONG(due - 1)), nullptr);
        const ULONG chains[] = {3 * TIMER_WHEEL_SIZE + 0x02, 2 * TIMER_WHEEL_SIZE + 0x03, TIMER_WHEEL_SIZE + 0x04,
                                0x05};
        const ULONGLONG reached[] = {0x0100'0000, 0x0200'0000, 0x0203'0000, 0x0203'0400};
        for (int wheel = 0; wheel < 4; wheel++) {
            SkipTo(reached[wheel] - 1);
            machine->Tick();
            EXPECT_EQ(timer.TimerListEntry.Blink, &KiTimerTableListHead[chains[wheel]]) << wheel;
        }
        machine->Tick(4);
        EXPECT_FALSE(KeReadStateTimer(&timer));
        machine->Tick();
        EXPECT_TRUE(KeReadStateTimer(&timer));
    });
}

// DSP-09: farther than the last wheel reaches
TEST_F(TimerTest, TimerFartherThanTheLastWheelStaysOnIt) {
    Run([&] {
        SetHand(0x00FF'FFF0);
        KTIMER timer;
        KeInitializeTimer(&timer);
        KeSetTimer(&timer, Ticks(0x2'0100'0000), nullptr); // on the chain that the clock comes to next
        EXPECT_EQ(timer.TimerListEntry.Blink, &KiTimerTableListHead[3 * TIMER_WHEEL_SIZE + 1]);
        machine->Tick(0x20);
        EXPECT_TRUE(timer.Header.Inserted);
        EXPECT_EQ(timer.TimerListEntry.Blink, &KiTimerTableListHead[3 * TIMER_WHEEL_SIZE + 1]);
        EXPECT_TRUE(KeCancelTimer(&timer));
    });
}

// DSP-09, INT-05: the DPC of a timer sets it again
TEST_F(TimerTest, TimerIsSetAgainFromItsOwnDpc) {
    Run([&] {
        struct Chain {
            KTIMER Timer;
            KDPC Dpc;
            std::vector<ULONG> Ticks;
            static void NTAPI Again(PKDPC dpc, PVOID context, PVOID, PVOID) {
                auto& chain = *static_cast<Chain*>(context);
                chain.Ticks.push_back(+KeTickCount.LowPart);
                const LONGLONG away = chain.Ticks.size() % 2 ? LONGLONG(TIMER_WHEEL_SIZE) : 1;
                EXPECT_FALSE(KeSetTimer(&chain.Timer, host::Ticks(away), dpc)) << "it runs no more";
            }
        } chain;
        KeInitializeTimer(&chain.Timer);
        KeInitializeDpc(&chain.Dpc, Chain::Again, &chain);
        KeSetTimer(&chain.Timer, Ticks(2), &chain.Dpc);
        machine->Tick(2 + 2 * TIMER_WHEEL_SIZE + 1);
        EXPECT_EQ(chain.Ticks, (std::vector<ULONG>{2, 258, 259, 515}));
        KeCancelTimer(&chain.Timer);
    });
}

// DSP-09, HAL-07: a period of a whole turn goes back to the chain that is being expired
TEST_F(TimerTest, PeriodOfAWholeTurnComesBackToItsChain) {
    Run([&] {
        KTIMER timer;
        Counter counter;
        KeInitializeTimer(&timer);
        KeSetTimerEx(&timer, Ticks(3), LONG(TIMER_WHEEL_SIZE) * 10, &counter.Dpc);
        machine->Tick(3 + 3 * TIMER_WHEEL_SIZE);
        EXPECT_EQ(counter.TicksOfRuns, (std::vector<ULONG>{3, 259, 515, 771}));
        {
            nt::DispatchLevelGuard noDpcs;
            machine->Tick(TIMER_WHEEL_SIZE / 2 * 3); // the next expiry is late, and the one after it close
        }
        EXPECT_EQ(counter.TicksOfRuns.size(), 5u);
        KeCancelTimer(&timer);
    });
}

// INT-09
TEST_F(TimerTest, ExpiryHeldBackForLongerThanTheTableStillFindsEveryTimer) {
    Run([&] {
        std::vector<KTIMER> timers(40);
        for (size_t i = 0; i < timers.size(); i++) {
            KeInitializeTimer(&timers[i]);
            KeSetTimer(&timers[i], Ticks(LONGLONG(1 + i * 17)), nullptr);
        }
        {
            nt::DispatchLevelGuard noDpcs;
            machine->Tick(3 * TIMER_WHEEL_SIZE);
        }
        for (KTIMER& timer : timers)
            EXPECT_TRUE(KeReadStateTimer(&timer));
    });
}

// HAL-07, DSP-09
TEST_F(TimerTest, AbsoluteTimersFollowTheSystemTimeRelativeOnesDoNot) {
    Run([&] {
        const LONGLONG start = 1'000'000'000'000;
        SetSystemTime(start);
        KTIMER absolute, relative;
        KeInitializeTimer(&absolute);
        KeInitializeTimer(&relative);
        LARGE_INTEGER due;
        due.QuadPart = start - Ticks(100).QuadPart;
        KeSetTimer(&absolute, due, nullptr);
        KeSetTimer(&relative, Ticks(100), nullptr);
        SetSystemTime(start - Ticks(60).QuadPart); // an hour hand moved forward
        machine->Tick(39);
        EXPECT_FALSE(KeReadStateTimer(&absolute));
        machine->Tick();
        EXPECT_TRUE(KeReadStateTimer(&absolute));
        EXPECT_FALSE(KeReadStateTimer(&relative));
        machine->Tick(60);
        EXPECT_TRUE(KeReadStateTimer(&relative));

        KeSetTimer(
            &absolute,
            [&] {
                LARGE_INTEGER now;
                KeQuerySystemTime(&now);
                now.QuadPart -= Ticks(10).QuadPart;
                return now;
            }(),
            nullptr);
        LARGE_INTEGER now;
        KeQuerySystemTime(&now);
        SetSystemTime(now.QuadPart - Ticks(50).QuadPart);
        EXPECT_TRUE(KeReadStateTimer(&absolute)) << "what is past then expires";
    });
}

// HAL-07
TEST_F(TimerTest, TimesAdvanceTogether) {
    Run([&] {
        LARGE_INTEGER ticks, system;
        SetSystemTime(0x7FFF'FFFF'0000);
        const LONGLONG interrupt = Now();
        machine->Tick(0x10000);
        KeQueryTickCount(&ticks);
        KeQuerySystemTime(&system);
        EXPECT_EQ(ticks.QuadPart, 0x10000);
        EXPECT_EQ(Now() - interrupt, 0x10000 * LONGLONG(KeQueryTimeIncrement()));
        EXPECT_EQ(system.QuadPart, 0x7FFF'FFFF'0000 + Now() - interrupt);
    });
}

// INT-09
TEST_F(TimerTest, TimerThatTheClockOvertakesDuringItsInsertionStillExpires) {
    Run([&] {
        KTIMER timer;
        KeInitializeTimer(&timer);
        {
            KiDispatcherGuard guard;
            const ULONGLONG due = KeQueryInterruptTime() + KeQueryTimeIncrement();
            machine->Tick(); // finds the chain of this tick empty
            KiInsertTimer(&timer, due);
        }
        EXPECT_TRUE(KeReadStateTimer(&timer));
    });
}

// INT-09
TEST_F(TimerTest, IncrementSmallerThanTheMaximumMissesNothing) {
    Run([&] {
        KTIMER timer;
        KeInitializeTimer(&timer);
        KeSetTimer(&timer, After(250'000), nullptr);
        for (int i = 0; i < 100 && !KeReadStateTimer(&timer); i++) {
            const KIRQL old = KfRaiseIrql(CLOCK_LEVEL);
            KeUpdateSystemTime(nullptr, 33'333);
            KfLowerIrql(old);
        }
        EXPECT_GE(Now(), 250'000);
        EXPECT_LE(Now(), 350'000) << "at the tick of the table that follows";
    });
}

// DSP-09, INT-09
TEST_F(TimerTest, RandomTimersExpireWhenTheModelSays) {
    Run([&] {
        std::mt19937 random(Seed());
        constexpr size_t count = 60;
        std::vector<KTIMER> timers(count);
        std::map<size_t, ULONG> dueTick; // running timers of the model
        for (KTIMER& timer : timers)
            KeInitializeTimer(&timer);
        for (int step = 0; step < 4'000; step++) {
            const size_t index = random() % count;
            switch (random() % 4) {
            case 0:
            case 1: {
                const ULONG ticks = 1 + ULONG(random() % 700);
                const bool running = KeSetTimer(&timers[index], Ticks(ticks), nullptr);
                ASSERT_EQ(running, dueTick.count(index) != 0);
                dueTick[index] = KeTickCount.LowPart + ticks;
                break;
            }
            case 2: ASSERT_EQ(KeCancelTimer(&timers[index]), dueTick.erase(index) != 0); break;
            default:
                machine->Tick(1 + ULONG(random() % 5));
                for (auto each = dueTick.begin(); each != dueTick.end();) {
                    const bool due = each->second <= KeTickCount.LowPart;
                    ASSERT_EQ(KeReadStateTimer(&timers[each->first]), due) << "timer " << each->first;
                    each = due ? dueTick.erase(each) : std::next(each);
                }
            }
        }
        for (KTIMER& timer : timers)
            KeCancelTimer(&timer);
    });
}

// DSP-09: the longest relative time there is does not overflow: it is due after all others
TEST_F(TimerTest, LongestTimeIsForEver) {
    Run([&] {
        LARGE_INTEGER longest;
        longest.QuadPart = std::numeric_limits<LONGLONG>::min();
        KTIMER timer;
        KeInitializeTimer(&timer);
        EXPECT_FALSE(KeSetTimer(&timer, longest, nullptr));
        machine->Tick(600);
        EXPECT_FALSE(KeReadStateTimer(&timer));
        EXPECT_TRUE(KeCancelTimer(&timer));
    });
}

// DSP-09: the table would keep a link to it, and its DPC would be lost
TEST_F(TimerTest, MakingARunningTimerAnewIsABugcheck) {
    for (LONGLONG ticks : {1, 300, 100'000, 20'000'000}) { // on each wheel
        RunUntilBugCheck(TIMER_OR_DPC_INVALID, [&] {
            KTIMER timer, other;
            KeInitializeTimer(&timer);
            KeInitializeTimer(&other);
            KeSetTimer(&other, Ticks(ticks), nullptr);
            KeSetTimer(&timer, Ticks(ticks), nullptr);
            KeInitializeTimerEx(&timer, SynchronizationTimer);
        });
    }
}

// DSP-09: memory that was something else before is no running timer, whatever it holds
TEST_F(TimerTest, AnyMemoryBecomesATimer) {
    Run([&] {
        KTIMER running, timer;
        KeInitializeTimer(&running);
        KeSetTimer(&running, Ticks(300), nullptr);
        for (int fill : {0x00, 0x01, 0xA5, 0xFF}) {
            std::memset(static_cast<void*>(&timer), fill, sizeof timer);
            KeInitializeTimer(&timer);
            EXPECT_FALSE(KeCancelTimer(&timer));
        }
        timer = running; // a copy of one that runs is not on any chain
        KeInitializeTimer(&timer);
        EXPECT_TRUE(KeCancelTimer(&running));
        KeInitializeTimer(&running);
        KeSetTimer(&running, Ticks(1), nullptr);
        Sleep(2);
        KeInitializeTimer(&running); // it has expired
    });
}
