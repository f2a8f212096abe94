// Waiting: what the wait routines and the objects that end waits share.
//
// A waiting thread has one wait block an object, each on that object's WaitListHead, chained in a ring through
// NextWaitBlock; a wait with a time-out has the thread's timer as one more object, whose wait block's key is
// STATUS_TIMEOUT. An object that becomes signaled walks its list in order (KiWaitTest) and releases each thread whose wait it satisfies.
// Locks: KiDispatcherLock for everything here.
// In the books: "waiting for dispatcher objects", "wait blocks". DSP-12..14, DSP-16
#pragma once

#include "etw.h"
#include "ke.h"

/// The end of a wait, computed once when it begins.
/// shared: no, it lives on the waiting thread's stack
struct KI_DEADLINE {
    bool Given;        ///< there is a time-out at all
    bool Passed;       ///< it is over already
    bool Absolute;     ///< the caller named a system time
    ULONGLONG DueTime; ///< interrupt time
};
KI_DEADLINE KiComputeDeadline(const LARGE_INTEGER* Timeout);
/// The deadline of a wait that begins, or begins again after a kernel APC: then a relative time is not counted anew.
/// @param Deadline all clear at first
void KiUpdateDeadline(KI_DEADLINE* Deadline, const LARGE_INTEGER* Timeout);

/// @returns whether a wait of `Thread` for the object would be satisfied now.
bool KiIsSignaled(const DISPATCHER_HEADER* Object, const KTHREAD* Thread) REQUIRES_(KiDispatcherLock);
/// Takes the object for `Thread`: consumes a synchronization object's signal, a semaphore's unit, owns a mutant.
/// @returns STATUS_SUCCESS, STATUS_ABANDONED, or STATUS_MUTANT_LIMIT_EXCEEDED (nothing is changed then).
NTSTATUS KiSatisfyWait(PDISPATCHER_HEADER Object, PKTHREAD Thread) REQUIRES_(KiDispatcherLock);
/// The result of a WaitAny that object number `WaitKey` satisfies with `Satisfied`: the key, and whether the mutant was
/// abandoned; an error as it is.
NTSTATUS KiWaitAnyStatus(USHORT WaitKey, NTSTATUS Satisfied);
/// Takes all objects of the thread's WaitAll, if all can be taken now. @returns whether; the result in `Status`
bool KiTestWaitAll(PKTHREAD Thread, NTSTATUS* Status) REQUIRES_(KiDispatcherLock);
/// Makes `Thread`, which may have it, the mutant's owner or an owner once more.
/// @returns STATUS_SUCCESS, STATUS_ABANDONED, or STATUS_MUTANT_LIMIT_EXCEEDED (nothing is changed then).
NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread) REQUIRES_(KiDispatcherLock);
/// As KiTakeMutant; and the new owner of a mutex gets no normal kernel APC until it has released the mutex. `Thread` is the
/// calling thread, or waits.
NTSTATUS KiSatisfyMutant(PKMUTANT Mutant, PKTHREAD Thread) REQUIRES_(KiDispatcherLock);

/// Locks the database for a wait, unless KeSetEvent(..., Wait = TRUE) and the like left it locked. Kernel APCs that may
/// run first have run.
/// @returns the current thread, WaitIrql set
PKTHREAD KiBeginWait(KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable)
    ACQUIRE_(KiDispatcherLock, AtDispatchLevel);
/// Ends a wait that needed no waiting. @returns `Status`, but raises STATUS_MUTANT_LIMIT_EXCEEDED
NTSTATUS KiEndWait(PKTHREAD Thread, NTSTATUS Status) RELEASE_(KiDispatcherLock, AtDispatchLevel);
/// Makes a wait block and puts it at the tail of its object's list. The ring is closed by KiCommitWait.
void KiInsertWaitBlock(PKWAIT_BLOCK Block, PKTHREAD Thread, PDISPATCHER_HEADER Object, ULONG WaitKey, WAIT_TYPE Type)
    REQUIRES_(KiDispatcherLock);
/// Closes the ring from `First` to `Last` (both nullptr: only a time-out), starts the timer, and waits.
/// @returns how the wait ended; STATUS_KERNEL_APC: for an APC, which has run, and nothing was taken: wait again
NTSTATUS KiCommitWait(PKTHREAD Thread, PKWAIT_BLOCK First, PKWAIT_BLOCK Last, const KI_DEADLINE& Deadline)
    RELEASE_(KiDispatcherLock, AtDispatchLevel);
/// Ends a routine that signals: leaves the database, or (Wait) keeps it for the KeWaitXxx that follows.
void KiFinishSignal(KIRQL OldIrql, BOOLEAN Wait) RELEASE_(KiDispatcherLock, AtDispatchLevel);

extern "C" {
/// The object's state changed: releases the waiters whose wait is satisfied, in the order of the list.
void NTAPI KiWaitTest(PDISPATCHER_HEADER Object, KPRIORITY Increment) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// Ends a thread's wait with `Status`: takes its wait blocks and timer away and makes it ready.
void NTAPI KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment)
    REQUIRES_(KiDispatcherLock, AtDispatchLevel);
}

/// Asks that a thread which becomes ready gets the caller's priority, if that is higher: the caller gives up what the
/// thread waited for, and would only wait for it soon. Fades like every boost; real-time threads are left alone.
void KiBoostToCaller(PKTHREAD Thread);

/// A thread of the queue is not active any more: lets one that waits take an entry, if there is one.
extern "C" void NTAPI KiActivateWaiterQueue(PKQUEUE Queue) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// A thread of the queue whose wait has ended is active again, even if that is one too many.
inline void KiResumeInQueue(PKQUEUE Queue) REQUIRES_(KiDispatcherLock) {
    Queue->CurrentCount = Queue->CurrentCount + 1;
}
/// The running thread belongs to no queue any more.
void KiLeaveQueue(PKTHREAD Thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel);

/// Gives the mutants that an ending thread owns to the threads that wait for them, as abandoned ones.
void KiAbandonMutants(PKTHREAD Thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel);

/// The event Signal: an object's state changes by a call.
inline void KiTraceSignal(const DISPATCHER_HEADER& Header, LONG OldState, LONG NewState) {
    EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(&Header), ULONG_PTR(Header.Type), ULONG_PTR(OldState),
                  ULONG_PTR(NewState));
}
