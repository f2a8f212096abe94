// Clock, timer table and DPC queues as they meet.
//
// The clock interrupt advances interrupt time and system time, charges the current thread, and if the timer table has
// timers for the new tick (KiHasTimers), queues KiTimerExpireDpc; that DPC expires what is due. Ticks of the table
// ("hands") are interrupt time / KeMaximumIncrement; a timer's hand is rounded up, so all timers of a hand are due when
// the clock reaches it.
// Locks: the timer table belongs to the dispatcher database; a DPC queue has its own lock, held at HIGH_LEVEL because
// interrupt service routines queue DPCs.
// In the books: "timer processing", "system clock", "DPCs". INT-05, INT-06, INT-09, HAL-07
#pragma once

#include "ke.h"

extern "C" {
// Two fields of KiSharedUserData, under their own names.
extern KSYSTEM_TIME KiInterruptTime; ///< 100 ns units since boot; never adjusted
extern KSYSTEM_TIME KiSystemTime;    ///< 100 ns units since 1 January 1601
extern ULONG KeMaximumIncrement;     ///< 100 ns units between two clock interrupts
extern KDPC KiTimerExpireDpc;

/// Runs the DPCs of this processor's queue until it is empty. @irql DISPATCH_LEVEL
void NTAPI KiRetireDpcList(PKPRCB Prcb) REQUIRES_(AtDispatchLevel);
/// The same on another stack, the processor's DPC stack. @param Stack its highest address
void NTAPI KiRetireDpcListOnStack(PKPRCB Prcb, PVOID Stack) REQUIRES_(AtDispatchLevel);
/// The DPC that expires timers.
void NTAPI KiTimerExpiration(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2);
}

LONGLONG KiReadTime(const KSYSTEM_TIME& Time);
void KiWriteTime(KSYSTEM_TIME& Time, LONGLONG Value);
/// The tick count, in all its places.
void KiWriteTickCount(LONGLONG Ticks);

/// How far system time is ahead of interrupt time. (Read one after the other they may be of two ticks.) @irql any
LONGLONG KiSystemTimeAhead();

/// A clock tick: interrupt time, system time and tick count go on. @irql CLOCK_LEVEL, the clock's processor
void KiAdvanceTimes(ULONG Increment) REQUIRES_(AtDispatchLevel);

/// Parts of KiInitializeDispatcher, once.
void KiInitializeTime();
void KiInitializeTimerTable();
/// The tick of the timer table that the clock has reached. A barrier: a routine that puts a timer into the table and then asks how far
/// the clock is, and the clock, which goes on and then looks at the table, do not miss each other.
ULONGLONG KiTimerHand();
/// @returns whether the clock, which has come to `Hand`, shall have timers expired. @irql any
bool KiHasTimers(ULONGLONG Hand);
/// Interrupt time of a due time in the caller's terms: negative relative, positive absolute system time.
ULONGLONG KiInterruptTimeOf(LARGE_INTEGER DueTime);
/// Puts the timer into the table. @param DueTime interrupt time
void KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// Takes the timer out of the table, where it is.
void KiRemoveTimer(PKTIMER Timer) REQUIRES_(KiDispatcherLock);
/// The timer's time has come: signals it, starts the next period, queues its DPC. It is not in the table.
void KiSignalTimer(PKTIMER Timer) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// Moves the timers that wait for a system time, when that was set forward by `Change`.
void KiShiftAbsoluteTimers(LONGLONG Change) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
