// Spin locks, the part that does not change the IRQL; the HAL's KfAcquireSpinLock is built on it.
//
// A processor that writes to the lock takes the lock's cache line away from all the others, the holder included.
// Nothing says which of the waiting processors is the next holder: queuedlock.cpp does. What checked builds verify is
// in lockchecks.cpp. IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks". SYH-05, SYH-02, HAL-08
#include "ke/ki.h"

namespace {
[[maybe_unused]] constexpr ULONG_PTR Free = 0;
[[maybe_unused]] constexpr ULONG_PTR Held = 1;
} // namespace

// The routines are what the annotations describe; their bodies are below the analysis.

/// Returns when the lock is this processor's (its word is Held). The IRQL is not changed.
///
/// - Of several processors that want a free lock at the same moment, one gets it.
/// - A processor that waits writes nothing to the lock while it is held, and calls YieldProcessor in each round.
/// - Checked builds know the holders: KiBeforeAcquireLock says that this processor wants the lock, before it may have
///   to wait; KiAfterAcquireLock says that it has the lock.
/// Callers rely on: this processor sees everything that the former holder wrote.
void FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    // LAB(3.2) begin
    KiBeforeAcquireLock(SpinLock);
    while (InterlockedExchange(&SpinLock->Value, Held) != Free) {
        while (SpinLock->Value != Free)
            YieldProcessor(); // reads its own cache's copy until the holder writes
    }
    KiAfterAcquireLock(SpinLock);
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Takes the lock if it is free, and never waits. A FALSE answer has changed nothing: the lock is its holder's as
/// before. KiBeforeTryToAcquireLock says that this processor wants the lock, KiAfterAcquireLock that it has it.
/// @returns whether this processor has the lock now
BOOLEAN FASTCALL KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    // LAB(3.2) begin
    KiBeforeTryToAcquireLock(SpinLock);
    if (SpinLock->Value != Free || InterlockedExchange(&SpinLock->Value, Held) != Free) return FALSE;
    KiAfterAcquireLock(SpinLock);
    return TRUE;
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Frees the lock. KiBeforeReleaseLock is told while this processor still has it.
/// Callers rely on: the next holder sees everything that was written while this processor had the lock (nt/atomic.h
/// says which stores keep that promise).
void FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    // LAB(3.2) begin
    KiBeforeReleaseLock(SpinLock);
    WriteULongPtrRelease(&SpinLock->Value, Free);
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

BOOLEAN FASTCALL KeTestSpinLock(PKSPIN_LOCK SpinLock) { return SpinLock->Value == Free; }
