// Fast mutexes: the common mutex at APC_LEVEL, with an event for threads that wait.
//
// IRQL: <= APC_LEVEL; the safe routines hold the mutex at APC_LEVEL, so that no APC finds it held by its own thread.
// In the books: "fast mutexes and guarded mutexes". DSP-18
#include "ex/countedmutex.h"

namespace {

struct FAST {
    static constexpr KLOCK_KIND Kind = KLOCK_KIND::FastMutex;
    static PVOID Object(FAST_MUTEX* mutex) { return &mutex->Event; }
    static void Sleep(FAST_MUTEX* mutex) EXCLUDES_(AtDispatchLevel) {
        (void)KeWaitForSingleObject(&mutex->Event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    }
    static void Wake(FAST_MUTEX* mutex) { KeSetEvent(&mutex->Event, ExpLockIncrement, FALSE); }
    static void BeforeAcquire() { ExpAssertApcsDisabled(); }
    static void Acquired(FAST_MUTEX*) {}
    static void BeforeRelease(FAST_MUTEX*) {}
};

} // namespace

void NTAPI ExInitializeFastMutex(PFAST_MUTEX FastMutex) {
    nt::InitializeMutex(FastMutex);
    FastMutex->OldIrql = PASSIVE_LEVEL;
    KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
}

void FASTCALL ExAcquireFastMutex(PFAST_MUTEX FastMutex) {
    const KIRQL oldIrql = KfRaiseIrql(APC_LEVEL);
    nt::AcquireMutex<FAST>(FastMutex);
    FastMutex->OldIrql = oldIrql;
}

BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex) {
    const KIRQL oldIrql = KfRaiseIrql(APC_LEVEL);
    if (!nt::TryToAcquireMutex<FAST>(FastMutex)) {
        KfLowerIrql(oldIrql);
        return FALSE;
    }
    FastMutex->OldIrql = oldIrql;
    return TRUE;
}

void FASTCALL ExReleaseFastMutex(PFAST_MUTEX FastMutex) {
    NT_ASSERT(KeGetCurrentIrql() == APC_LEVEL);
    const KIRQL oldIrql = FastMutex->OldIrql; // afterwards the field is the next owner's
    nt::ReleaseMutex<FAST>(FastMutex);
    KfLowerIrql(oldIrql);
}

void FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex) { nt::AcquireMutex<FAST>(FastMutex); }

void FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex) { nt::ReleaseMutex<FAST>(FastMutex); }
