// Queued spin locks: the queue, and the ways to name a node of it.
//
// Invariants: the lock's word is the last node of the queue, 0 while the lock is free. The first node's processor has
// the lock. A node's Lock is the lock's address, with LOCK_QUEUE_WAIT while its processor waits, with LOCK_QUEUE_OWNER
// while it has the lock, with neither bit otherwise. Three processors write to a node: its own, the one behind it
// (Next) and the one before it (Lock). What checked builds verify is in lockchecks.cpp; lockqueue.cpp has the system's
// numbered locks.
// IRQL: >= DISPATCH_LEVEL while held.
// In the books: "queued spin locks", "instack queued spin locks". SYH-07, SYH-08
#include "ke/ki.h"

// The routines are what the annotations describe; their bodies are below the analysis.

namespace {

[[maybe_unused]] ULONG_PTR AddressOf(const void* pointer) { return reinterpret_cast<ULONG_PTR>(pointer); }

/// Returns when `node` is the first of the lock's queue: its processor has the lock.
///
/// - Processors get the lock in the order in which their nodes became the last one, also if several come at the same
///   moment.
/// - The node before this one finds it by its own Next. Next is nullptr while no processor is behind.
/// - A processor that waits reads its own node only. Each round of a spin in this file calls YieldProcessor.
/// - The node may be anything before the call: it is the caller's memory.
void Enqueue(PKSPIN_LOCK lock, PKSPIN_LOCK_QUEUE node) {
    // LAB(3.2) begin
    // Complete before it is the last: another processor may link itself behind it at once, and the one before it may
    // hand the lock over as soon as it sees the node.
    node->Next = nullptr;
    node->Lock = AddressOf(lock) | LOCK_QUEUE_WAIT;
    auto* const predecessor = reinterpret_cast<PKSPIN_LOCK_QUEUE>(InterlockedExchange(&lock->Value, AddressOf(node)));
    if (!predecessor) {
        node->Lock = AddressOf(lock) | LOCK_QUEUE_OWNER;
        return;
    }
    WritePointerRelease(&predecessor->Next, node);
    while ((ReadULongPtrAcquire(&node->Lock) & LOCK_QUEUE_WAIT) != 0)
        YieldProcessor();
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Takes the lock if it is free, and never waits. After a true answer node and lock are as after Enqueue. After a false
/// answer the lock is as before, no other processor has seen the node, and the node's Lock is the lock's address with
/// neither bit.
/// @returns whether the node is the first of the queue now
bool TryEnqueue(PKSPIN_LOCK lock, PKSPIN_LOCK_QUEUE node) {
    // LAB(3.2) begin
    node->Next = nullptr;
    node->Lock = AddressOf(lock) | LOCK_QUEUE_OWNER;
    if (lock->Value == 0 && InterlockedCompareExchange(&lock->Value, AddressOf(node), 0) == 0) return true;
    node->Lock = AddressOf(lock);
    return false;
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Gives the lock up. The processor behind has it then: its node's Lock says LOCK_QUEUE_OWNER. If no processor is
/// behind, the lock is free.
///
/// - A processor whose node is the last already gets the lock too, however late it writes its node's address into Next.
/// - On return the own node's Lock has neither bit, and no processor looks at the node any more: it may lie on a stack.
/// Callers rely on: the next holder sees everything that was written while this processor had the lock.
void Dequeue(PKSPIN_LOCK lock, PKSPIN_LOCK_QUEUE node) {
    // LAB(3.2) begin
    node->Lock = AddressOf(lock);
    PKSPIN_LOCK_QUEUE successor = ReadPointerAcquire(&node->Next);
    if (!successor) {
        if (InterlockedCompareExchange(&lock->Value, 0, AddressOf(node)) == AddressOf(node)) return;
        while ((successor = ReadPointerAcquire(&node->Next)) == nullptr)
            YieldProcessor(); // it is the tail already and about to link itself
    }
    WriteULongPtrRelease(&successor->Lock, AddressOf(lock) | LOCK_QUEUE_OWNER);
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

void Acquire(PKSPIN_LOCK lock, PKSPIN_LOCK_QUEUE node) {
    KiBeforeAcquireLock(lock);
    Enqueue(lock, node);
    KiAfterAcquireLock(lock);
}

void Release(PKSPIN_LOCK_QUEUE node) {
    PKSPIN_LOCK const lock = KeQueuedLockOf(node);
    KiBeforeReleaseLock(lock);
    Dequeue(lock, node);
}

/// This processor's node for a numbered lock. @irql >= DISPATCH_LEVEL, or the processor could change
PKSPIN_LOCK_QUEUE OwnNode(KSPIN_LOCK_QUEUE_NUMBER number) { return &KeGetCurrentPrcb()->LockQueue[number]; }

} // namespace

void FASTCALL KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock,
                                                       PKLOCK_QUEUE_HANDLE LockHandle) IMPLEMENTS_LOCK {
    Acquire(SpinLock, &LockHandle->LockQueue);
}

void FASTCALL KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle) IMPLEMENTS_LOCK {
    Release(&LockHandle->LockQueue);
}

void FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle) IMPLEMENTS_LOCK {
    LockHandle->OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    Acquire(SpinLock, &LockHandle->LockQueue);
}

void FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = LockHandle->OldIrql;
    Release(&LockHandle->LockQueue);
    KfLowerIrql(oldIrql);
}

void FASTCALL KeAcquireQueuedSpinLockAtDpcLevel(PKSPIN_LOCK_QUEUE LockQueue) IMPLEMENTS_LOCK {
    Acquire(KeQueuedLockOf(LockQueue), LockQueue);
}

void FASTCALL KeReleaseQueuedSpinLockFromDpcLevel(PKSPIN_LOCK_QUEUE LockQueue) IMPLEMENTS_LOCK { Release(LockQueue); }

KIRQL FASTCALL KeAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    Acquire(&KiQueuedSpinLock[Number], OwnNode(Number));
    return oldIrql;
}

BOOLEAN FASTCALL KeTryToAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number, KIRQL* OldIrql) IMPLEMENTS_LOCK {
    PKSPIN_LOCK const lock = &KiQueuedSpinLock[Number];
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    KiBeforeTryToAcquireLock(lock);
    if (!TryEnqueue(lock, OwnNode(Number))) {
        KfLowerIrql(oldIrql);
        return FALSE;
    }
    KiAfterAcquireLock(lock);
    *OldIrql = oldIrql;
    return TRUE;
}

void FASTCALL KeReleaseQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number, KIRQL OldIrql) IMPLEMENTS_LOCK {
    Release(OwnNode(Number));
    KfLowerIrql(OldIrql);
}
