// The scheduling policy: every decision about priorities and quanta that is not mechanism.
//
// Mechanism (dispatch.cpp, quantum.cpp, ready.cpp) asks the policy for numbers and carries them out; it never computes
// a boost itself. The default policy (policy.cpp) is the book's: boost at the end of a wait, decay at quantum end,
// relief of starved threads. A replacement derives from this class and is installed with KeSetSchedulingPolicy.
// Every routine is called with the dispatcher database or the thread's PRCB lock held, at SYNCH_LEVEL, and must not
// wait, allocate or touch ready queues: it reads and writes only the given thread's fields it is told it may.
// In the books: "priority boosts", "quantum". SCH-03, SCH-11, SCH-19, ARC-04
#pragma once

#include "ke/thread.h"

/// Decides on priorities and quanta; the mechanism asks it, and obeys.
class KSCHEDULING_POLICY {
public:
    /// A wait of `thread` ended with `increment` (e.g. of KeSetEvent). Sets PriorityDecrement and Quantum as the policy
    /// wants. @returns the thread's new priority. Book: variable threads (< 16) that may be boosted get
    /// min(BasePriority + increment, 15) if that is more than what the wait has left them; decay takes a boost back.
    virtual KPRIORITY PriorityAfterWait(KTHREAD& thread, KPRIORITY increment) = 0;

    /// `thread` used up its quantum. Sets Quantum (to QuantumReset) and PriorityDecrement. @returns its new priority.
    /// Book: a variable thread falls by one level and by PriorityDecrement, not below BasePriority.
    virtual KPRIORITY PriorityAfterQuantum(KTHREAD& thread) = 0;

    /// A ready `thread` has waited `ticks` clock ticks for a processor. @returns the priority it shall get, or its own
    /// if it is not starved. Book: after STARVATION_TICKS to 15, with a doubled quantum and the whole boost in
    /// PriorityDecrement, so that one quantum end takes it back.
    virtual KPRIORITY PriorityWhenStarved(KTHREAD& thread, ULONG ticks) = 0;

protected:
    ~KSCHEDULING_POLICY() = default;
};

constexpr ULONG STARVATION_TICKS = 300; ///< clock ticks (10 ms each) that a ready thread waits before it is relieved

extern "C" {
/// Installs a policy for the whole system. @returns the former one. @irql <= DISPATCH_LEVEL
NTKERNELAPI KSCHEDULING_POLICY* NTAPI KeSetSchedulingPolicy(KSCHEDULING_POLICY* Policy);
}
