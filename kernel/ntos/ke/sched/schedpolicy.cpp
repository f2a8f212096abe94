// The seam between mechanism and policy: which policy is installed, and asking it.
//
// Locks: KiDispatcherLock to change the policy; asking needs none (an aligned pointer). IRQL: <= DISPATCH_LEVEL.
// In the books: "policy and mechanism". ARC-04, SCH-03
#include "ke/ki.h"

namespace {
constinit KiDefaultPolicy DefaultPolicy;                               // shared: has no state
constinit KSCHEDULING_POLICY* volatile CurrentPolicy = &DefaultPolicy; // shared: interlocked
} // namespace

KSCHEDULING_POLICY* NTAPI KeSetSchedulingPolicy(KSCHEDULING_POLICY* Policy) {
    KiDispatcherGuard guard;
    return InterlockedExchangePointer(&CurrentPolicy, Policy ? Policy : &DefaultPolicy);
}

KPRIORITY NTAPI KiPriorityAfterWait(PKTHREAD Thread, KPRIORITY Increment) {
    return CurrentPolicy->PriorityAfterWait(*Thread, Increment);
}

KPRIORITY NTAPI KiPriorityAfterQuantum(PKTHREAD Thread) { return CurrentPolicy->PriorityAfterQuantum(*Thread); }

KPRIORITY NTAPI KiPriorityWhenStarved(PKTHREAD Thread, ULONG Ticks) {
    return CurrentPolicy->PriorityWhenStarved(*Thread, Ticks);
}
