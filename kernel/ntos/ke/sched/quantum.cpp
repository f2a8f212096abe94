// Quantum end: the current thread has used up its turn.
//
// The clock interrupt charges the running thread CLOCK_QUANTUM_DECREMENT units a tick and, when none are left, sets
// KPRCB::QuantumEnd and requests the dispatch interrupt. Policy says what that costs; the mechanism here gives the
// processor to a thread that has an equal claim to it.
// Locks: takes the PrcbLock of this processor. IRQL: DISPATCH_LEVEL.
// In the books: "quantum", "quantum end". SCH-11, SCH-13
#include "ke/ki.h"

/// Ends the turn of this processor's current thread, if the turn is over. KiDispatchInterrupt calls it when the clock
/// has set QuantumEnd; it switches to the next thread afterwards, if there is one. The current thread is not the idle
/// thread.
///
/// - A turn is over when no units of the quantum are left. The current thread may be another one than the clock found:
///   if it has units left, nothing changes.
/// - Threads of one priority take turns: if a thread is ready at the current thread's priority or above, the processor
///   has a next thread afterwards. The best of them is the next thread; but a next thread that was chosen before stays.
/// - If no such thread is ready and none was chosen before, the current thread goes on without a switch.
/// - A turn that is over leaves no claim: the thread will go behind its equals.
/// - The policy says what the turn costs (KiPriorityAfterQuantum): the thread goes on with the quantum and the priority
///   that the policy gives, and that priority is the one that counts here. The change is traced with reason
///   KPRIORITY_CHANGE::Decay.
/// - A real-time thread (16..31) of a process with KPROCESS_DISABLE_QUANTUM has a turn without end: its quantum is
///   KI_ENDLESS_QUANTUM, and nothing else changes.
///
/// Queues, next thread and current thread of a processor change under its PrcbLock.
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
