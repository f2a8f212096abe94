// KTHREAD and KPROCESS: what the kernel layer knows of a thread and of a process.
//
// The kernel layer schedules threads; ETHREAD and EPROCESS (ps.h) contain these and add what the executive needs.
// Locks: GUARDED_BY where clang can follow. The letters are locks that it cannot name: "D" the dispatcher database lock, for
// fields that the thread itself also reads when its wait is over, or that a gate's wait uses under ThreadLock instead; "P"
// the PRCB lock of the processor that the thread runs on or is queued for, which changes; "T" none, only the thread itself
// writes the field. A thread's State is written under the P lock; entering Waiting also holds D.
// Invariant: State says which list WaitListEntry is on: Ready -> a ready queue of KPRCB DispatcherReadyListHead;
// DeferredReady -> a KPRCB DeferredReadyListHead (through SwapListEntry); Waiting in user mode's name, with the stack in memory
// -> KPRCB WaitListHead; Transition -> KiStackInSwapListHead (through SwapListEntry), or KPROCESS ReadyListHead; otherwise none.
// In the books: "thread internals", "thread scheduling". KPR-01..23, SCH-03..10, ERR-07
#pragma once

#include "ke/apc.h"
#include "ke/dpc.h"
#include "ke/lockgraph.h"
#include "ke/spinlock.h"

struct KTRAP_FRAME;
struct KEXCEPTION_FRAME;

/// KTHREAD::State. Seven states are taught; DeferredReady and GateWait exist on several processors (ERR-07).
enum class KTHREAD_STATE : UCHAR {
    Initialized = 0,   ///< made, never started
    Ready = 1,         ///< on a ready queue
    Running = 2,       ///< the current thread of a processor
    Standby = 3,       ///< chosen as the next thread of a processor: KPRCB::NextThread
    Terminated = 4,    ///< ended
    Waiting = 5,       ///< waits for dispatcher objects
    Transition = 6,    ///< ready, but its kernel stack, or its process, is not in memory
    DeferredReady = 7, ///< ready, no processor chosen yet
    GateWait = 8,      ///< waits for a gate
};

/// KPROCESS::State: whether the process is in memory (documented values; KPR-16).
enum class KPROCESS_STATE : UCHAR {
    ProcessInMemory = 0,
    ProcessOutOfMemory = 1,
    ProcessInTransition = 2,  ///< a thread of it is ready: the swapper will bring it in
    ProcessOutTransition = 3, ///< no thread of it has its stack in memory: the swapper will take it out
    ProcessOutSwap = 5,       ///< the swapper is taking it out
};

constexpr KPRIORITY LOW_PRIORITY = 0;           ///< the zero-page thread's own
constexpr KPRIORITY LOW_REALTIME_PRIORITY = 16; ///< 16..31 are never boosted or decayed
constexpr KPRIORITY HIGH_PRIORITY = 31;
constexpr ULONG MAXIMUM_PRIORITY = 32;

constexpr SCHAR THREAD_QUANTUM = 6;          ///< quantum units of a new thread: two clock ticks
constexpr SCHAR CLOCK_QUANTUM_DECREMENT = 3; ///< units that a clock tick costs
constexpr SCHAR WAIT_QUANTUM_DECREMENT = 1;  ///< units that a wait costs

/// KPROCESS::ProcessFlags (KPR-14); changed by interlocked operations only.
constexpr LONG KPROCESS_AUTO_ALIGNMENT = 1 << 0;
constexpr LONG KPROCESS_DISABLE_BOOST = 1 << 1;
constexpr LONG KPROCESS_DISABLE_QUANTUM = 1 << 2;

