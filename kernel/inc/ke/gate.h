// Gates: the fastest way to put one thread to sleep and to wake it.
//
// A gate is a synchronization event that only KeWaitForGate waits for: one gate, no time-out, not alertable. So neither
// needs the dispatcher database: the gate has a lock of its own, the highest bit of Header.Lock. A waiting thread is in
// state GateWait, and the thread that signals hands the gate to the first waiter and gives that thread straight to a
// processor's ready structure.
// Guarded mutexes and push locks put their waiters to sleep this way.
// Invariants: no thread waits for a gate that is signaled. A thread that waits has GateObject set and its first wait
// block on the gate's WaitListHead; both are changed under the gate's lock and the thread's ThreadLock.
// Locks: the gate's, then KTHREAD::ThreadLock. In the books: "dispatcher objects: gates", "guarded mutexes". DSP-10
#pragma once

#include "ke/dispatcher.h"
#include "ke/spinlock.h"

/// A small event for locks: it releases one thread at a time, and has a lock of its own.
/// shared: its lock guards it; a thread that waits for a gate keeps it in existence
struct CAPABILITY("gate") KGATE {
    DISPATCHER_HEADER Header; ///< SignalState 1: the next wait returns at once and consumes it
};
using PKGATE = KGATE*;
PUBLIC_SIZE(KGATE, 16);

extern "C" {
/// Makes a gate that is not signaled. @irql any
NTKERNELAPI void FASTCALL KeInitializeGate(PKGATE Gate);
/// Waits until the gate is signaled and consumes the signal. @irql PASSIVE_LEVEL or APC_LEVEL
NTKERNELAPI void FASTCALL KeWaitForGate(PKGATE Gate, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode)
    EXCLUDES_(AtDispatchLevel);
/// Wakes the thread that waits longest, raised to the priority of the caller if that is higher; without one the gate
/// becomes signaled. @irql <= DISPATCH_LEVEL, the dispatcher database free
NTKERNELAPI void FASTCALL KeSignalGateBoostPriority(PKGATE Gate);
}
