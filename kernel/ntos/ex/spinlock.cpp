// Executive spin locks.
//
// IRQL: >= DISPATCH_LEVEL while held.
// In the books: "executive spin locks". SYH-06
#include "ex/spinlock.h"

#include "ke.h"

namespace {

LONG Word(ULONG bits) { return static_cast<LONG>(bits); }

/// Changes the word from `seen` to `wanted`. @returns whether no other processor was faster
bool Change(PEX_SPIN_LOCK lock, ULONG seen, ULONG wanted) {
    return InterlockedCompareExchange(&lock->Value, Word(wanted), Word(seen)) == Word(seen);
}

ULONG Read(const EX_SPIN_LOCK* lock) { return ULONG(ReadAcquire(&lock->Value)); }

void AcquireShared(PEX_SPIN_LOCK lock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    for (;;) {
        const ULONG seen = Read(lock);
        const bool writer = (seen & (EX_SPIN_LOCK_EXCLUSIVE | EX_SPIN_LOCK_WAITING)) != 0;
        if (!writer && Change(lock, seen, seen + 1)) return;
        YieldProcessor();
    }
}

void ReleaseShared(PEX_SPIN_LOCK lock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if ((Read(lock) & EX_SPIN_LOCK_READERS) == 0)
        KeBugCheckEx(SPIN_LOCK_NOT_OWNED, reinterpret_cast<ULONG_PTR>(lock), Read(lock), 0, 0);
    InterlockedDecrement(&lock->Value);
}

void AcquireExclusive(PEX_SPIN_LOCK lock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    for (;;) {
        const ULONG seen = Read(lock);
        const bool taken = (seen & ~EX_SPIN_LOCK_WAITING) != 0;
        if (!taken) {
            if (Change(lock, seen, EX_SPIN_LOCK_EXCLUSIVE)) return;
        } else if (!(seen & EX_SPIN_LOCK_WAITING)) {
            InterlockedOr(&lock->Value, Word(EX_SPIN_LOCK_WAITING));
        }
        YieldProcessor();
    }
}

void ReleaseExclusive(PEX_SPIN_LOCK lock) {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    if (!(Read(lock) & EX_SPIN_LOCK_EXCLUSIVE))
        KeBugCheckEx(SPIN_LOCK_NOT_OWNED, reinterpret_cast<ULONG_PTR>(lock), Read(lock), 0, 0);
    InterlockedAnd(&lock->Value, Word(~EX_SPIN_LOCK_EXCLUSIVE)); // a writer that waits keeps its bit
}

} // namespace

// The routines are what the annotations describe; their bodies are below the analysis.
extern "C" {

KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    AcquireShared(SpinLock);
    return oldIrql;
}

void NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql) IMPLEMENTS_LOCK {
    ReleaseShared(SpinLock);
    KfLowerIrql(OldIrql);
}

void NTAPI ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK { AcquireShared(SpinLock); }

void NTAPI ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK { ReleaseShared(SpinLock); }

KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    AcquireExclusive(SpinLock);
    return oldIrql;
}

void NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql) IMPLEMENTS_LOCK {
    ReleaseExclusive(SpinLock);
    KfLowerIrql(OldIrql);
}

void NTAPI ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK { AcquireExclusive(SpinLock); }

void NTAPI ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    ReleaseExclusive(SpinLock);
}

BOOLEAN NTAPI ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    for (;;) {
        const ULONG seen = Read(SpinLock);
        NT_ASSERT((seen & EX_SPIN_LOCK_READERS) != 0); // the caller is one
        if ((seen & EX_SPIN_LOCK_READERS) != 1) return FALSE;
        if (Change(SpinLock, seen, (seen & EX_SPIN_LOCK_WAITING) | EX_SPIN_LOCK_EXCLUSIVE)) return TRUE;
    }
}
}
