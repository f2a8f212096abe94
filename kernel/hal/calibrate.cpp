// How fast the time-stamp counter and the local APIC's timer count, measured against the PIT; busy-waiting.
//
// The same instructions run on the same virtual clock, so under a deterministic emulator the result is always the same.
// HAL-07
#include "halp.h"
#include "pit.h"

static ULONG HalpTimeStampHertz;

namespace {

constexpr ULONG INTERVAL_COUNTS = 11932; ///< 10 ms

/// Crystals come in round numbers: a result within 0.1 % of a multiple of 100 kHz is that multiple.
ULONG RoundHertz(ULONGLONG hertz) {
    constexpr ULONG step = 100'000;
    const ULONGLONG nearest = (hertz + step / 2) / step * step;
    const ULONGLONG error = nearest > hertz ? nearest - hertz : hertz - nearest;
    return ULONG(error * 1000 < hertz ? nearest : hertz);
}

/// A while, much shorter than what is measured here: every look at a counter costs an emulator as much as thousands of these.
void LetTimePass() { __asm__ __volatile__(".rept 100\n nop\n .endr"); }

} // namespace

HalpFrequencies HalpMeasureFrequencies(HALP_COUNTER* other) {
    HalpStartPitInterval(INTERVAL_COUNTS);
    const ULONGLONG startTime = nt::cpu::ReadTimeStampCounter();
    const ULONG startOther = other ? other() : 0;
    while (!HalpPitDone())
        LetTimePass();
    const ULONGLONG time = nt::cpu::ReadTimeStampCounter() - startTime;
    const ULONG counts = other ? other() - startOther : 0;
    HalpFrequencies result{};
    result.TimeStamp = RoundHertz(time * PIT_HERTZ / INTERVAL_COUNTS);
    result.Other = RoundHertz(ULONGLONG(counts) * PIT_HERTZ / INTERVAL_COUNTS);
    HalpTimeStampHertz = result.TimeStamp;
    HalpSetProcessorSpeed();
    return result;
}

void HalpSetProcessorSpeed() {
    KPCR& pcr = *KeGetPcr();
    pcr.Prcb->MHz = HalpTimeStampHertz / 1'000'000;
    pcr.StallScaleFactor = pcr.Prcb->MHz ? pcr.Prcb->MHz : 1;
}

extern "C" {

void NTAPI KeStallExecutionProcessor(ULONG MicroSeconds) {
    const ULONGLONG start = nt::cpu::ReadTimeStampCounter();
    const ULONGLONG counts = ULONGLONG(MicroSeconds) * KeGetPcr()->StallScaleFactor;
    while (nt::cpu::ReadTimeStampCounter() - start < counts) {
        LetTimePass();
        YieldProcessor();
    }
}

LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency) {
    if (PerformanceFrequency) PerformanceFrequency->QuadPart = HalpTimeStampHertz;
    LARGE_INTEGER counter;
    counter.QuadPart = LONGLONG(nt::cpu::ReadTimeStampCounter());
    return counter;
}
}
