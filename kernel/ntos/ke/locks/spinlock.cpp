// Spin locks, the part that does not change the IRQL; the HAL's KfAcquireSpinLock is built on it.
//
// Test and test-and-set: the exchange that takes the lock also takes its cache line away from the others, so a processor that
// finds the lock held only reads until it looks free, and then tries again. Nothing says who of the waiters comes next:
// queuedlock.cpp does.
// What checked builds verify is in lockchecks.cpp. IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks". SYH-05, SYH-02, HAL-08
#include "ke/ki.h"

namespace {
[[maybe_unused]] constexpr ULONG_PTR Free = 0;
[[maybe_unused]] constexpr ULONG_PTR Held = 1;
} // namespace

// The routines are what the annotations describe; their bodies are below the analysis.

/// Spins until the lock is this processor's. The IRQL is not changed.
///
/// - Test and test-and-set: an exchange that finds the lock Free has taken it; while it is Held, only read (and let the
///   processor know with YieldProcessor), and exchange again when it looks free.
/// - KiBeforeAcquireLock comes first and KiAfterAcquireLock last: checked builds know with them who holds what.
/// Callers rely on: everything that the former holder wrote is seen after it.
void FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
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

/// Takes the lock if it is free, without spinning; KiBeforeTryToAcquireLock first, KiAfterAcquireLock if it was.
/// @returns whether this processor has it now
BOOLEAN FASTCALL KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    // LAB(3.2) begin
    KiBeforeTryToAcquireLock(SpinLock);
    if (SpinLock->Value != Free || InterlockedExchange(&SpinLock->Value, Held) != Free) return FALSE;
    KiAfterAcquireLock(SpinLock);
    return TRUE;
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Frees the lock: KiBeforeReleaseLock, then a store with release semantics (WriteULongPtrRelease).
/// Callers rely on: the next holder sees everything that was written under it.
void FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    // LAB(3.2) begin
    KiBeforeReleaseLock(SpinLock);
    WriteULongPtrRelease(&SpinLock->Value, Free);
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

BOOLEAN FASTCALL KeTestSpinLock(PKSPIN_LOCK SpinLock) { return SpinLock->Value == Free; }
