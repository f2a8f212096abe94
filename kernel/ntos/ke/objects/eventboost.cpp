// KeSetEventBoostPriority: the signal of a lock that is handed over.
//
// The books: executive resources wake an exclusive waiter this way. It runs at once, at the priority of the thread
// that released the lock. So no thread holds the lock while it waits for a processor.
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "priority boosts: lock ownership". DSP-03, SCH-19
#include "ke/ki.h"

namespace {

/// The first waiter that this event alone releases.
KWAIT_BLOCK* FirstWaitAny(DISPATCHER_HEADER* header) REQUIRES_(KiDispatcherLock) {
    for (KWAIT_BLOCK* block : nt::List<&KWAIT_BLOCK::WaitListEntry>(header->WaitListHead)) {
        if (block->WaitType == WaitAny) return block;
    }
    return nullptr;
}

} // namespace

void NTAPI KeSetEventBoostPriority(PRKEVENT Event, PKTHREAD* Thread) {
    NT_ASSERT(Event->Header.Type == KOBJECTS::EventSynchronizationObject);
    KiDispatcherGuard guard;
    const LONG oldState = Event->Header.SignalState;
    KiTraceSignal(Event->Header, oldState, 1);
    if (oldState != 0) return;
    KWAIT_BLOCK* const block = FirstWaitAny(&Event->Header);
    if (!block) {
        Event->Header.SignalState = 1;
        KiWaitTest(&Event->Header, 0); // a WaitAll that only lacked this one
        return;
    }
    KTHREAD* const thread = block->Thread;
    if (Thread) *Thread = thread;
    KiUnwaitThread(thread, KiWaitAnyStatus(block->WaitKey, STATUS_SUCCESS), 0); // from hand to hand: never signaled
    KiBoostToCaller(thread);
}
