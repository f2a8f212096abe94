// The timer table on the real machine: what a timer costs when many run, and changes of the system time.
// DSP-09, INT-09
#include "ex.h"
#include "hal.h"
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr ULONG Few = 10;
constexpr ULONG Many = 10'000;
constexpr ULONG Rounds = 100;
constexpr ULONG Tag = EX_TAG("TTim");

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

/// Instructions, under -icount.
ULONGLONG Stamp() {
    ULONG low, high;
    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return ULONGLONG(high) << 32 | low;
}

/// Due in ten seconds to three hours, as if at random, and always the same.
LARGE_INTEGER FarTime(ULONG index) { return KeRelativeMilliseconds(LONG(10'000 + (index * 7'919u) % 10'000'000u)); }

/// What setting and cancelling one timer costs now, the least of several tries: the clock may come between.
ULONGLONG PriceOfSetAndCancel(const LARGE_INTEGER& due) {
    KTIMER timer;
    KeInitializeTimer(&timer);
    ULONGLONG least = ~0ull;
    for (ULONG round = 0; round < Rounds; round++) {
        const ULONGLONG start = Stamp();
        (void)KeSetTimer(&timer, due, nullptr);
        (void)KeCancelTimer(&timer);
        const ULONGLONG price = Stamp() - start;
        if (price < least) least = price;
    }
    return least;
}

/// Time that the clock and its DPC take in some ticks of an otherwise idle machine: what a busy loop lacks.
ULONGLONG LoopsInTicks(ULONG ticks) {
    ULONG tick = KeTickCount.LowPart;
    while (KeTickCount.LowPart == tick) {}
    tick = KeTickCount.LowPart;
    ULONGLONG loops = 0;
    while (KeTickCount.LowPart - tick < ticks)
        loops++;
    return loops;
}

void StartTimers(KTIMER* timers, ULONG first, ULONG end) {
    for (ULONG i = first; i < end; i++) {
        KeInitializeTimer(&timers[i]);
        (void)KeSetTimer(&timers[i], FarTime(i), nullptr);
    }
}

} // namespace

// DSP-09, INT-09
GUEST_TEST(SettingATimerCostsTheSameWithTenThousandRunning) {
    auto* const timers = static_cast<KTIMER*>(ExAllocatePoolWithTag(NonPagedPool, Many * sizeof(KTIMER), Tag));
    if (!GUEST_TRUE(timers != nullptr)) return;
    const LONG distances[] = {50, 2'000, 100'000, 5'000'000};
    ULONGLONG few[4], many[4];
    StartTimers(timers, 0, Few);
    for (ULONG i = 0; i < 4; i++)
        few[i] = PriceOfSetAndCancel(KeRelativeMilliseconds(distances[i]));
    const ULONGLONG loopsFew = LoopsInTicks(20);
    StartTimers(timers, Few, Many);
    for (ULONG i = 0; i < 4; i++)
        many[i] = PriceOfSetAndCancel(KeRelativeMilliseconds(distances[i]));
    const ULONGLONG loopsMany = LoopsInTicks(20);
    for (ULONG i = 0; i < 4; i++)
        GUEST_TRUE(many[i] * 10 <= few[i] * 11);
    // The clock, too: ten thousand timers that are not due take next to nothing.
    GUEST_TRUE(loopsMany * 100 >= loopsFew * 99);
    for (ULONG i = 0; i < Many; i++)
        GUEST_TRUE(KeCancelTimer(&timers[i]));
    ExFreePoolWithTag(timers, Tag);
}

namespace {
ULONG CurrentTick() { return ULONG(KeQueryInterruptTime() / KeQueryTimeIncrement()); }
struct TEST_TIMER {
    KTIMER Timer;
    ULONG DueTick;
};
} // namespace

// DSP-09
GUEST_TEST(ThousandTimersExpireInTheirTick) {
    constexpr ULONG count = 1000;
    auto* const timers = static_cast<TEST_TIMER*>(ExAllocatePoolWithTag(NonPagedPool, count * sizeof(TEST_TIMER), Tag));
    if (!GUEST_TRUE(timers != nullptr)) return;
    for (ULONG i = 0; i < count; i++) {
        KeInitializeTimer(&timers[i].Timer);
        const LONG milliseconds = LONG(20 + i * 37 % 6'000); // up to six seconds: two wheels
        (void)KeSetTimer(&timers[i].Timer, KeRelativeMilliseconds(milliseconds), nullptr);
        timers[i].DueTick =
            ULONG((ULONGLONG(timers[i].Timer.DueTime.QuadPart) + KeQueryTimeIncrement() - 1) / KeQueryTimeIncrement());
    }
    ULONG looked = 0;
    for (ULONG tick = 0; tick < 620; tick++) {
        Sleep(10);
        const ULONG now = CurrentTick();
        ULONG wrong = 0;
        for (ULONG i = 0; i < count; i++) {
            const bool expired = KeReadStateTimer(&timers[i].Timer);
            if (expired != (timers[i].DueTick <= now)) wrong++;
        }
        if (CurrentTick() != now) continue; // the clock came between
        looked++;
        GUEST_EQUAL(0u, wrong);
    }
    GUEST_TRUE(looked > 600);
    for (ULONG i = 0; i < count; i++)
        GUEST_TRUE(KeReadStateTimer(&timers[i].Timer));
    ExFreePoolWithTag(timers, Tag);
}

// DSP-09, HAL-07
GUEST_TEST(ChangeOfTheSystemTimeMovesAbsoluteTimersBothWays) {
    constexpr LONGLONG second = 10'000'000;
    LARGE_INTEGER start, ignored;
    KeQuerySystemTime(&start);
    KTIMER absolute, relative;
    KeInitializeTimer(&absolute);
    KeInitializeTimer(&relative);
    LARGE_INTEGER due, now;
    due.QuadPart = start.QuadPart + second;
    (void)KeSetTimer(&absolute, due, nullptr);
    (void)KeSetTimer(&relative, KeRelativeMilliseconds(1500), nullptr);

    now.QuadPart = start.QuadPart - 2 * second; // back: three seconds to go
    KeSetSystemTime(&now, &ignored);
    Sleep(1'300);
    GUEST_TRUE(!KeReadStateTimer(&absolute));
    GUEST_TRUE(!KeReadStateTimer(&relative));
    Sleep(300);
    GUEST_TRUE(KeReadStateTimer(&relative)); // an interval is an interval
    GUEST_TRUE(!KeReadStateTimer(&absolute));

    KeQuerySystemTime(&now);
    now.QuadPart = due.QuadPart - second / 10; // forward: a tenth of a second to go
    KeSetSystemTime(&now, &ignored);
    Sleep(60);
    GUEST_TRUE(!KeReadStateTimer(&absolute));
    Sleep(60);
    GUEST_TRUE(KeReadStateTimer(&absolute));

    due.QuadPart += 100 * second;
    (void)KeSetTimer(&absolute, due, nullptr);
    now.QuadPart = due.QuadPart + second; // past it
    KeSetSystemTime(&now, &ignored);
    GUEST_TRUE(KeReadStateTimer(&absolute));
}
