// Asynchronous procedure calls: a routine that runs in a particular thread, at the next moment that allows it.
//
// A special kernel APC (no NormalRoutine) runs its KernelRoutine at APC_LEVEL as soon as the thread runs below APC_LEVEL.
// A normal kernel APC then runs its NormalRoutine at PASSIVE_LEVEL too, but not while another one is in progress and not
// in a critical region. A user APC waits until its thread waits alertably in user mode's name.
// A thread that waits below APC_LEVEL is woken for a kernel APC that it may take, runs it, and waits on: the caller of
// KeWaitXxx notices nothing but the time. It is woken for a user APC or an alert, and told so, only if it waits alertably.
//
// Invariants: an APC is on one queue exactly while Inserted; on the kernel queue special APCs stand before normal ones,
// each kind in the order of insertion. KernelApcPending is set whenever something was queued that no delivery has looked
// at yet; what a region holds back is looked at when the region ends.
// Locks: KTHREAD::ApcQueueLock guards a thread's queues; order: ApcQueueLock, KiDispatcherLock, PrcbLock. The counts of
// regions belong to their thread alone. IRQL: as each routine says.
// In the books: "software interrupts: asynchronous procedure calls", "critical regions and guarded regions".
// INT-10..12, INT-14, INT-15
#pragma once

#include "ke/dispatcher.h"
#include "ke/spinlock.h"

struct KAPC;
using PKAPC = KAPC*;

/// What an APC finally does. @irql PASSIVE_LEVEL
using KNORMAL_ROUTINE = void NTAPI(PVOID NormalContext, PVOID SystemArgument1, PVOID SystemArgument2);
using PKNORMAL_ROUTINE = KNORMAL_ROUTINE*;
/// Runs first, in the target thread, when the APC is off its queue: it may free the APC, queue it again, and change what
/// will be called and with what. @irql APC_LEVEL
using KKERNEL_ROUTINE = void NTAPI(PKAPC Apc, PKNORMAL_ROUTINE* NormalRoutine, PVOID* NormalContext,
                                   PVOID* SystemArgument1, PVOID* SystemArgument2);
using PKKERNEL_ROUTINE = KKERNEL_ROUTINE*;
/// Called instead, by the ending thread, for an APC that was still queued. @irql PASSIVE_LEVEL
using KRUNDOWN_ROUTINE = void NTAPI(PKAPC Apc);
using PKRUNDOWN_ROUTINE = KRUNDOWN_ROUTINE*;

/// In which address space an APC shall run: while its thread is attached to another process, the original one has to wait.
enum class KAPC_ENVIRONMENT : UCHAR {
    OriginalApcEnvironment = 0, ///< in the thread's own process
    AttachedApcEnvironment = 1, ///< in the process that it is attached to
    CurrentApcEnvironment = 2,  ///< where it is when the APC is made
    InsertApcEnvironment = 3,   ///< where it is when the APC is queued
};
inline constexpr KAPC_ENVIRONMENT OriginalApcEnvironment = KAPC_ENVIRONMENT::OriginalApcEnvironment;
inline constexpr KAPC_ENVIRONMENT AttachedApcEnvironment = KAPC_ENVIRONMENT::AttachedApcEnvironment;
inline constexpr KAPC_ENVIRONMENT CurrentApcEnvironment = KAPC_ENVIRONMENT::CurrentApcEnvironment;
inline constexpr KAPC_ENVIRONMENT InsertApcEnvironment = KAPC_ENVIRONMENT::InsertApcEnvironment;

/// An asynchronous procedure call: routines that a certain thread is to run.
/// shared: ApcListEntry, Inserted, ApcStateIndex and the system arguments under the thread's ApcQueueLock; the rest is
/// fixed when it is made
struct KAPC {
    UCHAR Type; ///< 18, as debuggers show it
    UCHAR SpareByte0;
    UCHAR Size;
    UCHAR SpareByte1;
    ULONG SpareLong0;
    KTHREAD* Thread;
    LIST_ENTRY ApcListEntry;
    PKKERNEL_ROUTINE KernelRoutine;
    PKRUNDOWN_ROUTINE RundownRoutine; ///< nullptr: the APC is a pool block to free
    PKNORMAL_ROUTINE NormalRoutine;   ///< nullptr: a special kernel APC
    PVOID NormalContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    KAPC_ENVIRONMENT ApcStateIndex;
    KPROCESSOR_MODE ApcMode;
    volatile BOOLEAN Inserted; ///< on a queue
};
PUBLIC_SIZE(KAPC, 48);
PUBLIC_OFFSET(KAPC, Inserted, 46);

