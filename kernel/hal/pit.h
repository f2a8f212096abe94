// The 8254 programmable interval timer: the clock of a machine without APICs, and the yardstick for calibration.
//
// It counts 1,193,181.8 times a second (105/88 MHz), so a count lasts 176/21 units of 100 ns. A divisor that is a
// multiple of 21 gives an interval that is a whole number of units: 568 * 21 counts are exactly 99,968 units, the
// honest interval nearest to 10 ms.
// HAL-07
#pragma once

#include "nt/types.h"

constexpr ULONG PIT_HERTZ = 1'193'182;
constexpr ULONG PIT_CLOCK_DIVISOR = 568 * 21;
constexpr ULONG PIT_CLOCK_INCREMENT = 568 * 176; ///< 100 ns units

/// Channel 0: an interrupt on line 0 every PIT_CLOCK_DIVISOR counts.
void HalpStartPitClock();
/// Channel 2: starts counting down from `counts`; HalpPitDone tells when it has finished.
void HalpStartPitInterval(ULONG counts);
bool HalpPitDone();