/// The scheduler's part of a process: an address space, and what its threads inherit.
/// shared: ProcessLock guards what a field does not say otherwise of; ActiveProcessors and ProcessFlags change by
/// interlocked operations; DirectoryTableBase and QuantumReset are fixed once it has threads
struct KPROCESS {
    DISPATCHER_HEADER Header; // D; signaled when the last thread has ended
    LIST_ENTRY ProfileListHead;
    ULONG_PTR DirectoryTableBase[2]; ///< [0] physical address of the page directory (CR3), [1] of hyperspace's table
    volatile LONG ActiveProcessors;  ///< processors that run one of its threads now, a bit each; interlocked
    ULONG KernelTime;                ///< clock ticks of ended threads in kernel mode
    ULONG UserTime;                  ///< the same in user mode
    LIST_ENTRY
    ReadyListHead GUARDED_BY(KiDispatcherLock);        ///< ready threads that wait for the process to come into memory
    LIST_ENTRY ThreadListHead GUARDED_BY(ProcessLock); ///< of KTHREAD::ThreadListEntry
    KSPIN_LOCK ProcessLock;
    KAFFINITY Affinity;                                       ///< processors its threads may run on
    volatile LONG ProcessFlags;                               ///< KPROCESS_*
    SCHAR BasePriority;                                       ///< of its new threads
    SCHAR QuantumReset;                                       ///< units of a full quantum of its threads
    volatile KPROCESS_STATE State;                            ///< D to change
    UCHAR ThreadSeed;                                         ///< ideal processor of its next thread
    LIST_ENTRY ProcessListEntry GUARDED_BY(KiDispatcherLock); ///< on KiProcessListHead while it has threads
    SINGLE_LIST_ENTRY SwapListEntry; ///< D: on KiProcessOutSwapListHead (out transition) or KiProcessInSwapListHead
    ULONG StackCount;                ///< D: threads whose kernel stack is in memory, or on its way there
};

/// What KiDeferredReadyThread does to the priority of a thread that becomes ready (KTHREAD::AdjustReason).
enum class ADJUST_REASON : UCHAR {
    AdjustNone = 0,
    AdjustUnwait = 1, ///< its wait ended: boost by AdjustIncrement
    AdjustBoost = 2,  ///< set to at least AdjustIncrement (event boost)
};

/// @irql PASSIVE_LEVEL; returning from it ends a system thread
using KSTART_ROUTINE = void NTAPI(PVOID StartContext);
using PKSTART_ROUTINE = KSTART_ROUTINE*;
/// The kernel's first code in a thread, called by KiThreadStartup at APC_LEVEL.
using KSYSTEM_ROUTINE = void NTAPI(PKSTART_ROUTINE StartRoutine, PVOID StartContext);
using PKSYSTEM_ROUTINE = KSYSTEM_ROUTINE*;

/// The scheduler's part of a thread: its stack, state, priorities, quantum, waits and APCs.
/// shared: beside D, P and T: the waiting part, boosts, base priority, affinity and ideal processor change under the
/// dispatcher lock; SwapBusy is written by the processor that leaves the thread; times and counts by the processor that
/// runs it; stacks and identity are fixed when it is made
struct KTHREAD {
    DISPATCHER_HEADER Header; // D; signaled when the thread has ended

    // Stacks and context
    PVOID InitialStack;     ///< highest address of the kernel stack
    PVOID StackLimit;       ///< lowest usable address
    PVOID KernelStack;      ///< P: saved ESP while it does not run
    PVOID StackBase;        ///< InitialStack at creation
    KTRAP_FRAME* TrapFrame; ///< T
    PVOID Teb;
    KAPC_STATE ApcState; ///< ApcState.Process: whose address space it runs in

    // Scheduling
    volatile KTHREAD_STATE State; // P
    volatile UCHAR SwapBusy;      ///< a processor still uses its stack or saves its context: none may switch to it yet
    SCHAR Priority;               // P: current priority; to change, D or ReadyLock besides
    SCHAR BasePriority;           // P
    SCHAR PriorityDecrement;      ///< P: boost still to be taken back at quantum end, beyond one level
    SCHAR Saturation;
    SCHAR Quantum;      ///< P: units left; written at CLOCK_LEVEL by its own processor
    SCHAR QuantumReset; ///< units of a full quantum
    BOOLEAN Preempted;  ///< P: goes to the head of its ready queue: it did not use up its turn
    BOOLEAN DisableBoost;
    ADJUST_REASON AdjustReason; // D until it is on a deferred ready list; then that processor's
    SCHAR AdjustIncrement;      // D: as AdjustReason
    UCHAR NextProcessor;        ///< P: processor it runs on, is Standby for or is queued for
    UCHAR IdealProcessor;
    KAFFINITY Affinity;
    KAFFINITY UserAffinity; ///< D: as it was asked for; Affinity differs while SystemAffinityActive
    ULONG ContextSwitches;
    ULONG WaitTime;       ///< low part of the tick count when it became ready or began to wait
    KSPIN_LOCK ReadyLock; ///< held while a processor is chosen for it, and while priority or affinity are changed

