// Quantum end: the current thread has used up its turn.
//
// The clock interrupt charges the running thread CLOCK_QUANTUM_DECREMENT units a tick and, when none are left, sets
// KPRCB::QuantumEnd and requests the dispatch interrupt. Policy says what that costs; the mechanism here is to give the
// processor to a thread that has an equal claim to it.
// Locks: takes the PrcbLock of this processor. IRQL: DISPATCH_LEVEL.
// In the books: "quantum", "quantum end". SCH-11, SCH-13
#include "ke/ki.h"

/// Ends the turn of this processor's current thread. Called by KiDispatchInterrupt when the clock has set QuantumEnd;
/// the caller switches to the next thread afterwards, if there is one.
///
/// - If the current thread has units left (it is another thread than the one the clock found), nothing changes.
/// - A real-time thread (16..31) of a process with KPROCESS_DISABLE_QUANTUM runs on: its quantum becomes
///   KI_ENDLESS_QUANTUM and nobody gets its turn.
/// - Otherwise the policy says the new priority and gives a new quantum (KiPriorityAfterQuantum; the priority is set
///   with KiChangePriority, KPRIORITY_CHANGE::Decay).
/// - A next thread that was chosen before stays. Without one, the best ready thread whose priority is at least the
///   thread's new priority becomes the standby thread: threads of one priority take turns.
/// - The turn is over, so the thread is not preempted (Preempted is cleared): it will go to the tail of its queue.
///
/// Callers rely on: if nobody else is ready at that priority or above, the thread goes on with its new quantum and
/// without a context switch. The idle thread has no turn and is never given to this routine.
void NTAPI KiQuantumEnd() {
    // LAB(1.3) begin
    KPRCB* const prcb = KeGetCurrentPrcb();
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    KTHREAD* const thread = prcb->CurrentThread;
    if (thread->Quantum > 0) return;
    EtwTraceEvent(ETW_EVENT::QuantumEnd, reinterpret_cast<ULONG_PTR>(thread), ULONG_PTR(thread->Priority), 0, 0);

    const bool endless = thread->Priority >= LOW_REALTIME_PRIORITY &&
                         (thread->ApcState.Process->ProcessFlags & KPROCESS_DISABLE_QUANTUM) != 0;
    if (endless) {
        thread->Quantum = KI_ENDLESS_QUANTUM;
        return;
    }

    const KPRIORITY priority = KiPriorityAfterQuantum(thread);
    KiChangePriority(thread, priority, KPRIORITY_CHANGE::Decay);
    thread->Preempted = FALSE;

    if (!prcb->NextThread) {
        if (KTHREAD* const next = KiSelectReadyThread(priority, prcb)) KiSetStandbyThread(prcb, next);
    }
    // LAB(1.3) else
    //| LAB_NOT_IMPLEMENTED("1.3");
    // LAB(1.3) end
}
