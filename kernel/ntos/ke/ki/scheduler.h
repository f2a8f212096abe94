// The scheduler's mechanism: ready queues, the choice of a processor, the standby thread, the switch.
//
// There is no scheduler module: a thread that becomes ready, a wait, a used-up quantum, a changed priority each run the
// part that concerns them. All of them keep these invariants while PrcbLock is free:
//   - bit p of ReadySummary is set exactly when DispatcherReadyListHead[p] is not empty;
//   - a thread on queue p is Ready, has priority p, and its NextProcessor is the queue's processor;
//   - no ready thread of a processor has a higher priority than its next thread, or, without one, its current thread;
//   - NextThread is in state Standby, CurrentThread in state Running (or on its way off the processor).
// Locks: as annotated. IRQL: SYNCH_LEVEL.
// In the books: "thread scheduling", "ready queues", "context switching". SCH-01..17
#pragma once

#include "ke.h"

/// Why a priority changed (argument of the Priority event).
enum class KPRIORITY_CHANGE : UCHAR { Set = 0, Boost = 1, Decay = 2, Starvation = 3 };

extern "C" {

// ready.cpp
void NTAPI KiInsertReadyQueue(PKPRCB Prcb, PKTHREAD Thread, BOOLEAN AtHead) REQUIRES_(Prcb->PrcbLock);
void NTAPI KiRemoveReadyQueue(PKPRCB Prcb, PKTHREAD Thread) REQUIRES_(Prcb->PrcbLock);
PKTHREAD NTAPI KiSelectReadyThread(KPRIORITY LowPriority, PKPRCB Prcb) REQUIRES_(Prcb->PrcbLock);

// state.cpp
/// The only writer of KTHREAD::State: checks that the transition is one of the book's figure and writes the event.
void NTAPI KiSetThreadState(PKTHREAD Thread, KTHREAD_STATE NewState);
/// The only writer of KTHREAD::Priority after creation: writes the event if the value changes.
void NTAPI KiChangePriority(PKTHREAD Thread, KPRIORITY Priority, KPRIORITY_CHANGE Reason);

// waittrace.cpp
/// The thread begins to wait: writes which objects for.
void KiTraceWaitObjects(const KTHREAD* Thread);

// readythread.cpp
/// Puts a thread on this processor's deferred ready list (state DeferredReady); KiExitDispatcher takes it from there. One whose
/// kernel stack is not in memory waits for the swapper first (state Transition; ki/swap.h).
void NTAPI KiReadyThread(PKTHREAD Thread) REQUIRES_(AtDispatchLevel);
/// Makes `Thread` Ready on `Prcb`'s queues: at the head if it was preempted (Preempted, which is cleared), else at the
/// tail.
void NTAPI KxQueueReadyThread(PKTHREAD Thread, PKPRCB Prcb) REQUIRES_(Prcb->PrcbLock);
/// Makes `Thread` the next thread of `Prcb` (state Standby). The one that was must have been put elsewhere.
void NTAPI KiSetStandbyThread(PKPRCB Prcb, PKTHREAD Thread) REQUIRES_(Prcb->PrcbLock);
/// Makes `Prcb`'s processor look at its next thread as soon as its IRQL allows.
void NTAPI KiRequestDispatchInterrupt(PKPRCB Prcb) REQUIRES_(AtDispatchLevel);

// dispatch.cpp, quantum.cpp, priority.cpp
PKPRCB NTAPI KiChooseProcessor(const KTHREAD* Thread) REQUIRES_(AtDispatchLevel);
void NTAPI KiDeferredReadyThread(PKTHREAD Thread) REQUIRES_(AtDispatchLevel);
void NTAPI KiQuantumEnd() REQUIRES_(AtDispatchLevel);
void NTAPI KiReconsiderNextThread(PKPRCB Prcb) REQUIRES_(Prcb->PrcbLock, AtDispatchLevel);
void NTAPI KiSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority, KPRIORITY_CHANGE Reason)
    REQUIRES_(KiDispatcherLock, AtDispatchLevel);

// idleschedule.cpp
/// Looks for a ready thread of another processor and makes it the next thread of this one, which is idle.
/// @returns whether there is a next thread now
bool NTAPI KiIdleSchedule(PKPRCB Prcb) REQUIRES_(AtDispatchLevel);

// switch.cpp
/// Leaves the current thread, which is Waiting or Terminated with SwapBusy set, for the best thread of this processor.
/// Returns when the wait is over, at the IRQL of the wait. @returns KTHREAD::WaitStatus
NTSTATUS NTAPI KiSwapThread() RELEASE_(AtDispatchLevel);
/// Switches to this processor's next thread, if there is one; the current thread becomes Ready.
void NTAPI KiSwitchToNextThread() REQUIRES_(AtDispatchLevel);
}

/// Tells the idle processors that may run `Thread`, which is ready on `Prcb`'s queues: one of them takes it over.
void KiOfferReadyThread(PKTHREAD Thread, PKPRCB Prcb) REQUIRES_(Prcb->PrcbLock);

/// The processor that `Thread` belongs to now, as far as one can know without its PrcbLock: look again under the lock.
inline KPRCB* KiThreadProcessor(const KTHREAD* Thread) { return KiProcessorBlock[Thread->NextProcessor]; }