    // Waiting (D)
    NTSTATUS WaitStatus;
    KIRQL WaitIrql; ///< to which IRQL the wait returns
    KPROCESSOR_MODE WaitMode;
    nt::Narrow<KWAIT_REASON, UCHAR> WaitReason;
    BOOLEAN WaitNext; ///< T: the dispatcher database is held since KeSetEvent(..., Wait = TRUE) and the like
    BOOLEAN Alertable;
    BOOLEAN Alerted[2] GUARDED_BY(KiDispatcherLock);
    KWAIT_BLOCK* WaitBlockList;                     ///< first block of the ring of the current wait
    KWAIT_BLOCK WaitBlock[THREAD_WAIT_OBJECTS + 1]; ///< built-in blocks; [TIMER_WAIT_BLOCK] is the time-out's
    KTIMER Timer;                                   ///< for time-outs
    LIST_ENTRY WaitListEntry; // P: on a ready queue (Ready); D: on a KPRCB WaitListHead or KPROCESS ReadyListHead
    SINGLE_LIST_ENTRY SwapListEntry;                        ///< on a deferred ready list; D: on KiStackInSwapListHead
    LIST_ENTRY MutantListHead GUARDED_BY(KiDispatcherLock); ///< of KMUTANT::MutantListEntry, mutants it owns
    KQUEUE* Queue; // D: the queue it belongs to: that of its last KeRemoveQueue
    LIST_ENTRY QueueListEntry GUARDED_BY(KiDispatcherLock); ///< on its queue's ThreadListHead
    LIST_ENTRY* QueueEntry;                                 // D: what KeInsertQueue handed to it while it waited
    KGATE* GateObject GUARDED_BY(ThreadLock); ///< and by the gate's lock: the gate it waits for (GateWait)

    // APCs (ApcQueueLock, if it says nothing else)
    KSPIN_LOCK ApcQueueLock;
    KAPC_STATE SavedApcState;       ///< of its own process, while it is attached to another; T: Process
    KAPC_STATE* ApcStatePointer[2]; ///< by KAPC_ENVIRONMENT: of its own process, of the one it is attached to
    union {
        struct {
            SHORT KernelApcDisable;  ///< T: less than 0 in a critical region; counts nested ones downwards
            SHORT SpecialApcDisable; ///< T: the same for guarded regions
        };
        ULONG CombinedApcDisable; ///< T: not 0 in a region
    };
    BOOLEAN ApcQueueable;           ///< FALSE: it ends
    KAPC_ENVIRONMENT ApcStateIndex; ///< attached or not; T
    SCHAR SuspendCount GUARDED_BY(ApcQueueLock);
    SCHAR FreezeCount GUARDED_BY(ApcQueueLock);
    KAPC SuspendApc;
    KSEMAPHORE SuspendSemaphore; ///< D; a suspended thread waits for it, in its suspend APC

    // Identity
    KPROCESS* Process; ///< the process it belongs to (ApcState.Process while attached differs)
    LIST_ENTRY ThreadListEntry GUARDED_BY(Process->ProcessLock);
    KPROCESSOR_MODE PreviousMode;
    BOOLEAN SystemThread;
    BOOLEAN KernelStackResident; ///< D: the stack is in memory; clear in the states Waiting and Transition only
    BOOLEAN UserWait;            ///< D: on a KPRCB WaitListHead, or taken off it without its stack
    BOOLEAN ProcessReadyQueue;   ///< D: on its process's ReadyListHead
    BOOLEAN EnableStackSwap;     ///< T: it may lose its stack while it waits in user mode's name
    ULONG KernelTime;            ///< clock ticks in kernel mode
    ULONG UserTime;
    KSPIN_LOCK ThreadLock; ///< guards GateObject, with the gate's lock

