// The default scheduling policy: boost at the end of a wait, decay at quantum end, relief of starved threads.
//
// Policy answers questions with numbers; it never touches a queue or a state. Only the scan for starved threads below is
// mechanism: it asks the policy about ready threads and moves those that get a new priority.
// Locks: the three routines run under whatever protects the given thread (ki/policy.h); the scan takes the PrcbLock.
// IRQL: SYNCH_LEVEL.
// In the books: "priority boosts", "quantum", "balance set manager". SCH-03, SCH-11, SCH-19, ARC-04
#include "ke/ki.h"

/// A wait of `thread` has ended, with a boost of `increment` from the signal. Writes Quantum (and, through
/// PriorityAfterQuantum, PriorityDecrement); @returns the new priority.
///
/// - A real-time thread (priority >= 16) gets a full quantum (QuantumReset) and keeps its priority.
/// - A variable thread pays for the wait: its Quantum falls by WAIT_QUANTUM_DECREMENT, and if none is left then, its
///   turn is over as at any quantum end (PriorityAfterQuantum says the priority). Threads with a base priority of
///   TIME_CRITICAL_BASE_PRIORITY or more do not pay but get a full quantum.
/// - Then the boost: at least BasePriority + increment, at most HIGHEST_VARIABLE_PRIORITY (15). A boost never lowers,
///   and adds to the base priority, not to the current one: boosts do not pile up.
/// - No boost if the thread (DisableBoost) or its process (KPROCESS_DISABLE_BOOST) does not want any, or while a boost
///   against starvation is in force (PriorityDecrement != 0).
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

/// `thread` has used up its quantum. Writes Quantum (always a full one: QuantumReset) and PriorityDecrement (0);
/// @returns the new priority.
///
/// - A real-time thread keeps its priority.
/// - A variable thread falls by one level and by PriorityDecrement, but never below its base priority: a boost fades
///   level by level, and one against starvation goes at once.
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

/// A ready `thread` has waited `ticks` clock ticks for a processor. @returns its new priority: its own if it is not
/// starved.
///
/// - Starved is a variable thread below 15 that has waited STARVATION_TICKS or more. The zero-page thread (base
///   priority 0) is meant to wait and is never relieved.
/// - A starved thread gets priority 15 and, to make something of it, twice QuantumReset (at most 127, what a SCHAR
///   holds). PriorityDecrement becomes the whole boost (15 less the old priority), on top of what was there, so that
///   one quantum end takes all of it back.
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

/// Looks for starved threads on `Prcb`'s ready queues and relieves them. The balance-set manager calls it once a second.
///
/// - The ready queues of the priorities 1..14 are visited in turn, upwards and round (14 is followed by 1), beginning
///   with KPRCB::QueueIndex; each queue from its head. A thread's waiting time is the tick count less its WaitTime (both
///   32 bits and wrapping).
/// - KiPriorityWhenStarved is asked about each thread. One that gets a new priority leaves its queue, has its priority
///   set (KiChangePriority, KPRIORITY_CHANGE::Starvation) and is placed anew (KiReadyThread).
/// - One call looks at READY_SCAN_THREADS threads and relieves READY_SCAN_BOOSTS at most: a scan has a price. The
///   next call begins with the queue at which this one ended, or, if it saw them all, with the same as this one.
/// @returns how many threads were relieved.
///
/// Callers rely on: the relieved threads are placed before this returns, and without the PrcbLock held
/// (KiExitDispatcher does both).
ULONG NTAPI KiScanReadyQueues(PKPRCB Prcb) {
    ULONG relieved = 0;
    const KIRQL oldIrql = KeRaiseIrqlToSynchLevel();
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
    KiExitDispatcher(oldIrql);
    return relieved;
}
