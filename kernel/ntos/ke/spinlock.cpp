// Spin locks, the part that does not change the IRQL; the HAL's KfAcquireSpinLock is built on it.
//
// Test and test-and-set: the exchange that takes the lock also takes its cache line away from everybody else, so whoever
// finds the lock held only reads until it looks free, and then tries again. Nothing says who of the waiters comes next:
// queuedlock.cpp does.
// What checked builds verify is in lockchecks.cpp. IRQL: >= DISPATCH_LEVEL.
// In the books: "spin locks". SYH-05, SYH-02, HAL-08
#include "ke/ki.h"

namespace {
constexpr ULONG_PTR Free = 0;
constexpr ULONG_PTR Held = 1;
} // namespace

// The routines are what the annotations describe; their bodies are below the analysis.

void FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    KiBeforeAcquireLock(SpinLock);
    while (InterlockedExchange(&SpinLock->Value, Held) != Free) {
        while (SpinLock->Value != Free)
            YieldProcessor(); // reads its own cache's copy until the holder writes
    }
    KiAfterAcquireLock(SpinLock);
}

BOOLEAN FASTCALL KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    KiBeforeTryToAcquireLock(SpinLock);
    if (SpinLock->Value != Free || InterlockedExchange(&SpinLock->Value, Held) != Free) return FALSE;
    KiAfterAcquireLock(SpinLock);
    return TRUE;
}

void FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) NO_THREAD_SAFETY_ANALYSIS {
    KiBeforeReleaseLock(SpinLock);
    WriteULongPtrRelease(&SpinLock->Value, Free);
}

BOOLEAN FASTCALL KeTestSpinLock(PKSPIN_LOCK SpinLock) { return SpinLock->Value == Free; }
