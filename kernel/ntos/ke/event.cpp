// Events: something has happened.
//
// A notification event stays signaled and releases everybody; a synchronization event's signal is consumed by the first
// waiter whose wait it satisfies.
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: events". DSP-01..03
#include "ke/ki.h"

namespace {

void TraceSignal(const DISPATCHER_HEADER& header, LONG oldState, LONG newState) {
    EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(&header), ULONG_PTR(header.Type), ULONG_PTR(oldState),
                  ULONG_PTR(newState));
}

} // namespace

void NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State) {
    Event->Header.Type =
        Type == NotificationEvent ? KOBJECTS::EventNotificationObject : KOBJECTS::EventSynchronizationObject;
    Event->Header.Size = sizeof(KEVENT) / sizeof(ULONG);
    Event->Header.Inserted = FALSE;
    Event->Header.DebugActive = FALSE;
    Event->Header.SignalState = State;
    InitializeListHead(&Event->Header.WaitListHead);
}

LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait) {
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldState = Event->Header.SignalState;
    TraceSignal(Event->Header, oldState, 1);
    Event->Header.SignalState = 1;
    if (oldState == 0) KiWaitTest(&Event->Header, Increment);
    KiFinishSignal(oldIrql, Wait);
    return oldState;
}

LONG NTAPI KeResetEvent(PRKEVENT Event) {
    KiDispatcherGuard guard;
    const LONG oldState = Event->Header.SignalState;
    if (oldState != 0) TraceSignal(Event->Header, oldState, 0);
    Event->Header.SignalState = 0;
    return oldState;
}

void NTAPI KeClearEvent(PRKEVENT Event) { (void)KeResetEvent(Event); }

LONG NTAPI KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait) {
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldState = Event->Header.SignalState;
    TraceSignal(Event->Header, oldState, 1);
    Event->Header.SignalState = 1;
    if (oldState == 0) KiWaitTest(&Event->Header, Increment);
    TraceSignal(Event->Header, Event->Header.SignalState, 0);
    Event->Header.SignalState = 0;
    KiFinishSignal(oldIrql, Wait);
    return oldState;
}

LONG NTAPI KeReadStateEvent(PRKEVENT Event) { return *const_cast<volatile LONG*>(&Event->Header.SignalState); }
