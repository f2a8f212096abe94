// Planted deadlocks: routines for a host that looks at what the checked build says of them.
// (kernel/tests/python/test_deadlock.py calls each by itself and reads the console.) The free build waits for ever.
// DSP-04, DSP-20, TOL-06
#include "ex.h"
#include "ps.h"

#include "guest_main.h"

namespace {

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

void Start(PCSTR name, PKSTART_ROUTINE routine) { (void)PsStartSystemThread(nullptr, name, 9, routine, nullptr); }

ERESOURCE First;
ERESOURCE Second;
ERESOURCE Upper; // of the orderly threads: First and Second may be in a circle for ever
ERESOURCE Lower;
KMUTANT Mutant;
FAST_MUTEX Mutex;

void Prepare() {
    (void)ExInitializeResourceLite(&First);
    (void)ExInitializeResourceLite(&Second);
    KeInitializeMutant(&Mutant, FALSE);
    ExInitializeFastMutex(&Mutex);
}

__attribute__((noinline)) void TakeExclusive(PERESOURCE resource) { ExAcquireResourceExclusiveLite(resource, TRUE); }

void NTAPI LeftThread(PVOID) {
    nt::CriticalRegionGuard region;
    TakeExclusive(&First);
    Sleep(20);
    TakeExclusive(&Second);
}

void NTAPI RightThread(PVOID) {
    nt::CriticalRegionGuard region;
    TakeExclusive(&Second);
    Sleep(40);
    TakeExclusive(&First);
}

void NTAPI ReaderThread(PVOID) {
    nt::CriticalRegionGuard region;
    ExAcquireResourceSharedLite(&First, TRUE);
    Sleep(20);
    ExAcquireFastMutex(&Mutex);
}

void NTAPI MutexThread(PVOID) {
    ExAcquireFastMutex(&Mutex);
    Sleep(40);
    (void)KeWaitForSingleObject(&Mutant, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

void NTAPI MutantThread(PVOID) {
    nt::CriticalRegionGuard region;
    (void)KeWaitForSingleObject(&Mutant, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    Sleep(60);
    TakeExclusive(&First);
}

// When every other thread has left, nobody changes it any more.
bool IsOwned(const ERESOURCE& resource) {
    nt::AssumeSnapshot(resource.SpinLock);
    return resource.ActiveCount != 0;
}
ULONG WaitsFor(const ERESOURCE& resource) {
    nt::AssumeSnapshot(resource.SpinLock);
    return resource.ContentionCount;
}

} // namespace

extern "C" {

/// Two resources in opposite order.
void NTAPI PlantTwoResources() {
    Prepare();
    Start("Left", LeftThread);
    Start("Right", RightThread);
    Sleep(2000);
}

/// A shared resource, a fast mutex and a mutant, three threads.
void NTAPI PlantThreeKinds() {
    Prepare();
    Start("Reader", ReaderThread);
    Start("Mutex", MutexThread);
    Start("Mutant", MutantThread);
    Sleep(2000);
}

/// The same locks in the same order everywhere, with long waits: no deadlock.
void NTAPI PlantNone() {
    constexpr LONG threads = 3;
    static KSEMAPHORE ended;
    (void)ExInitializeResourceLite(&Upper);
    (void)ExInitializeResourceLite(&Lower);
    KeInitializeSemaphore(&ended, 0, threads);
    for (LONG i = 0; i < threads; i++) {
        Start("Orderly", [](PVOID) {
            nt::CriticalRegionGuard region;
            for (int round = 0; round < 3; round++) {
                TakeExclusive(&Upper);
                ExAcquireResourceSharedLite(&Lower, TRUE);
                Sleep(20);
                ExReleaseResourceLite(&Lower);
                ExReleaseResourceLite(&Upper);
            }
            KeReleaseSemaphore(&ended, 0, 1, FALSE);
        });
    }
    for (LONG i = 0; i < threads; i++)
        (void)KeWaitForSingleObject(&ended, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}
}

#if !defined(MICA_CHECKED)
// TOL-06, DSP-15: the free build lets the threads wait for ever; the monitor shows why.
GUEST_TEST(MonitorDrawsTheCircle) {
    static CHAR text[4096];
    PlantTwoResources();
    (void)KdExecuteCommand("waits", text, sizeof(text));
    ULONG circles = 0;
    for (PCSTR at = text; *at; at++)
        circles += at[0] == '*' && at[1] == '*' && at[2] == '*';
    GUEST_EQUAL(2u, circles); // one line begins with either thread
}
#endif

// The table must not be empty; the routines above are called by the host.
GUEST_TEST(OrderlyThreadsFinish) {
    PlantNone();
    GUEST_EQUAL(0u, ExIsResourceAcquiredSharedLite(&Upper));
    GUEST_TRUE(!IsOwned(Upper));
    GUEST_TRUE(!IsOwned(Lower));
    GUEST_TRUE(WaitsFor(Upper) > 0);
}
