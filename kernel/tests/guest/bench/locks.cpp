// What locks cost: alone, and with every processor after the same one. An operation is an acquisition and its release.
#include "crowd.h"
#include "ex.h"

namespace {

/// What is done under the lock: nothing, or in a crowd what lets the others come.
template <bool Crowd> void Section() {
    if (Crowd) YieldProcessor();
}

template <bool Crowd> void SpinLocks(ULONG iterations, PVOID context) {
    for (ULONG i = 0; i < iterations; i++) {
        nt::SpinLockGuard guard(*static_cast<KSPIN_LOCK*>(context));
        Section<Crowd>();
    }
}

template <bool Crowd> void InStackQueuedLocks(ULONG iterations, PVOID context) {
    for (ULONG i = 0; i < iterations; i++) {
        nt::InStackQueuedSpinLockGuard guard(*static_cast<KSPIN_LOCK*>(context));
        Section<Crowd>();
    }
}

template <bool Crowd> void QueuedLocks(ULONG iterations, PVOID) {
    for (ULONG i = 0; i < iterations; i++) {
        nt::QueuedSpinLockGuard guard(LockQueueMasterLock);
        Section<Crowd>();
    }
}

template <bool Crowd> void PushLocks(ULONG iterations, PVOID context) {
    KeEnterCriticalRegion();
    for (ULONG i = 0; i < iterations; i++) {
        ExAcquirePushLockExclusive(static_cast<PEX_PUSH_LOCK>(context));
        Section<Crowd>();
        ExReleasePushLockExclusive(static_cast<PEX_PUSH_LOCK>(context));
    }
    KeLeaveCriticalRegion();
}

template <bool Crowd> void Resources(ULONG iterations, PVOID context) {
    KeEnterCriticalRegion();
    for (ULONG i = 0; i < iterations; i++) {
        (void)ExAcquireResourceExclusiveLite(static_cast<PERESOURCE>(context), TRUE);
        Section<Crowd>();
        ExReleaseResourceLite(static_cast<PERESOURCE>(context));
    }
    KeLeaveCriticalRegion();
}

void SharedResources(ULONG iterations, PVOID context) {
    KeEnterCriticalRegion();
    for (ULONG i = 0; i < iterations; i++) {
        (void)ExAcquireResourceSharedLite(static_cast<PERESOURCE>(context), TRUE);
        ExReleaseResourceLite(static_cast<PERESOURCE>(context));
    }
    KeLeaveCriticalRegion();
}

using BENCH_ROUTINE = void(ULONG iterations, PVOID context);

ULONG Alone(BENCH_ROUTINE* routine, PVOID context, ULONG iterations) {
    routine(iterations, context);
    return iterations;
}

using BENCH_WAY = ULONG(BENCH_ROUTINE* routine, PVOID context, ULONG iterations);

ULONG WithSpinLock(BENCH_WAY* way, BENCH_ROUTINE* routine, ULONG iterations) {
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    return way(routine, &lock, iterations);
}

ULONG WithPushLock(BENCH_WAY* way, BENCH_ROUTINE* routine, ULONG iterations) {
    EX_PUSH_LOCK lock = {};
    return way(routine, &lock, iterations);
}

ULONG WithResource(BENCH_WAY* way, BENCH_ROUTINE* routine, ULONG iterations) {
    ERESOURCE resource;
    if (!NT_SUCCESS(ExInitializeResourceLite(&resource))) return 0;
    const ULONG done = way(routine, &resource, iterations);
    (void)ExDeleteResourceLite(&resource);
    return done;
}

constexpr BENCH_WAY* InACrowd = [](BENCH_ROUTINE* routine, PVOID context, ULONG iterations) {
    return BenchOnAllProcessors(routine, context, iterations);
};

} // namespace

extern "C" {
// Spin locks from PASSIVE_LEVEL, the others in a critical region. A `Crowd` is every processor after one lock.
NTEXPORT ULONG NTAPI BenchSpinLock(ULONG Iterations) { return WithSpinLock(Alone, SpinLocks<false>, Iterations); }
NTEXPORT ULONG NTAPI BenchSpinLockCrowd(ULONG Iterations) {
    return WithSpinLock(InACrowd, SpinLocks<true>, Iterations);
}
NTEXPORT ULONG NTAPI BenchInStackLock(ULONG Iterations) {
    return WithSpinLock(Alone, InStackQueuedLocks<false>, Iterations);
}
NTEXPORT ULONG NTAPI BenchInStackLockCrowd(ULONG Iterations) {
    return WithSpinLock(InACrowd, InStackQueuedLocks<true>, Iterations);
}
NTEXPORT ULONG NTAPI BenchQueuedLock(ULONG Iterations) { return WithSpinLock(Alone, QueuedLocks<false>, Iterations); }
NTEXPORT ULONG NTAPI BenchQueuedLockCrowd(ULONG Iterations) {
    return WithSpinLock(InACrowd, QueuedLocks<true>, Iterations);
}
NTEXPORT ULONG NTAPI BenchPushLock(ULONG Iterations) { return WithPushLock(Alone, PushLocks<false>, Iterations); }
NTEXPORT ULONG NTAPI BenchPushLockCrowd(ULONG Iterations) {
    return WithPushLock(InACrowd, PushLocks<true>, Iterations);
}
NTEXPORT ULONG NTAPI BenchResource(ULONG Iterations) { return WithResource(Alone, Resources<false>, Iterations); }
NTEXPORT ULONG NTAPI BenchResourceCrowd(ULONG Iterations) {
    return WithResource(InACrowd, Resources<true>, Iterations);
}
NTEXPORT ULONG NTAPI BenchResourceShared(ULONG Iterations) { return WithResource(Alone, SharedResources, Iterations); }
}
