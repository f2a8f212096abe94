// Which processor holds which spin lock, in checked builds.
//
// A processor writes only its own list, and an interrupt leaves the list as it found it.
// IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks", "checked build". SYH-05, SYH-07, SYH-02
#include "ke/ki.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG MaximumHeldLocks = sizeof(KPRCB::HeldLocks) / sizeof(KPRCB::HeldLocks[0]);

UCHAR OwnerMark() { return UCHAR(KeGetCurrentProcessorNumber() + 1); }

/// Two locks of one rank may be held only where a routine takes the locks of two processors: the lower number first.
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

void RemoveHeldLock(const KSPIN_LOCK* lock) {
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

} // namespace

void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (SpinLock->Owner == OwnerMark())
        KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, reinterpret_cast<ULONG_PTR>(SpinLock), 0, 0, 0);
    CheckRank(SpinLock);
}

void KiBeforeTryToAcquireLock(PKSPIN_LOCK) { NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL); }

void KiAfterAcquireLock(PKSPIN_LOCK SpinLock) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    NT_ASSERT(SpinLock->Owner == 0); // else two processors hold it
    NT_ASSERT(prcb->HeldLockCount < MaximumHeldLocks);
    SpinLock->Owner = OwnerMark();
    const ULONG index = prcb->HeldLockCount++; // first: an interrupt between the two lines uses the place above
    prcb->HeldLocks[index] = SpinLock;
}

void KiBeforeReleaseLock(PKSPIN_LOCK SpinLock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (SpinLock->Owner != OwnerMark())
        KeBugCheckEx(SPIN_LOCK_NOT_OWNED, reinterpret_cast<ULONG_PTR>(SpinLock), SpinLock->Owner, 0, 0);
    RemoveHeldLock(SpinLock);
    SpinLock->Owner = 0;
}
#endif
