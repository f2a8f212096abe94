// The times: read while they are written, and two of them read together.
#include "ke/ki.h"
#include "waits.h"

#include <atomic>
#include <csignal>
#include <sys/time.h>
#include <thread>

namespace {

constexpr LONGLONG Ahead = 1'000'000'000; ///< of system time before interrupt time
std::atomic<ULONG> ClockInterrupts;

/// The clock interrupts whatever runs, unless the IRQL holds it off.
void ClockInterrupt(int) {
    if (KeGetCurrentIrql() >= CLOCK_LEVEL) return;
    const nt::IrqlGuard irql(CLOCK_LEVEL);
    KiAdvanceTimes(100'000);
    ClockInterrupts++;
}

} // namespace

// HAL-07
TEST(SystemTimeTest, ReaderWaitsForAWriterInTheMiddleOfACarry) {
    KSYSTEM_TIME time = {.LowPart = 5, .High1Time = 0, .High2Time = 1}; // all but the last word is written
    std::thread writer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        __atomic_store_n(&time.High1Time, 1, __ATOMIC_RELEASE);
    });
    EXPECT_EQ(KiReadTime(time), (1LL << 32) + 5);
    writer.join();
    KiWriteTime(time, -1);
    EXPECT_EQ(KiReadTime(time), -1);
}

// DSP-09, HAL-07: the clock may tick between any two instructions; a time of day stays the same interrupt time
TEST(TimerTimeTest, TickMeanwhileDoesNotMoveATimeOfDay) {
    LARGE_INTEGER timeOfDay;
    timeOfDay.QuadPart = 1'000'000'000'000'000;
    KiInterruptTime = {};
    KiWriteTime(KiSystemTime, Ahead);
    ClockInterrupts = 0;
    const itimerval often = {{0, 50}, {0, 50}}, never = {};
    auto* const before = std::signal(SIGALRM, ClockInterrupt);
    setitimer(ITIMER_REAL, &often, nullptr);
    ULONG wrong = 0;
    while (ClockInterrupts < 500)
        wrong += KiInterruptTimeOf(timeOfDay) != ULONGLONG(timeOfDay.QuadPart - Ahead);
    setitimer(ITIMER_REAL, &never, nullptr);
    (void)std::signal(SIGALRM, before);
    EXPECT_EQ(wrong, 0u) << "after 500 ticks";
}

// HAL-07: the times that user mode reads are the kernel's, at each tick and across a carry
TEST(SharedTimesTest, PageHoldsTheTimesThatTheKernelTells) {
    KiWriteTime(KiInterruptTime, 0);
    KiWriteTime(KiSystemTime, Ahead);
    KiWriteTickCount(0xFFFF'FFFE);
    const nt::IrqlGuard irql(CLOCK_LEVEL);
    for (LONGLONG tick = 1; tick <= 3; tick++) {
        KiAdvanceTimes(100'000);
        const LONGLONG ticks = 0xFFFF'FFFELL + tick;
        LARGE_INTEGER told;
        KeQueryTickCount(&told);
        EXPECT_EQ(told.QuadPart, ticks);
        EXPECT_EQ(KiReadTime(KiSharedUserData.TickCount), ticks);
        EXPECT_EQ(KiSharedUserData.TickCountLowDeprecated, ULONG(ticks));
        EXPECT_EQ(KiReadTime(KiSharedUserData.InterruptTime), LONGLONG(KeQueryInterruptTime()));
        EXPECT_EQ(KiReadTime(KiSharedUserData.InterruptTime), 100'000 * tick);
        EXPECT_EQ(KiReadTime(KiSharedUserData.SystemTime), Ahead + 100'000 * tick);
    }
    KiWriteTickCount(0);
}

// HAL-07
TEST(SharedTimesTest, MultiplierMakesMillisecondsOfTicks) {
    for (const ULONG increment : {100'000u, 156'250u, 10'000u}) {
        KeSetTimeIncrement(increment, increment);
        const ULONGLONG ticks = 1'000'000;
        const ULONGLONG milliseconds = ticks * KiSharedUserData.TickCountMultiplier >> 24;
        EXPECT_NEAR(double(milliseconds), double(ticks) * increment / 10'000, 1) << increment;
    }
    KeSetTimeIncrement(100'000, 100'000);
}
