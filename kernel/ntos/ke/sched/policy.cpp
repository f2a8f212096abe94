// The default scheduling policy: boost at the end of a wait, decay at quantum end, relief of starved threads.
//
// Policy answers questions with numbers; it never touches a queue or a state. Only the scan for starved threads below
// is mechanism: it asks the policy about ready threads, and moves each thread that gets a new priority.
// Locks: the three routines run under what protects the given thread (ki/policy.h); the scan takes the dispatcher
// database, then the PrcbLock.
// IRQL: SYNCH_LEVEL.
// In the books: "priority boosts", "quantum", "balance set manager". SCH-03, SCH-11, SCH-19, ARC-04
#include "ke/ki.h"

/// A wait of `thread` has ended; the signal brings a boost of `increment`. Writes Quantum, and PriorityDecrement where
/// the turn ends. @returns the new priority.
///
/// - The boosted priority is BasePriority + increment, at most HIGHEST_VARIABLE_PRIORITY (15). It counts from the base
///   priority, so boosts do not pile up.
/// - A boost raises or changes nothing: the thread gets the boosted priority if that is higher than what it has after
///   it has paid for the wait.
/// - A wait costs a thread WAIT_QUANTUM_DECREMENT units of its quantum. If no units are left then, its turn is over, as
///   at any quantum end: all that PriorityAfterQuantum says holds for it.
/// - A thread with a base priority of TIME_CRITICAL_BASE_PRIORITY or more pays nothing: it gets a full quantum
///   (QuantumReset).
/// - A real-time thread (priority >= 16) gets a full quantum, and keeps its priority.
/// - No boost: if the thread (DisableBoost) or its process (KPROCESS_DISABLE_BOOST) refuses boosts, or if a relief from
///   starvation is in force when the wait ends (PriorityDecrement != 0).
KPRIORITY KiDefaultPolicy::PriorityAfterWait(KTHREAD& thread, KPRIORITY increment) {
    // LAB(1.4) begin
    KPRIORITY priority = thread.Priority;
    if (priority >= LOW_REALTIME_PRIORITY) {
        thread.Quantum = thread.QuantumReset;
        return priority;
    }

    const bool relieved = thread.PriorityDecrement != 0;
    if (thread.BasePriority >= TIME_CRITICAL_BASE_PRIORITY) {
        thread.Quantum = thread.QuantumReset;
    } else {
        thread.Quantum = SCHAR(thread.Quantum - WAIT_QUANTUM_DECREMENT);
        if (thread.Quantum <= 0) priority = PriorityAfterQuantum(thread);
    }

    const bool refused = thread.DisableBoost || (thread.Process->ProcessFlags & KPROCESS_DISABLE_BOOST) != 0;
    if (refused || relieved) return priority;

    KPRIORITY boosted = thread.BasePriority + increment;
    if (boosted > HIGHEST_VARIABLE_PRIORITY) boosted = HIGHEST_VARIABLE_PRIORITY;
    return boosted > priority ? boosted : priority;
    // LAB(1.4) else
    //| LAB_NOT_IMPLEMENTED("1.4");
    // LAB(1.4) end
}

/// `thread` has used up its quantum. Writes Quantum and PriorityDecrement. @returns the new priority.
///
/// - A variable thread has a priority that is one level lower, and lower by PriorityDecrement besides, but not below
///   its base priority: a boost fades level by level, and a relief from starvation goes at once.
/// - No relief is in force afterwards: PriorityDecrement is 0.
/// - A real-time thread keeps its priority.
/// - Every thread has a full quantum afterwards (QuantumReset).
KPRIORITY KiDefaultPolicy::PriorityAfterQuantum(KTHREAD& thread) {
    // LAB(1.4) begin
    thread.Quantum = thread.QuantumReset;
    if (thread.Priority >= LOW_REALTIME_PRIORITY) return thread.Priority;

    const KPRIORITY decayed = thread.Priority - thread.PriorityDecrement - 1;
    thread.PriorityDecrement = 0;
    return decayed < thread.BasePriority ? thread.BasePriority : decayed;
    // LAB(1.4) else
    //| LAB_NOT_IMPLEMENTED("1.4");
    // LAB(1.4) end
}