    // Locks that block (T, ke/lockgraph.h)
    volatile KLOCK_KIND WaitLockKind; ///< what WaitLock is; None: it waits for no lock
    volatile BOOLEAN WaitLockExclusive;
    PVOID volatile WaitLock;             ///< the lock it waits for
    const void* volatile WaitLockObject; ///< while it waits for this
    volatile ULONG WaitLockSequence;     ///< when that began, on the count that records of held locks use
    LIST_ENTRY HeldLocks;                ///< checked builds: records of the locks it holds, under a lock of theirs

    // Between a pair of calls of its own
    PVOID NpxArea; ///< T: where its floating-point registers go when it loses the processor; nullptr: none are loaded
    BOOLEAN SystemAffinityActive; ///< D: from KeSetSystemAffinityThread to KeRevertToUserAffinityThread
};

extern "C" {

NTKERNELAPI PKTHREAD NTAPI KeGetCurrentThread();

/// Makes a process object. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeInitializeProcess(PKPROCESS Process, KPRIORITY BasePriority, KAFFINITY Affinity,
                                           ULONG_PTR DirectoryTableBase[2]);
/// Makes a thread object in state Initialized on the given kernel stack. @param KernelStack highest address of the
/// stack. @param StackLimit lowest usable address. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeInitializeThread(PKTHREAD Thread, PVOID KernelStack, PVOID StackLimit,
                                          PKSYSTEM_ROUTINE SystemRoutine, PKSTART_ROUTINE StartRoutine,
                                          PVOID StartContext, PKPROCESS Process);
/// Makes an initialized thread ready. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeReadyThread(PKTHREAD Thread);
/// Ends the calling thread: abandons its mutants, signals its waiters, never returns. @irql PASSIVE_LEVEL or APC_LEVEL
[[noreturn]] NTKERNELAPI void NTAPI KeTerminateThread(KPRIORITY Increment) EXCLUDES_(AtDispatchLevel);

/// Sets the current and base priority (1..31). @returns the old priority. @irql <= DISPATCH_LEVEL
NTKERNELAPI KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
/// The calling thread, the zero page thread, takes the priority that no other thread can have: 0. @irql PASSIVE_LEVEL
void NTAPI KeTakeZeroPagePriority();
/// Sets the base priority to the process's plus `Increment`; the current priority follows. @returns the old increment.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment);
/// @returns the base priority less the process's. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeQueryBasePriorityThread(PKTHREAD Thread);
NTKERNELAPI KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread);
/// Raises the priority of a variable thread by `Increment`, at most to 15. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeBoostPriorityThread(PKTHREAD Thread, KPRIORITY Increment);
/// @returns whether boosts were disabled before. @irql <= DISPATCH_LEVEL. SCH-19
NTKERNELAPI BOOLEAN NTAPI KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable);
/// Restricts the thread to processors. @returns the old set. @irql <= DISPATCH_LEVEL
NTKERNELAPI KAFFINITY NTAPI KeSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity);
/// Restricts the calling thread to processors, until KeRevertToUserAffinityThread; it runs on one of them when this returns. What
/// KeSetAffinityThread says meanwhile holds afterwards. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity);
NTKERNELAPI void NTAPI KeRevertToUserAffinityThread();
/// @returns the set of all processors that run. @irql any
NTKERNELAPI KAFFINITY NTAPI KeQueryActiveProcessors();
/// @returns clock ticks in kernel mode. @param UserTime receives those in user mode. @irql any
NTKERNELAPI ULONG NTAPI KeQueryRuntimeThread(PKTHREAD Thread, ULONG* UserTime);
/// @returns on whose behalf the calling thread works: UserMode in a system service that user mode has called. @irql any
NTKERNELAPI KPROCESSOR_MODE NTAPI KeGetPreviousMode();
NTKERNELAPI KPROCESSOR_MODE NTAPI ExGetPreviousMode();
/// @returns a distance in bytes at which data of different processors share no cache line. @irql any
NTKERNELAPI ULONG NTAPI KeGetRecommendedSharedDataAlignment();
/// @returns the old ideal processor. @irql <= DISPATCH_LEVEL
NTKERNELAPI UCHAR NTAPI KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor);
/// Signals a process that never had a thread; others are signaled when their last thread ends. @param Increment boost of those that wait.
/// @returns whether it was signaled already. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeSetProcess(PKPROCESS Process, KPRIORITY Increment);
/// Restricts a process and all its threads to processors that run. @returns the old set. @irql <= DISPATCH_LEVEL
NTKERNELAPI KAFFINITY NTAPI KeSetAffinityProcess(PKPROCESS Process, KAFFINITY Affinity);
/// Changes a process's base priority and that of its threads. @irql <= DISPATCH_LEVEL
NTKERNELAPI KPRIORITY NTAPI KeSetPriorityProcess(PKPROCESS Process, KPRIORITY BasePriority);
/// Gives up the rest of the turn to a ready thread of the same or higher priority.
/// @returns STATUS_NO_YIELD_PERFORMED if there is none. @irql <= APC_LEVEL
NTKERNELAPI NTSTATUS NTAPI KeYieldExecution() EXCLUDES_(AtDispatchLevel);

