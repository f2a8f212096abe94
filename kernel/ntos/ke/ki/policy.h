// The installed scheduling policy, as the mechanism asks it.
//
// Locks: the callers hold the thread's PrcbLock or own the thread while it is DeferredReady. IRQL: SYNCH_LEVEL.
// In the books: "priority boosts", "quantum". SCH-03, SCH-11, SCH-19
#pragma once

#include "ke/policy.h"
#include "ke/processor.h"

/// The book's policy. Its routines are in policy.cpp.
class KiDefaultPolicy final : public KSCHEDULING_POLICY {
public:
    KPRIORITY PriorityAfterWait(KTHREAD& thread, KPRIORITY increment) override;
    KPRIORITY PriorityAfterQuantum(KTHREAD& thread) override;
    KPRIORITY PriorityWhenStarved(KTHREAD& thread, ULONG ticks) override;
};

constexpr KPRIORITY HIGHEST_VARIABLE_PRIORITY = LOW_REALTIME_PRIORITY - 1;
constexpr KPRIORITY HIGHEST_LOCK_BOOST = LOW_REALTIME_PRIORITY - 3; ///< 14 and 15 stay for threads that were given them
constexpr KPRIORITY TIME_CRITICAL_BASE_PRIORITY = 14;               ///< from here on a wait renews the quantum

constexpr SCHAR KI_ENDLESS_QUANTUM = 127; ///< as many units as fit

constexpr ULONG READY_SCAN_THREADS = 16; ///< ready threads that one scan for starved ones looks at
constexpr ULONG READY_SCAN_BOOSTS = 10;  ///< threads that one scan relieves

extern "C" {
KPRIORITY NTAPI KiPriorityAfterWait(PKTHREAD Thread, KPRIORITY Increment);
KPRIORITY NTAPI KiPriorityAfterQuantum(PKTHREAD Thread);
KPRIORITY NTAPI KiPriorityWhenStarved(PKTHREAD Thread, ULONG Ticks);

/// Relieves starved threads of one processor. @returns how many. @irql <= DISPATCH_LEVEL
ULONG NTAPI KiScanReadyQueues(PKPRCB Prcb);
}
