// Deferred procedure calls and timers.
//
// A DPC is queued to one processor (at any IRQL, typically by an interrupt service routine) and run there at
// DISPATCH_LEVEL as soon as the IRQL falls below it, before any thread goes on. Invariant: a DPC is on at most one
// queue; queuing it again does nothing. A timer is a dispatcher object with a due time; at its expiry (found by the
// clock, handled by a DPC) it is signaled and its own DPC is queued.
// In the books: "software interrupts: DPCs", "timer processing". INT-05, INT-06, INT-09, DSP-09
#pragma once

#include "ke/dispatcher.h"

struct KDPC;
using PKDPC = KDPC*;

/// @irql DISPATCH_LEVEL, in an arbitrary thread's context
using KDEFERRED_ROUTINE = void NTAPI(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2);
using PKDEFERRED_ROUTINE = KDEFERRED_ROUTINE*;

/// Where a DPC goes in its queue, and whether its processor is interrupted for it (ke/dpc/dpcrate.cpp has the table).
enum class KDPC_IMPORTANCE : LONG {
    LowImportance = 0,
    MediumImportance = 1,     ///< a new DPC's
    HighImportance = 2,       ///< to the head of the queue
    MediumHighImportance = 3, ///< to the tail, but interrupts at once
};

/// A deferred procedure call: a routine that a processor is to run at DISPATCH_LEVEL, soon.
/// shared: the DpcLock of the queue it is on guards the entry, the arguments and DpcData; the rest is fixed meanwhile
struct KDPC {
    UCHAR Type; ///< 19, or 24 for a threaded one
    nt::Narrow<KDPC_IMPORTANCE, UCHAR> Importance;
    UCHAR Number; ///< target processor + 1; 0: the processor that queues it
    UCHAR Reserved;
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID volatile DpcData; ///< the queue it is on; nullptr: not queued
};
PUBLIC_SIZE(KDPC, 32);
PUBLIC_OFFSET(KDPC, DpcListEntry, 4);
PUBLIC_OFFSET(KDPC, DpcData, 28);

/// Whether a timer that is due releases all threads that wait, or one.
enum class TIMER_TYPE : LONG { NotificationTimer = 0, SynchronizationTimer = 1 };
inline constexpr TIMER_TYPE NotificationTimer = TIMER_TYPE::NotificationTimer;
inline constexpr TIMER_TYPE SynchronizationTimer = TIMER_TYPE::SynchronizationTimer;

/// An object that becomes signaled at its due time, once or periodically, and may queue a DPC then.
/// shared: KiDispatcherLock guards it; DueTime may be read without, as a snapshot
struct KTIMER {
    DISPATCHER_HEADER Header;
    LARGE_INTEGER DueTime;                                  ///< interrupt time at which it expires, 100 ns units
    LIST_ENTRY TimerListEntry GUARDED_BY(KiDispatcherLock); ///< on a chain of KiTimerTableListHead
    KDPC* Dpc GUARDED_BY(KiDispatcherLock);                 ///< queued at expiry; may be nullptr
    LONG Period GUARDED_BY(KiDispatcherLock);               ///< milliseconds; 0: once
};
using PKTIMER = KTIMER*;
PUBLIC_SIZE(KTIMER, 40);
PUBLIC_OFFSET(KTIMER, DueTime, 16);
PUBLIC_OFFSET(KTIMER, Period, 36);

// The timer table (timer.cpp): wheels of chains, one array; chain n of wheel w is number w * TIMER_WHEEL_SIZE + n.
constexpr ULONG TIMER_WHEEL_SIZE = 256;
constexpr ULONG TIMER_TABLE_WHEELS = 4;
constexpr ULONG TIMER_TABLE_SIZE = TIMER_TABLE_WHEELS * TIMER_WHEEL_SIZE;

extern "C" {

/// @irql any
NTKERNELAPI void NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);
/// Queues the DPC, unless it is queued. @returns whether it was inserted. @irql any
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);
/// Takes the DPC off its queue. @returns whether it was queued. @irql any
NTKERNELAPI BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc);
/// For its next insertion. @irql any
NTKERNELAPI void NTAPI KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance);
/// For its next insertion: it will run on this processor. @irql any
NTKERNELAPI void NTAPI KeSetTargetProcessorDpc(PKDPC Dpc, CHAR Number);

/// Makes a DPC that its processor's DPC thread runs, at PASSIVE_LEVEL and above every other thread. While the processor
/// has no DPC thread it is an ordinary one, so its routine must be fit for both. @irql any
NTKERNELAPI void NTAPI KeInitializeThreadedDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);
/// Returns when every DPC that is queued now, on any processor, has run. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI KeFlushQueuedDpcs() EXCLUDES_(AtDispatchLevel);

/// Makes a timer. One that runs must be cancelled first (bugcheck TIMER_OR_DPC_INVALID). @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
/// Starts the timer; a running one is cancelled first. @param DueTime 100 ns units, negative: relative to now,
/// positive: absolute system time. @param Period in milliseconds, 0: once. @returns whether the timer was running.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
/// Stops the timer. Its DPC may still be queued. @returns whether it was running. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer);
/// The same for a notification timer that runs once.
NTKERNELAPI void NTAPI KeInitializeTimer(PKTIMER Timer);
NTKERNELAPI BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc);
NTKERNELAPI BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer);

/// System time: 100 ns units since 1 January 1601 (UTC). @irql any. HAL-07
NTKERNELAPI void NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
/// Time since boot in 100 ns units; never adjusted. @irql any
NTKERNELAPI ULONGLONG NTAPI KeQueryInterruptTime();
/// Clock interrupts since boot. @irql any
NTKERNELAPI void NTAPI KeQueryTickCount(PLARGE_INTEGER TickCount);
/// Length of a clock interrupt's interval in 100 ns units. @irql any
NTKERNELAPI ULONG NTAPI KeQueryTimeIncrement();
}
