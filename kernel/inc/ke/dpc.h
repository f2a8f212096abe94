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

enum class KDPC_IMPORTANCE : UCHAR { LowImportance, MediumImportance, HighImportance };

/// shared: the DpcLock of the queue it is on guards the entry, the arguments and DpcData; the rest is fixed meanwhile
struct KDPC {
    UCHAR Type;
    KDPC_IMPORTANCE Importance; ///< HighImportance: to the head of the queue
    UCHAR Number;               ///< target processor + 1; 0: the processor that queues it
    UCHAR Reserved;
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID volatile DpcData; ///< the queue it is on; nullptr: not queued
};

enum class TIMER_TYPE : UCHAR { NotificationTimer = 0, SynchronizationTimer = 1 };
inline constexpr TIMER_TYPE NotificationTimer = TIMER_TYPE::NotificationTimer;
inline constexpr TIMER_TYPE SynchronizationTimer = TIMER_TYPE::SynchronizationTimer;

/// shared: KiDispatcherLock guards it
struct KTIMER {
    DISPATCHER_HEADER Header;
    LARGE_INTEGER DueTime;     ///< interrupt time at which it expires, 100 ns units
    LIST_ENTRY TimerListEntry; ///< on a chain of KiTimerTableListHead, in order of DueTime
    KDPC* Dpc;                 ///< queued at expiry; may be nullptr
    LONG Period;               ///< milliseconds; 0: once
    BOOLEAN Absolute;          ///< due at a system time: follows KeSetSystemTime
};
using PKTIMER = KTIMER*;

constexpr ULONG TIMER_TABLE_SIZE = 256; ///< chains of the timer table; a power of two

extern "C" {

/// @irql any
NTKERNELAPI void NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);
/// Queues the DPC, unless it is queued. @returns whether it was inserted. @irql any
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);
/// Takes the DPC off its queue. @returns whether it was queued. @irql any
NTKERNELAPI BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc);
NTKERNELAPI void NTAPI KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance);
NTKERNELAPI void NTAPI KeSetTargetProcessorDpc(PKDPC Dpc, CHAR Number);

NTKERNELAPI void NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
/// Starts the timer; a running one is cancelled first. @param DueTime 100 ns units, negative: relative to now,
/// positive: absolute system time. @param Period in milliseconds, 0: once. @returns whether the timer was running.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
/// Stops the timer. Its DPC may still be queued. @returns whether it was running. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer);
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

inline BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc) {
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}
inline void KeInitializeTimer(PKTIMER Timer) { KeInitializeTimerEx(Timer, NotificationTimer); }
