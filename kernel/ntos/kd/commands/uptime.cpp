// uptime: how long the system has run, and what it did in that time.
//
// Contract (exercise 0.3). The command takes no arguments and prints exactly one line, for example
//
//     up 0 days 00:01:15.250, 7525 ticks, 312 context switches
//
//   - The time since boot is KeQueryInterruptTime(), which counts units of 100 ns, cut (not rounded) to milliseconds:
//     days in as many digits as it takes, then hours, minutes and seconds in two digits each and milliseconds in three,
//     with leading zeros. One day is "1 days".
//   - `ticks`: the clock interrupts since boot, all 64 bits of what KeQueryTickCount gives.
//   - `context switches`: KPRCB::ContextSwitches, summed over all processors. KiProcessorBlock holds a pointer for each
//     of MAXIMUM_PROCESSORS processors, nullptr where there is none. The sum has 32 bits.
//   - The line ends with '\n'. It is printed with session.Print, which knows the directives of RtlStringCbPrintf; a
//     64-bit number is %llu. Cast ULONGLONG to `unsigned long long` for it.
// Takes no lock: each number is read once; they need not belong to the same moment. KeQueryInterruptTime is read first.
// The command is a KD_COMMAND named uptime (see kd/commands.h): nothing else has to be changed for `help` to list it.
// In the books: "system time", "kernel debugging". TOL-06
#include "kd/commands.h"
#include "ke/dpc.h"
#include "ke/processor.h"
// LAB(0.3) begin

namespace {

constexpr ULONGLONG UNITS_PER_MILLISECOND = 10'000;

ULONG CountContextSwitches() {
    ULONG sum = 0;
    for (const KPRCB* prcb : KiProcessorBlock) {
        if (prcb) sum += prcb->ContextSwitches;
    }
    return sum;
}

} // namespace

KD_COMMAND(uptime, "", "time since boot, clock ticks, context switches") {
    ULONGLONG rest = KeQueryInterruptTime() / UNITS_PER_MILLISECOND;
    LARGE_INTEGER ticks;
    KeQueryTickCount(&ticks);
    /// Takes the lowest digit off, counting in `base`.
    const auto next = [&rest](ULONG base) {
        const auto digit = static_cast<ULONG>(rest % base);
        rest /= base;
        return digit;
    };
    const ULONG milliseconds = next(1000);
    const ULONG seconds = next(60);
    const ULONG minutes = next(60);
    const ULONG hours = next(24);
    session.Print("up %llu days %02u:%02u:%02u.%03u, %llu ticks, %u context switches\n",
                  static_cast<unsigned long long>(rest), hours, minutes, seconds, milliseconds,
                  static_cast<unsigned long long>(ticks.QuadPart), CountContextSwitches());
}
// LAB(0.3) else
//| #include "ke/bugcheck.h"
//|
//| KD_COMMAND(uptime, "", "time since boot, clock ticks, context switches") { LAB_NOT_IMPLEMENTED("0.3"); }
// LAB(0.3) end
