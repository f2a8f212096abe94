// Guarded mutexes: the common mutex in a guarded region, with a gate for threads that wait.
//
// IRQL: <= APC_LEVEL.
// In the books: "fast mutexes and guarded mutexes", "guarded regions". DSP-19
#include "ex/countedmutex.h"

namespace {

struct GUARDED {
    static constexpr KLOCK_KIND Kind = KLOCK_KIND::GuardedMutex;
    static PVOID Object(KGUARDED_MUTEX* mutex) { return &mutex->Gate; }
    static void Sleep(KGUARDED_MUTEX* mutex) EXCLUDES_(AtDispatchLevel) {
        KeWaitForGate(&mutex->Gate, KWAIT_REASON::Executive, KernelMode);
    }
    static void Wake(KGUARDED_MUTEX* mutex) { KeSignalGateBoostPriority(&mutex->Gate); }
    static void BeforeAcquire() { NT_ASSERT(KeAreAllApcsDisabled()); }
    static void Acquired(KGUARDED_MUTEX* mutex) {
        mutex->KernelApcDisable = KeGetCurrentThread()->KernelApcDisable;
        mutex->SpecialApcDisable = KeGetCurrentThread()->SpecialApcDisable;
    }
    static void BeforeRelease([[maybe_unused]] KGUARDED_MUTEX* mutex) {
        [[maybe_unused]] const KTHREAD* const thread = KeGetCurrentThread();
        // Regions nest like the mutexes inside them.
        NT_ASSERT(mutex->SpecialApcDisable == thread->SpecialApcDisable);
        NT_ASSERT(KeAreAllApcsDisabled());
    }
};

} // namespace

void FASTCALL KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex) {
    nt::InitializeMutex(Mutex);
    KeInitializeGate(&Mutex->Gate);
}

void FASTCALL KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) {
    KeEnterGuardedRegion();
    nt::AcquireMutex<GUARDED>(Mutex);
}

BOOLEAN FASTCALL KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) {
    KeEnterGuardedRegion();
    if (nt::TryToAcquireMutex<GUARDED>(Mutex)) return TRUE;
    KeLeaveGuardedRegion();
    return FALSE;
}

void FASTCALL KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex) {
    nt::ReleaseMutex<GUARDED>(Mutex);
    KeLeaveGuardedRegion();
}

void FASTCALL KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) { nt::AcquireMutex<GUARDED>(Mutex); }

void FASTCALL KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) { nt::ReleaseMutex<GUARDED>(Mutex); }