/// A ready `thread` has waited `ticks` clock ticks for a processor. Writes Quantum and PriorityDecrement of a starved
/// thread. @returns the new priority; the thread's own, if it is not starved.
///
/// - A relieved thread has priority 15 and, to make something of it, twice QuantumReset, at most 127: a SCHAR holds no
///   more.
/// - One quantum end takes the whole rise back: PriorityDecrement has grown by it.
/// - Starved is a thread with a priority below 15 that has waited STARVATION_TICKS or more. The zero-page thread (base
///   priority 0) is meant to wait and is never starved.
KPRIORITY KiDefaultPolicy::PriorityWhenStarved(KTHREAD& thread, ULONG ticks) {
    // LAB(1.4) begin
    const KPRIORITY priority = thread.Priority;
    if (priority >= HIGHEST_VARIABLE_PRIORITY || thread.BasePriority == LOW_PRIORITY) return priority;
    if (ticks < STARVATION_TICKS) return priority;

    const LONG quantum = 2 * thread.QuantumReset;
    thread.Quantum = SCHAR(quantum < KI_ENDLESS_QUANTUM ? quantum : KI_ENDLESS_QUANTUM);
    thread.PriorityDecrement = SCHAR(thread.PriorityDecrement + HIGHEST_VARIABLE_PRIORITY - priority);
    return HIGHEST_VARIABLE_PRIORITY;
    // LAB(1.4) else
    //| LAB_NOT_IMPLEMENTED("1.4");
    // LAB(1.4) end
}

/// Relieves starved threads on `Prcb`'s ready queues. The balance-set manager calls it once a second.
///
/// - A relief is the policy's decision: KiPriorityWhenStarved is asked about a thread and its waiting time. The waiting
///   time is the tick count less WaitTime, in 32 bits that wrap.
/// - A relieved thread is treated as KiSetPriorityThread treats a ready thread that gets more. The change is traced
///   with reason KPRIORITY_CHANGE::Starvation.
/// - A scan has a price, and the price has a limit: one call asks about READY_SCAN_THREADS threads and relieves
///   READY_SCAN_BOOSTS threads at most.
/// - A call goes on where the call before ended. KPRCB::QueueIndex is the queue at which a call begins. A call that has
///   reached a limit sets it to the queue of the last thread that it asked about, even if that thread was the last of
///   its queue. A call that reaches no limit sees all queues, and leaves QueueIndex as it is.
/// - Only the queues of the priorities 1..14 are visited, upwards and round: 14 is followed by 1. Each queue is visited
///   from its head.
/// @returns how many threads were relieved.
///
/// Callers rely on: the relieved threads are placed before this returns (the end of KiDispatcherGuard does it), and the
/// PrcbLock is free then.
ULONG NTAPI KiScanReadyQueues(PKPRCB Prcb) {
    const KiDispatcherGuard database; // nobody else sets a priority meanwhile
    ULONG relieved = 0;
    // LAB(1.4) begin
    {
        nt::SpinLockAtDpcGuard guard(Prcb->PrcbLock);
        constexpr ULONG first = LOW_PRIORITY + 1, last = HIGHEST_VARIABLE_PRIORITY - 1;
        const ULONG now = KeTickCount.LowPart;
        ULONG looked = 0, queue = Prcb->QueueIndex;

        for (ULONG queues = first; queues <= last; queues++) {
            for (KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(Prcb->DispatcherReadyListHead[queue])) {
                if (looked == READY_SCAN_THREADS || relieved == READY_SCAN_BOOSTS) break;
                looked++;
                const KPRIORITY priority = KiPriorityWhenStarved(thread, now - thread->WaitTime);
                if (priority == thread->Priority) continue;
                KiRemoveReadyQueue(Prcb, thread);
                KiChangePriority(thread, priority, KPRIORITY_CHANGE::Starvation);
                KiReadyThread(thread);
                relieved++;
            }
            if (looked == READY_SCAN_THREADS || relieved == READY_SCAN_BOOSTS) break;
            queue = queue == last ? first : queue + 1;
        }
        Prcb->QueueIndex = queue;
    }
    // LAB(1.4) else
    //| LAB_NOT_IMPLEMENTED("1.4");
    // LAB(1.4) end
    return relieved;
}
