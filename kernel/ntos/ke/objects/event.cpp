// Events: something has happened.
//
// A notification event stays signaled and releases every thread that waits. A synchronization event's signal is for one
// thread: the first one whose wait it satisfies takes it.
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: events". DSP-01..03
#include "ke/ki.h"

void NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State) {
    Event->Header.Type =
        Type == NotificationEvent ? KOBJECTS::EventNotificationObject : KOBJECTS::EventSynchronizationObject;
    Event->Header.Size = sizeof(KEVENT) / sizeof(ULONG);
    Event->Header.Absolute = FALSE;
    Event->Header.Inserted = FALSE;
    Event->Header.SignalState = State;
    InitializeListHead(&Event->Header.WaitListHead);
}

/// Signals the event, and releases the threads whose wait that satisfies, with a boost of `Increment`. Each call is
/// traced (KiTraceSignal), before the state changes and before a thread is released. A caller with `Wait` keeps the
/// database for the wait that follows (KiFinishSignal).
/// @returns the previous state
LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait) {
    // LAB(3.3) begin
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldState = Event->Header.SignalState;
    KiTraceSignal(Event->Header, oldState, 1);
    Event->Header.SignalState = 1;
    if (oldState == 0) KiWaitTest(&Event->Header, Increment);
    KiFinishSignal(oldIrql, Wait);
    return oldState;
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

/// Makes the event not signaled, and releases no thread. It is traced if the event was signaled. @returns the previous
/// state
LONG NTAPI KeResetEvent(PRKEVENT Event) {
    // LAB(3.3) begin
    KiDispatcherGuard guard;
    const LONG oldState = Event->Header.SignalState;
    if (oldState != 0) KiTraceSignal(Event->Header, oldState, 0);
    Event->Header.SignalState = 0;
    return oldState;
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

void NTAPI KeClearEvent(PRKEVENT Event) { (void)KeResetEvent(Event); }

/// Signals the event for the threads that wait at this moment, and leaves it not signaled: threads that come later
/// wait. The pulse is traced as two changes: from the previous state to 1, and from what the released threads have left
/// of the signal to 0. `Wait` is as in KeSetEvent. @returns the previous state
LONG NTAPI KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait) {
    // LAB(3.3) begin
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldState = Event->Header.SignalState;
    KiTraceSignal(Event->Header, oldState, 1);
    Event->Header.SignalState = 1;
    if (oldState == 0) KiWaitTest(&Event->Header, Increment);
    KiTraceSignal(Event->Header, Event->Header.SignalState, 0);
    Event->Header.SignalState = 0;
    KiFinishSignal(oldIrql, Wait);
    return oldState;
    // LAB(3.3) else
    //| LAB_NOT_IMPLEMENTED("3.3");
    // LAB(3.3) end
}

LONG NTAPI KeReadStateEvent(PRKEVENT Event) { return *const_cast<volatile LONG*>(&Event->Header.SignalState); }
