// Private to ex: what the locks' files share.
//
// In the books: "executive resources". DSP-20
#pragma once

#include "ex.h"
#include "ke.h"

constexpr KPRIORITY ExpLockIncrement = 1;           ///< boost of a thread that a lock was handed to
constexpr ULONG ExpOwnerTag = EX_TAG("ReTa");       ///< owner tables
constexpr ULONG ExpWaiterTag = EX_TAG("ReWa");      ///< what threads wait for
constexpr ERESOURCE_THREAD ExpOwnerPointerBits = 3; ///< both set: the owner is a pointer, no thread

/// The entry of a shared owner: of `Thread`, or with 0 a free one. @returns nullptr if there is none.
POWNER_ENTRY ExpFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Thread) REQUIRES_(Resource->SpinLock);
/// Makes the table of owners larger; the caller, whose look for a free entry failed, looks again. @irql <= APC_LEVEL
void ExpGrowOwnerTable(PERESOURCE Resource) EXCLUDES_(Resource->SpinLock, AtDispatchLevel);
/// Makes SharedWaiters and ExclusiveWaiters for the first thread that must wait; the caller looks again whether it must.
/// @irql <= APC_LEVEL
void ExpMakeWaiters(PERESOURCE Resource) EXCLUDES_(Resource->SpinLock, AtDispatchLevel);
/// Frees them: nobody owns the resource or waits for it. @irql <= DISPATCH_LEVEL
void ExpDeleteWaiters(PERESOURCE Resource);
/// Waits until a releasing thread has handed the resource to this one, and lends the owners a priority if that takes
/// long. @param Waiters the resource's SharedWaiters or ExclusiveWaiters. @irql <= APC_LEVEL
void ExpWaitForResource(PERESOURCE Resource, PVOID Waiters) EXCLUDES_(Resource->SpinLock, AtDispatchLevel);
/// A release of something that its caller does not own stops the system.
[[noreturn]] void ExpResourceNotOwned(PERESOURCE Resource, ERESOURCE_THREAD Thread);

// The checked build's eyes (ke/lockgraph.h); nothing in the free build.

/// An APC routine must not find the lock held by the thread that it interrupted.
inline void ExpAssertApcsDisabled() { NT_ASSERT(KeAreApcsDisabled() || KeGetCurrentIrql() >= APC_LEVEL); }

/// Every acquisition begins with it.
inline void ExpBeginAcquire(PERESOURCE Resource, BOOLEAN Wait) {
    ExpAssertApcsDisabled();
    if (Wait) KeCheckLockOrder(Resource);
}
inline void ExpNoteAcquired(PERESOURCE Resource, BOOLEAN Exclusive) {
    KeNoteLockAcquired(Resource, KLOCK_KIND::Resource, Exclusive);
}
/// The event of a release that others wait for. Reads without the lock: what it tells is a hint.
inline void ExpTraceReleased(PERESOURCE Resource) NO_THREAD_SAFETY_ANALYSIS { // a hint
    const ULONG waiters = ULONG(Resource->NumberOfSharedWaiters) + ULONG(Resource->NumberOfExclusiveWaiters);
    const bool exclusive = (Resource->Flag & ResourceOwnedExclusive) != 0;
    if (waiters != 0) KeTraceLockRelease(Resource, KLOCK_KIND::Resource, exclusive, waiters);
}
/// Before the resource is given back, so that a record never says more than is true.
inline void ExpNoteReleased(PERESOURCE Resource, ERESOURCE_THREAD Thread) {
    ExpTraceReleased(Resource);
    if ((Thread & ExpOwnerPointerBits) != 0) return;
    if (!KeNoteLockReleased(Resource, reinterpret_cast<PKTHREAD>(Thread))) ExpResourceNotOwned(Resource, Thread);
}
inline void ExpNoteConverted(PERESOURCE Resource) { KeNoteLockShared(Resource); }

/// Every acquisition of a push lock that may wait begins with it.
inline void ExpBeginPushLock(PEX_PUSH_LOCK PushLock) { KeCheckLockOrder(PushLock); }
inline void ExpNotePushLock(PEX_PUSH_LOCK PushLock, BOOLEAN Exclusive) {
    ExpAssertApcsDisabled();
    KeNoteLockAcquired(PushLock, KLOCK_KIND::PushLock, Exclusive);
}
inline void ExpNotePushLockReleased(PEX_PUSH_LOCK PushLock) {
    const ULONG_PTR word = PushLock->Value;
    if ((word & EX_PUSH_LOCK_WAITING) != 0) // how many wait, only the list knows
        KeTraceLockRelease(PushLock, KLOCK_KIND::PushLock, (word & EX_PUSH_LOCK_MULTIPLE_SHARED) == 0, 1);
    const BOOLEAN owned = KeNoteLockReleased(PushLock, KeGetCurrentThread());
    NT_ASSERT(owned); // a push lock is released by a thread that owns it
    (void)owned;
}

/// Before the block is on the list. Its Exclusive is set.
inline void ExpPreparePushLockWait(PEX_PUSH_LOCK PushLock, PEX_PUSH_LOCK_WAIT_BLOCK Block) {
    KeInitializeGate(&Block->WakeGate);
    KeInitializeLockNote(&Block->Note, PushLock, KLOCK_KIND::PushLock, Block->Exclusive, &Block->WakeGate);
}
/// Sleeps until the block was taken off the list and its thread is woken.
inline void ExpWaitForPushLock(PEX_PUSH_LOCK, PEX_PUSH_LOCK_WAIT_BLOCK Block) EXCLUDES_(AtDispatchLevel) {
    KeBeginLockWait(&Block->Note);
    KeWaitForGate(&Block->WakeGate, KWAIT_REASON::Executive, KernelMode);
    KeEndLockWait(&Block->Note);
}
inline void ExpWakePushLockWaiter(PEX_PUSH_LOCK_WAIT_BLOCK Block) { KeSignalGateBoostPriority(&Block->WakeGate); }
