// uptime: how long the system has run, and what it did in that time.
//
// Locks: none; each number is read once, and the numbers need not belong to the same moment.
// IRQL: PASSIVE_LEVEL in a running kernel, HIGH_LEVEL in a stopped one.
// In the books: "system time", "kernel debugging". TOL-06
#include "kd/commands.h"
#include "ke/dpc.h"
#include "ke/processor.h"

/// The command `uptime` takes no arguments and prints exactly one line (session.Print), for example
///
///     up 0 days 00:01:15.250, 7525 ticks, 312 context switches
///
/// - The time since boot is KeQueryInterruptTime() at the command's begin, which counts units of 100 ns, cut to
///   milliseconds. Days have as many digits as it takes; hours, minutes and seconds have two digits each and
///   milliseconds three. One day is "1 days".
/// - `ticks` are the clock interrupts since boot, all 64 bits of what KeQueryTickCount gives.
/// - `context switches` is the sum of KPRCB::ContextSwitches over all processors, in 32 bits. KiProcessorBlock holds a
///   pointer for each of MAXIMUM_PROCESSORS processors; a nullptr is a processor that does not exist.
/// - `help` lists the command: KD_COMMAND (kd/commands.h) is all that it takes.
/// - The command takes no lock and waits for nothing.
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
