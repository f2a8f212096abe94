// What a timer costs while others are pending: the table's chains, by number of timers.
#include "ex.h"
#include "ke.h"

namespace {

constexpr ULONG Tag = EX_TAG("Bnch");
constexpr LONG FirstDue = 60'000; ///< milliseconds: nothing expires while it is measured
constexpr LONG Spread = 37;       ///< and they are spread over the chains

ULONG SetAndCancel(ULONG iterations, ULONG pending) {
    const auto timers = static_cast<KTIMER*>(ExAllocatePoolWithTag(NonPagedPool, pending * sizeof(KTIMER), Tag));
    if (!timers) return 0;
    for (ULONG i = 0; i < pending; i++) {
        KeInitializeTimer(&timers[i]);
        (void)KeSetTimer(&timers[i], KeRelativeMilliseconds(FirstDue + LONG(i) * Spread), nullptr);
    }
    KTIMER timer;
    KeInitializeTimer(&timer);
    for (ULONG i = 0; i < iterations; i++) {
        const LONG place = LONG(i * 7919 % pending); // everywhere among the others
        (void)KeSetTimer(&timer, KeRelativeMilliseconds(FirstDue + place * Spread), nullptr);
        (void)KeCancelTimer(&timer);
    }
    for (ULONG i = 0; i < pending; i++)
        (void)KeCancelTimer(&timers[i]);
    ExFreePoolWithTag(timers, Tag);
    return iterations;
}

} // namespace

extern "C" {
NTEXPORT ULONG NTAPI BenchTimer10(ULONG Iterations) { return SetAndCancel(Iterations, 10); }
NTEXPORT ULONG NTAPI BenchTimer10000(ULONG Iterations) { return SetAndCancel(Iterations, 10'000); }
}
