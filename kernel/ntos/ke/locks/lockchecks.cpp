// Which processor holds which spin lock, in checked builds.
//
// A processor writes only its own list, and an interrupt leaves the list as it found it.
// IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks", "checked build". SYH-05, SYH-07, SYH-02
#include "ke/ki.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG MaximumHeldLocks = sizeof(KPRCB::HeldLocks) / sizeof(KPRCB::HeldLocks[0]);

/// Two locks of one rank may be held only where a routine takes the locks of two processors: the lower number first.
bool MayFollow(const KHELD_SPIN_LOCK& held, const KSPIN_LOCK* wanted, KLOCK_RANK wantedRank) {
    if (held.Rank != wantedRank) return held.Rank < wantedRank;
    if (wantedRank != KLOCK_RANK::Prcb) return false;
    return CONTAINING_RECORD(held.Lock, KPRCB, PrcbLock)->Number < CONTAINING_RECORD(wanted, KPRCB, PrcbLock)->Number;
}

void CheckRank(const KSPIN_LOCK* wanted, KLOCK_RANK rank) {
    // Above DISPATCH_LEVEL the locks held may be those of interrupted code, which took them without knowing of this one.
    if (KeGetCurrentIrql() > DISPATCH_LEVEL || KiSpinLockRanksAreLost()) return;
    const KPRCB* const prcb = KeGetCurrentPrcb();
    for (ULONG i = 0; i < prcb->HeldLockCount; i++)
        NT_ASSERT(MayFollow(prcb->HeldLocks[i], wanted, rank));
}

/// A list grows at its end, and a place that no lock is in is empty: so another processor may read it at any time.
bool IsHeldBy(const KPRCB& prcb, const KSPIN_LOCK* lock) {
    const ULONG count = prcb.HeldLockCount;
    for (ULONG i = 0; i < count; i++) {
        if (prcb.HeldLocks[i].Lock == lock) return true;
    }
    return false;
}

void RemoveHeldLock(const KSPIN_LOCK* lock) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    ULONG i = prcb->HeldLockCount - 1;
    while (prcb->HeldLocks[i].Lock != lock)
        i--;
    for (; i + 1 < prcb->HeldLockCount; i++)
        prcb->HeldLocks[i] = prcb->HeldLocks[i + 1];
    prcb->HeldLocks[i].Lock = nullptr;
    prcb->HeldLockCount = i;
}

} // namespace

const KPRCB* KiSpinLockHolder(const KSPIN_LOCK* SpinLock) {
    for (const KPRCB* prcb : KiProcessorBlock) {
        if (!prcb) break; // the block is filled from its front
        if (IsHeldBy(*prcb, SpinLock)) return prcb;
    }
    return nullptr;
}

void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (IsHeldBy(*KeGetCurrentPrcb(), SpinLock))
        KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, reinterpret_cast<ULONG_PTR>(SpinLock), 0, 0, 0);
    CheckRank(SpinLock, Rank);
}

void KiBeforeAcquireLock(PKSPIN_LOCK SpinLock) { KiBeforeAcquireLock(SpinLock, KiSpinLockRank(SpinLock)); }

void KiBeforeTryToAcquireLock(PKSPIN_LOCK) { NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL); }

void KiAfterAcquireLock(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    NT_ASSERT(!KiSpinLockHolder(SpinLock)); // else two processors hold it
    NT_ASSERT(prcb->HeldLockCount < MaximumHeldLocks);
    const ULONG index = prcb->HeldLockCount;
    prcb->HeldLockCount = index + 1; // first: an interrupt before the next line uses the place above
    prcb->HeldLocks[index].Rank = Rank;
    prcb->HeldLocks[index].Lock = SpinLock;
}

void KiAfterAcquireLock(PKSPIN_LOCK SpinLock) { KiAfterAcquireLock(SpinLock, KiSpinLockRank(SpinLock)); }

void KiBeforeReleaseLock(PKSPIN_LOCK SpinLock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (!IsHeldBy(*KeGetCurrentPrcb(), SpinLock)) {
        const KPRCB* const holder = KiSpinLockHolder(SpinLock);
        KeBugCheckEx(SPIN_LOCK_NOT_OWNED, reinterpret_cast<ULONG_PTR>(SpinLock), holder ? holder->Number + 1 : 0, 0, 0);
    }
    RemoveHeldLock(SpinLock);
}
#endif
