// Spin locks, the part that does not change the IRQL; the HAL's KfAcquireSpinLock is built on it.
//
// Checked builds know who holds what: a lock that its holder acquires again, that a processor frees without holding it,
// or that is taken against the order of ranks is a bugcheck at that place.
// IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks". SYH-05, SYH-02
#include "ke/ki.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG MaximumHeldLocks = sizeof(KPRCB::HeldLocks) / sizeof(KPRCB::HeldLocks[0]);

ULONG_PTR OwnerMark() { return KeGetCurrentProcessorNumber() + 1; }

/// Two locks of one rank may be held only by whoever takes the locks of two processors: the lower number first.
bool MayFollow(const KSPIN_LOCK* held, const KSPIN_LOCK* wanted) {
    if (held->Rank != wanted->Rank) return held->Rank < wanted->Rank;
    if (wanted->Rank != KLOCK_RANK::Prcb) return false;
    return CONTAINING_RECORD(held, KPRCB, PrcbLock)->Number < CONTAINING_RECORD(wanted, KPRCB, PrcbLock)->Number;
}

void CheckRank(const KSPIN_LOCK* wanted) {
    // Above DISPATCH_LEVEL the locks held may be those of interrupted code, which took them without knowing of this one.
    if (KeGetCurrentIrql() > DISPATCH_LEVEL) return;
    const KPRCB* const prcb = KeGetCurrentPrcb();
    for (ULONG i = 0; i < prcb->HeldLockCount; i++)
        NT_ASSERT(MayFollow(prcb->HeldLocks[i], wanted));
}

void PushHeldLock(KSPIN_LOCK* lock) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    NT_ASSERT(prcb->HeldLockCount < MaximumHeldLocks);
    const ULONG index = prcb->HeldLockCount++; // first: an interrupt between the two lines uses the place above
    prcb->HeldLocks[index] = lock;
}

void RemoveHeldLock(KSPIN_LOCK* lock) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    for (ULONG i = prcb->HeldLockCount; i-- > 0;) {
        if (prcb->HeldLocks[i] != lock) continue;
        for (ULONG j = i + 1; j < prcb->HeldLockCount; j++)
            prcb->HeldLocks[j - 1] = prcb->HeldLocks[j];
        prcb->HeldLockCount--;
        return;
    }
    NT_ASSERT(!"a held lock is on the processor's list");
}

void BeforeAcquire(KSPIN_LOCK* lock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (lock->Value == OwnerMark()) KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, reinterpret_cast<ULONG_PTR>(lock), 0, 0, 0);
    CheckRank(lock);
}

void BeforeRelease(KSPIN_LOCK* lock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (lock->Value != OwnerMark()) KeBugCheckEx(SPIN_LOCK_NOT_OWNED, reinterpret_cast<ULONG_PTR>(lock), 0, 0, 0);
    RemoveHeldLock(lock);
}

} // namespace
#else
namespace {
constexpr ULONG_PTR OwnerMark() { return 1; }
void BeforeAcquire(KSPIN_LOCK*) {}
void PushHeldLock(KSPIN_LOCK*) {}
void BeforeRelease(KSPIN_LOCK*) {}
} // namespace
#endif

// The two routines are what the annotations describe; their bodies are below the analysis.

void FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    BeforeAcquire(SpinLock);
    while (__atomic_exchange_n(&SpinLock->Value, OwnerMark(), __ATOMIC_ACQUIRE) != 0) {
        while (SpinLock->Value != 0)
            YieldProcessor(); // reads its own cache's copy until the holder writes
    }
    PushHeldLock(SpinLock);
}

void FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    BeforeRelease(SpinLock);
    __atomic_store_n(&SpinLock->Value, ULONG_PTR(0), __ATOMIC_RELEASE);
}
