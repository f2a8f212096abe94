// The event ring: what the kernel did, for tools that look from outside.
//
// Every processor has a ring of fixed-size records, written at any IRQL without a lock (interrupts off for the few
// instructions); a global sequence number orders all of them. The ring forgets the oldest. Host tools, the monitor and
// the grader read the same records. A record is complete when its Sequence is not 0.
// In the books: "event tracing". EXE-03 (the kernel's side), DSP/SCH events
#pragma once

#include "nt/types.h"

/// What an event record tells; the comments name its arguments.
enum class ETW_EVENT : UCHAR {
    None = 0,
    ContextSwitch =
        1, ///< Argument: old thread, new thread, old state | old priority << 8 | new priority << 16, wait reason
    ThreadState = 2,    ///< thread, old state, new state, priority
    Ready = 3,          ///< thread, priority, processor, at head
    Priority = 4,       ///< thread, old, new, reason (0 set, 1 boost, 2 decay, 3 starvation)
    QuantumEnd = 5,     ///< thread, priority
    Wait = 6,           ///< thread, object count, wait type, time-out given
    Unwait = 7,         ///< thread, status, increment
    Signal = 8,         ///< object, type, old state, new state
    DpcQueue = 9,       ///< dpc, routine, processor
    DpcRun = 10,        ///< dpc, routine
    TimerSet = 11,      ///< timer, due time low, due time high
    TimerExpire = 12,   ///< timer, tick
    Interrupt = 13,     ///< vector, irql
    Mark = 14,          ///< for tests and tools: four values of theirs
    ThreadCreate = 15,  ///< thread, priority, start routine
    ThreadEnd = 16,     ///< thread
    BugCheck = 17,      ///< code, parameters 1..3
    ApcQueue = 18,      ///< apc, thread, mode (0 kernel, 1 user) | 2 if special, environment
    ApcRun = 19,        ///< apc, thread, kernel routine, normal routine or 0
    DpcEnd = 20,        ///< dpc, routine, 1 if threaded
    WaitObject = 21,    ///< thread, object, wait key, object's type: one for each object of a wait, after Wait
    LockWait = 22,      ///< lock, ETW_LOCK, thread: it must wait for the lock
    LockAcquire = 23,   ///< lock, ETW_LOCK, thread: that wait has ended
    LockRelease = 24,   ///< lock, ETW_LOCK, thread that gives it back, others that wait for it
    IpiSend = 25,       ///< set of target processors, kind of request (ETW_IPI), detail of its own
    IpiReceive = 26,    ///< kinds of request, a bit each (1 << ETW_IPI)
    PfnTransition = 27, ///< page frame, old state | new state << 8 (MMLISTS), address of its PTE, reference count
    PageFault = 28,     ///< address, kind (MI_FAULT_KIND) | 0x100 if a write | 0x200 if user mode's, PTE before, status
    WorkingSetTrim = 29,  ///< working set, pages that were taken away, pages that were to be, pass
    PageWrite = 30,       ///< page file, first page there, pages, first page frame
    PageWriteEnd = 31,    ///< page file, first page there, pages that were written, status
    PageRead = 32,        ///< page file, first page there, pages, address of the first page's PTE
    PageReadEnd = 33,     ///< the same three, status
    MappedPageWrite = 34, ///< control area, first page of its segment, pages, status: written to a file
    StackSwap =
        35, ///< thread, 1: its stack is in memory, 0: it goes, stacks of its process, ticks since its wait began
    ProcessSwap = 36, ///< process, old state, new state (KPROCESS_STATE)
};

/// What kind of lock a LockXxx event speaks of: one that blocks. No processor waits long for a spin lock, and a thread that need not wait
/// writes no event.
enum class ETW_LOCK : UCHAR {
    FastMutex = 4,
    GuardedMutex = 5,
    ResourceShared = 6,
    ResourceExclusive = 7,
    PushShared = 8,
    PushExclusive = 9,
    Rundown = 10,
};

/// What an inter-processor interrupt asks for.
enum class ETW_IPI : UCHAR { Dispatch = 0, Apc = 1, Call = 2, TlbFlush = 3, Freeze = 4, Clock = 5 };

/// One event: when, on which processor, at which IRQL, and four arguments.
struct ETW_RECORD {
    ULONGLONG Time; ///< time-stamp counter
    ULONG Sequence; ///< 1, 2, 3 ... over all processors
    ETW_EVENT Event;
    UCHAR Processor;
    UCHAR Irql;
    UCHAR Reserved;
    ULONG Argument[4];
};
static_assert(sizeof(ETW_RECORD) == 32);

// Records of a processor's ring: a power of two between these. EtwQueryRingSize chooses it.
constexpr ULONG ETW_FEWEST_RECORDS = 1024;
constexpr ULONG ETW_MOST_RECORDS = 16384;

/// A processor's ring of events, in which the newest takes the place of the oldest.
struct ETW_RING {
    volatile ULONG Next; ///< records ever written; the next goes to Next % Size
    ULONG Size;          ///< records that it keeps; a power of two
    ETW_RECORD* Records;
};

extern "C" {
NTKERNELAPI extern ETW_RING EtwRing[32];
NTKERNELAPI extern volatile LONG EtwSequence;
/// How many records the ring of each processor keeps. @param MemoryPages of the machine. @param Wanted records, 0: as the
/// amount of memory says. @returns a power of two, ETW_FEWEST_RECORDS..ETW_MOST_RECORDS
NTKERNELAPI ULONG NTAPI EtwQueryRingSize(ULONG MemoryPages, ULONG Wanted);
/// Gives a processor its ring. Until then its events are dropped. @param Size what EtwQueryRingSize returned
NTKERNELAPI void NTAPI EtwInitializeProcessor(ULONG Number, ETW_RECORD* Records, ULONG Size);
/// Writes a record. @irql any
NTKERNELAPI void NTAPI EtwTraceEvent(ETW_EVENT Event, ULONG_PTR Argument0, ULONG_PTR Argument1, ULONG_PTR Argument2,
                                     ULONG_PTR Argument3);
}