/// Makes the thread stand still at the next place where a normal kernel APC may run, until as many resumes have come. A
/// wait that it was in goes on then. Raises STATUS_SUSPEND_COUNT_EXCEEDED beyond 127. @returns the count before.
/// @irql <= DISPATCH_LEVEL; <= APC_LEVEL if the caller wants to catch the exception
NTKERNELAPI ULONG NTAPI KeSuspendThread(PKTHREAD Thread);
/// Takes one suspension back. @returns the count before; 0: it was not suspended. @irql <= DISPATCH_LEVEL
NTKERNELAPI ULONG NTAPI KeResumeThread(PKTHREAD Thread);
/// Takes all suspensions and freezes back, for a thread that shall end. @returns how many. @irql <= DISPATCH_LEVEL
NTKERNELAPI ULONG NTAPI KeForceResumeThread(PKTHREAD Thread);
/// Suspends all threads of the current process but the calling one, on top of other suspensions. In a critical region
/// afterwards until KeThawAllThreads: a thread that holds others still must not be held. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeFreezeAllThreads();
/// Takes KeFreezeAllThreads back. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeThawAllThreads();

/// Ends the thread's alertable wait, if it is in one, with STATUS_ALERTED; otherwise its next one will not wait.
/// @param AlertMode a user alert does not reach waits in kernel mode's name. @returns whether it was alerted already.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE AlertMode);
/// Alerts for kernel mode and resumes. @returns the suspend count before. @irql <= DISPATCH_LEVEL
NTKERNELAPI ULONG NTAPI KeAlertResumeThread(PKTHREAD Thread);
/// Takes the current thread's alert. For UserMode without an alert, user APCs that are queued become pending.
/// @returns whether it was alerted. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeTestAlertThread(KPROCESSOR_MODE AlertMode);

/// Runs the calling thread in another process's address space until KeUnstackDetachProcess; attachments nest.
/// @param ApcState the caller's, kept until then. @irql <= DISPATCH_LEVEL, not in a DPC
NTKERNELAPI void NTAPI KeStackAttachProcess(PKPROCESS Process, PRKAPC_STATE ApcState);
/// Takes it back. An APC that is still queued for the other address space is a bugcheck (INVALID_PROCESS_DETACH_ATTEMPT).
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeUnstackDetachProcess(PRKAPC_STATE ApcState);
/// The older pair, which does not nest: attaching twice is a bugcheck (INVALID_PROCESS_ATTACH_ATTEMPT).
NTKERNELAPI void NTAPI KeAttachProcess(PKPROCESS Process);
NTKERNELAPI void NTAPI KeDetachProcess();
/// @returns whether the calling thread is attached to another process. @irql any
NTKERNELAPI BOOLEAN NTAPI KeIsAttachedProcess();

/// The flags of a process (KPR-14), each changed in one interlocked step. @returns whether it was set. @irql any
NTKERNELAPI BOOLEAN NTAPI KeSetAutoAlignmentProcess(PKPROCESS Process, BOOLEAN Enable);
NTKERNELAPI BOOLEAN NTAPI KeSetDisableBoostProcess(PKPROCESS Process, BOOLEAN Disable);
NTKERNELAPI BOOLEAN NTAPI KeSetDisableQuantumProcess(PKPROCESS Process, BOOLEAN Disable);
}
