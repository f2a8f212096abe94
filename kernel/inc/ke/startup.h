// What start-up code and debuggers name of the dispatcher: other code leaves it alone.
//
// Order at boot, per processor: fill KPRCB::Number and SetMember, KiInitializeDispatcher, KiInitializeIdleThread (now
// there is a current thread), interrupts on, and when nothing is left to do for the boot code: KiIdleLoop.
// In the books: "system initialization", "dispatcher database". BOO-04, SCH-15
#pragma once

#include "ke/processor.h"

/// A 64-bit time with one writer (the clock) and readers everywhere, without a lock: the writer stores High2Time, then
/// LowPart, then High1Time; a reader reads in the opposite order and tries again while the two high parts differ.
/// shared: by this protocol
struct KSYSTEM_TIME {
    volatile ULONG LowPart;
    volatile LONG High1Time;
    volatile LONG High2Time;
};

extern "C" {

/// Guards the dispatcher database: dispatcher headers, wait blocks, the timer table.
/// The timer table (timer.cpp). Chain n of the first wheel holds the timers that expire at a tick of n modulo
/// TIMER_WHEEL_SIZE, soon.
NTKERNELAPI extern LIST_ENTRY KiTimerTableListHead[TIMER_TABLE_SIZE] GUARDED_BY(KiDispatcherLock);
/// Clock interrupts since boot.
NTKERNELAPI extern KSYSTEM_TIME KeTickCount;
/// Processors that run their idle thread and have no next thread.
NTKERNELAPI extern volatile LONG KiIdleSummary;

/// The first processor's KPCR, KPRCB, GDT, IDT and TSS, from the loader's state on; everything else uses fs.
/// @param StackTop, StackLimit of the boot stack. @irql HIGH_LEVEL afterwards, interrupts off
void NTAPI KiInitializeBootProcessor(ULONG_PTR StackTop, ULONG_PTR StackLimit);

/// Makes the dispatcher's part of a processor: ready queues, DPC queue, locks. The first call makes the timer table
/// too. @param Prcb Number and SetMember are set. @irql HIGH_LEVEL or DISPATCH_LEVEL, before the processor's first thread
NTKERNELAPI void NTAPI KiInitializeDispatcher(PKPRCB Prcb);
/// Turns the boot code of a processor into its idle thread: it becomes the current thread, in state Running.
/// @param KernelStack, StackLimit of the stack the boot code stands on. @irql >= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KiInitializeIdleThread(PKPRCB Prcb, PKTHREAD Thread, PKPROCESS Process, PVOID KernelStack,
                                              PVOID StackLimit);
/// Bytes that a processor's block needs (KPCR, descriptor tables, TSSs and their stacks).
NTKERNELAPI extern const ULONG KiProcessorSize;
/// Fills the block of a processor that is about to start. @param Memory KiProcessorSize zeroed bytes that stay.
/// @param StackTop, StackLimit of its idle thread. @irql any
NTKERNELAPI PKPRCB NTAPI KiPrepareProcessor(PVOID Memory, ULONG Number, ULONG_PTR StackTop, ULONG_PTR StackLimit);
/// Makes the block that of this processor; fs is good from here on. Interrupts are off.
NTKERNELAPI void NTAPI KiLoadProcessor(PKPRCB Prcb);
/// The processor joins: others may give it threads and DPCs and send it interrupts. Interrupts are off.
NTKERNELAPI void NTAPI KiAnnounceProcessor(PKPRCB Prcb);
/// What the idle thread does for ever: DPCs, the next thread, halting. @irql DISPATCH_LEVEL, interrupts on
[[noreturn]] NTKERNELAPI void NTAPI KiIdleLoop();

/// Sends an interrupt that leads to KiDispatchInterrupt to other processors. Registered by the start-up of the second
/// processor; with one processor it is nullptr and never called.
NTKERNELAPI extern void(NTAPI* KiSendDispatchInterrupt)(KAFFINITY TargetProcessors);

/// A processor's DPC thread: runs its threaded DPCs. Start routine of a system thread of priority 31, one a processor.
/// @param StartContext the processor's number. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI KiExecuteDpc(PVOID StartContext);
/// Checked builds: called by the clock interrupt of each processor. DPC_WATCHDOG_VIOLATION if one DPC or a stretch at
/// DISPATCH_LEVEL lasts too long. @param InterruptedIrql of the code that the clock interrupted. @irql CLOCK_LEVEL
NTKERNELAPI void NTAPI KiCheckDpcWatchdog(KIRQL InterruptedIrql);

/// The balance-set manager: relieves starved threads. Called once a second, by a thread above them. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeBalanceSetManager(PVOID Context);
/// Called by the HAL before it starts the clock: no call of KeUpdateSystemTime will pass an interval outside of these, in 100 ns.
NTKERNELAPI void NTAPI KeSetTimeIncrement(ULONG MaximumIncrement, ULONG MinimumIncrement);
}