/// Which process's address space a thread runs in, and its queued APCs.
/// shared: the lists under ApcQueueLock; the pending flags are also set by others without it; Process and
/// KernelApcInProgress are the thread's own
struct KAPC_STATE {
    LIST_ENTRY ApcListHead[2]; ///< of KAPC::ApcListEntry, kernel mode and user mode
    KPROCESS* Process;
    BOOLEAN KernelApcInProgress;       ///< a normal kernel APC's NormalRoutine runs: no second one
    volatile BOOLEAN KernelApcPending; ///< a delivery has something to look at
    volatile BOOLEAN UserApcPending;   ///< the thread shall take its user APCs when it goes to user mode
};
using PKAPC_STATE = KAPC_STATE*;
using PRKAPC_STATE = KAPC_STATE*;

extern "C" {

/// Makes an APC for one thread. @param KernelRoutine always given. @param RundownRoutine nullptr if the APC is a pool
/// block that may simply be freed. @param NormalRoutine nullptr makes a special kernel APC. @param ApcMode, NormalContext
/// mean something only with a NormalRoutine. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment,
                                       PKKERNEL_ROUTINE KernelRoutine, PKRUNDOWN_ROUTINE RundownRoutine,
                                       PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE ApcMode, PVOID NormalContext);
/// Queues the APC to its thread. @param Increment priority boost if a wait ends for it. @returns FALSE if it is queued
/// already or its thread is ending. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2,
                                           KPRIORITY Increment);
/// Takes the APC off its queue. @returns FALSE if it was on none: it runs, ran, or was never queued.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeRemoveQueueApc(PKAPC Apc);
/// Empties a queue. @returns the ApcListEntry of its first APC, in a ring without a head of all that were on it; nullptr
/// if there were none. @irql <= DISPATCH_LEVEL
NTKERNELAPI PLIST_ENTRY NTAPI KeFlushQueueApc(PKTHREAD Thread, KPROCESSOR_MODE ApcMode);
/// From now on no APC is queued to the thread: it ends. @returns whether it was possible before. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeDisableApcQueuingThread(PKTHREAD Thread);
/// What the current thread does with its APCs before it ends: none is queued any more, and each that is left is run down.
/// @param Free for those without a RundownRoutine. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI KeRundownApcQueues(PKRUNDOWN_ROUTINE Free);

/// Begins a critical region: normal kernel APCs (so suspension and termination) of the current thread wait until its end.
/// Regions nest. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeEnterCriticalRegion() EXCLUDES_(AtDispatchLevel);
/// Ends it; the end of the outermost one delivers what waited. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeLeaveCriticalRegion() EXCLUDES_(AtDispatchLevel);
/// Begins a guarded region: no APC at all of the current thread runs until its end. Regions nest. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeEnterGuardedRegion() EXCLUDES_(AtDispatchLevel);
/// Ends it; the end of the outermost one delivers what waited. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI KeLeaveGuardedRegion() EXCLUDES_(AtDispatchLevel);
/// @returns whether normal kernel APCs of the current thread are held back by a region. @irql <= APC_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeAreApcsDisabled();
/// @returns whether every APC of the current thread is held back: by a guarded region or by the IRQL. @irql any
NTKERNELAPI BOOLEAN NTAPI KeAreAllApcsDisabled();
}

namespace nt {

/// A critical region for the guard's life.
class CriticalRegionGuard {
public:
    CriticalRegionGuard() { KeEnterCriticalRegion(); }
    ~CriticalRegionGuard() { KeLeaveCriticalRegion(); }
    CriticalRegionGuard(const CriticalRegionGuard&) = delete;
    CriticalRegionGuard& operator=(const CriticalRegionGuard&) = delete;
};

/// A guarded region for the guard's life.
class GuardedRegionGuard {
public:
    GuardedRegionGuard() { KeEnterGuardedRegion(); }
    ~GuardedRegionGuard() { KeLeaveGuardedRegion(); }
    GuardedRegionGuard(const GuardedRegionGuard&) = delete;
    GuardedRegionGuard& operator=(const GuardedRegionGuard&) = delete;
};

} // namespace nt
