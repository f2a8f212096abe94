// Queued spin locks: the queue, and the ways to name a node of it.
//
// Order matters in three places. A node is complete before the exchange makes it the tail, for the next processor may
// link itself behind it at once. The WAIT bit is set before the predecessor can see the node, or its hand-over would be
// overwritten. And an empty Next does not tell the holder, as it frees the lock, that no processor waits: a successor may have
// become the tail and not have linked itself yet.
// What checked builds verify is in lockchecks.cpp; lockqueue.cpp has the system's numbered locks.
// IRQL: >= DISPATCH_LEVEL while held.
// In the books: "queued spin locks", "instack queued spin locks". SYH-07, SYH-08
#include "ke/ki.h"

// The routines are what the annotations describe; their bodies are below the analysis.

namespace {

[[maybe_unused]] ULONG_PTR AddressOf(const void* pointer) { return reinterpret_cast<ULONG_PTR>(pointer); }

/// Puts the node at the end of the lock's queue and spins until it is the first.
///
/// - KSPIN_LOCK::Value is the last node of the queue, 0: the lock is free. An exchange makes `node` the last and says who
///   was before it.
/// - Nobody: the lock is ours. Somebody: he must find us through his Next, and we spin on our own node. Every spin in this
///   file lets the processor know (YieldProcessor).
/// - KSPIN_LOCK_QUEUE::Lock is the lock's address, with LOCK_QUEUE_WAIT while the node waits and LOCK_QUEUE_OWNER while it
///   owns the lock; Next is nullptr while nobody is behind.
/// Read above, in what order these things must happen.
void Enqueue(PKSPIN_LOCK lock, PKSPIN_LOCK_QUEUE node) {
    // LAB(3.2) begin
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

/// Makes the node the queue's only one, if nobody has the lock. Otherwise nobody can find the node, and its Lock has no
/// bit set. @returns whether it had worked
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

/// Takes the first node out of the queue and passes the lock on to the next: LOCK_QUEUE_OWNER instead of LOCK_QUEUE_WAIT
/// in *his* node. Without a successor the lock becomes free. Afterwards the own node's Lock has no bit set, and nobody
/// looks at the node any more: it may lie on a stack.
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
                                                       PKLOCK_QUEUE_HANDLE LockHandle) NO_THREAD_SAFETY_ANALYSIS {
    Acquire(SpinLock, &LockHandle->LockQueue);
}

void FASTCALL KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle) NO_THREAD_SAFETY_ANALYSIS {
    Release(&LockHandle->LockQueue);
}

void FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock,
                                             PKLOCK_QUEUE_HANDLE LockHandle) NO_THREAD_SAFETY_ANALYSIS {
    LockHandle->OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    Acquire(SpinLock, &LockHandle->LockQueue);
}

void FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle) NO_THREAD_SAFETY_ANALYSIS {
    const KIRQL oldIrql = LockHandle->OldIrql;
    Release(&LockHandle->LockQueue);
    KfLowerIrql(oldIrql);
}

void FASTCALL KeAcquireQueuedSpinLockAtDpcLevel(PKSPIN_LOCK_QUEUE LockQueue) NO_THREAD_SAFETY_ANALYSIS {
    Acquire(KeQueuedLockOf(LockQueue), LockQueue);
}

void FASTCALL KeReleaseQueuedSpinLockFromDpcLevel(PKSPIN_LOCK_QUEUE LockQueue) NO_THREAD_SAFETY_ANALYSIS {
    Release(LockQueue);
}

KIRQL FASTCALL KeAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number) NO_THREAD_SAFETY_ANALYSIS {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    Acquire(&KiQueuedSpinLock[Number], OwnNode(Number));
    return oldIrql;
}

BOOLEAN FASTCALL KeTryToAcquireQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number,
                                              KIRQL* OldIrql) NO_THREAD_SAFETY_ANALYSIS {
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

void FASTCALL KeReleaseQueuedSpinLock(KSPIN_LOCK_QUEUE_NUMBER Number, KIRQL OldIrql) NO_THREAD_SAFETY_ANALYSIS {
    Release(OwnNode(Number));
    KfLowerIrql(OldIrql);
}
