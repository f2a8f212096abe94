// The executive's locks on the real machine: threads that really run at once, are preempted, and wait.
#include "ex.h"
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr KPRIORITY Below = 6; // the tests' own thread runs at 8 or above
constexpr ULONG Threads = 6;
constexpr LONG Rounds = 400;

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

void Join(PETHREAD thread) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(30'000);
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout));
    PsDereferenceThread(thread);
}

PETHREAD Start(PKSTART_ROUTINE routine, PVOID context, KPRIORITY priority = Below) {
    PETHREAD thread = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Locker", priority, routine, context));
    return thread;
}

// When every other thread has left, nobody changes it any more.
ULONG OwnersOf(const ERESOURCE& resource) {
    nt::AssumeSnapshot(resource.SpinLock);
    return resource.ActiveEntries;
}
bool IsOwned(const ERESOURCE& resource) {
    nt::AssumeSnapshot(resource.SpinLock);
    return resource.ActiveCount != 0;
}

bool Contains(PCSTR text, PCSTR wanted) {
    for (; *text; text++) {
        ULONG i = 0;
        while (wanted[i] && text[i] == wanted[i])
            i++;
        if (!wanted[i]) return true;
    }
    return false;
}

/// What several threads do to data that a lock guards.
struct CONTEST {
    void (*Acquire)(CONTEST& contest, bool exclusive);
    void (*Release)(CONTEST& contest, bool exclusive);
    bool HasShared;
    ERESOURCE Resource;
    EX_PUSH_LOCK PushLock;
    FAST_MUTEX FastMutex;
    KGUARDED_MUTEX GuardedMutex;

    volatile LONG Readers;
    volatile LONG Writers;
    volatile LONG Broken; ///< threads found together that must not be
    LONG Value;           ///< guarded: not changed by interlocked operations
    volatile LONG Written;
    volatile LONG Seed;
};

void Spin(ULONG turns) {
    for (ULONG i = 0; i < turns; i++)
        YieldProcessor();
}

void NTAPI Contend(PVOID StartContext) {
    auto& contest = *static_cast<CONTEST*>(StartContext);
    auto random = ULONG(InterlockedIncrement(&contest.Seed)) * 2654435761u;
    nt::CriticalRegionGuard region;
    for (LONG round = 0; round < Rounds; round++) {
        random = random * 1664525 + 1013904223;
        const bool exclusive = !contest.HasShared || (random >> 24) % 3 == 0;
        contest.Acquire(contest, exclusive);
        if (exclusive) {
            if (InterlockedIncrement(&contest.Writers) != 1 || contest.Readers != 0) contest.Broken = 1;
            const LONG value = contest.Value;
            Spin((random >> 16) % 64);
            contest.Value = value + 1;
            InterlockedIncrement(&contest.Written);
            InterlockedDecrement(&contest.Writers);
        } else {
            InterlockedIncrement(&contest.Readers);
            if (contest.Writers != 0) contest.Broken = 1;
            Spin((random >> 16) % 64);
            InterlockedDecrement(&contest.Readers);
        }
        contest.Release(contest, exclusive);
        if ((random >> 8) % 16 == 0) (void)KeYieldExecution();
        if ((random >> 8) % 64 == 1) Sleep(1);
    }
}

void Run(CONTEST& contest) {
    PETHREAD threads[Threads];
    for (PETHREAD& thread : threads)
        thread = Start(Contend, &contest);
    for (PETHREAD thread : threads)
        Join(thread);
    GUEST_EQUAL(0, contest.Broken);
    GUEST_EQUAL(contest.Written, contest.Value);
    GUEST_TRUE(contest.HasShared ? contest.Value > Rounds : contest.Value == LONG(Threads) * Rounds);
}

CONTEST TheContest; // large for a stack

} // namespace

// DSP-20
GUEST_TEST(ResourceKeepsReadersAndWritersApart) {
    CONTEST& contest = TheContest = {};
    (void)ExInitializeResourceLite(&contest.Resource);
    contest.HasShared = true;
    contest.Acquire = [](CONTEST& c, bool exclusive) {
        exclusive ? ExAcquireResourceExclusiveLite(&c.Resource, TRUE) : ExAcquireResourceSharedLite(&c.Resource, TRUE);
    };
    contest.Release = [](CONTEST& c, bool) { ExReleaseResourceLite(&c.Resource); };
    Run(contest);
    GUEST_TRUE(!IsOwned(contest.Resource));
    GUEST_EQUAL(0u, OwnersOf(contest.Resource));
    GUEST_EQUAL(STATUS_SUCCESS, ExDeleteResourceLite(&contest.Resource));
}

// DSP-21
GUEST_TEST(PushLockKeepsReadersAndWritersApart) {
    CONTEST& contest = TheContest = {};
    contest.HasShared = true;
    contest.Acquire = [](CONTEST& c, bool exclusive) {
        exclusive ? ExAcquirePushLockExclusive(&c.PushLock) : ExAcquirePushLockShared(&c.PushLock);
    };
    contest.Release = [](CONTEST& c, bool exclusive) {
        exclusive ? ExReleasePushLockExclusive(&c.PushLock) : ExReleasePushLockShared(&c.PushLock);
    };
    Run(contest);
    GUEST_EQUAL(0u, contest.PushLock.Value);
}

// DSP-18
GUEST_TEST(FastMutexExcludes) {
    CONTEST& contest = TheContest = {};
    ExInitializeFastMutex(&contest.FastMutex);
    contest.Acquire = [](CONTEST& c, bool) { ExAcquireFastMutex(&c.FastMutex); };
    contest.Release = [](CONTEST& c, bool) { ExReleaseFastMutex(&c.FastMutex); };
    Run(contest);
    GUEST_EQUAL(1, contest.FastMutex.Count);
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

// DSP-19, DSP-10
GUEST_TEST(GuardedMutexExcludes) {
    CONTEST& contest = TheContest = {};
    KeInitializeGuardedMutex(&contest.GuardedMutex);
    contest.Acquire = [](CONTEST& c, bool) { KeAcquireGuardedMutex(&c.GuardedMutex); };
    contest.Release = [](CONTEST& c, bool) { KeReleaseGuardedMutex(&c.GuardedMutex); };
    Run(contest);
    GUEST_EQUAL(1, contest.GuardedMutex.Count);
}

// DSP-20: the table of owners grows in the real pool, and what it took is given back.
GUEST_TEST(ManyThreadsShareAResource) {
    struct SHARED {
        ERESOURCE Resource;
        KEVENT Leave;
        volatile LONG Inside;
    } shared = {};
    (void)ExInitializeResourceLite(&shared.Resource);
    KeInitializeEvent(&shared.Leave, NotificationEvent, FALSE);
    PETHREAD threads[20];
    for (PETHREAD& thread : threads) {
        thread = Start(
            [](PVOID context) {
                auto& s = *static_cast<SHARED*>(context);
                nt::CriticalRegionGuard region;
                ExAcquireResourceSharedLite(&s.Resource, TRUE);
                InterlockedIncrement(&s.Inside);
                (void)KeWaitForSingleObject(&s.Leave, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
                ExReleaseResourceLite(&s.Resource);
            },
            &shared);
    }
    Sleep(100);
    GUEST_EQUAL(20, shared.Inside);
    GUEST_EQUAL(20u, OwnersOf(shared.Resource));
    GUEST_EQUAL(FALSE, ExIsResourceAcquiredExclusiveLite(&shared.Resource));
    KeSetEvent(&shared.Leave, 0, FALSE);
    for (PETHREAD thread : threads)
        Join(thread);
    GUEST_EQUAL(0u, OwnersOf(shared.Resource));
    GUEST_EQUAL(STATUS_SUCCESS, ExDeleteResourceLite(&shared.Resource));
}

// DSP-21: a user that began before the rundown is waited for, none begins after it.
GUEST_TEST(RundownWaitsForEveryUser) {
    struct USED {
        EX_RUNDOWN_REF Reference;
        volatile LONG Users;
        volatile LONG Refused;
        volatile LONG Gone;
        volatile LONG Late;
    } used = {};
    ExInitializeRundownProtection(&used.Reference);
    PETHREAD threads[Threads];
    for (PETHREAD& thread : threads) {
        thread = Start(
            [](PVOID context) {
                auto& u = *static_cast<USED*>(context);
                for (;;) {
                    if (!ExAcquireRundownProtection(&u.Reference)) break;
                    if (u.Gone) u.Late = 1;
                    InterlockedIncrement(&u.Users);
                    Spin(50);
                    InterlockedDecrement(&u.Users);
                    ExReleaseRundownProtection(&u.Reference);
                }
                InterlockedIncrement(&u.Refused);
            },
            &used);
    }
    Sleep(60);
    ExWaitForRundownProtectionRelease(&used.Reference);
    GUEST_EQUAL(0, used.Users);
    used.Gone = 1;
    for (PETHREAD thread : threads)
        Join(thread);
    GUEST_EQUAL(LONG(Threads), used.Refused);
    GUEST_EQUAL(0, used.Late);
}

// INT-15, DSP-20: the region begins before the acquisition and ends after the release.
GUEST_TEST(RegionAroundAResource) {
    ERESOURCE resource;
    (void)ExInitializeResourceLite(&resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&resource);
    GUEST_TRUE(KeAreApcsDisabled());
    GUEST_EQUAL(1u, ExIsResourceAcquiredSharedLite(&resource));
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    GUEST_TRUE(!KeAreApcsDisabled());
    ExEnterCriticalRegionAndAcquireResourceExclusive(&resource);
    GUEST_TRUE(ExIsResourceAcquiredExclusiveLite(&resource));
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&resource);
    GUEST_TRUE(!ExIsResourceAcquiredExclusiveLite(&resource));
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    GUEST_TRUE(!KeAreApcsDisabled());
    GUEST_EQUAL(STATUS_SUCCESS, ExDeleteResourceLite(&resource));
}

// TOL-06, DSP-20: what the monitor says of a thread that waits for a lock, and of the lock.
GUEST_TEST(MonitorNamesLockAndOwner) {
    static CHAR text[4096];
    ERESOURCE resource;
    (void)ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&resource, TRUE);
    PETHREAD const waiter = Start(
        [](PVOID context) {
            nt::CriticalRegionGuard region;
            ExAcquireResourceExclusiveLite(static_cast<PERESOURCE>(context), TRUE);
            ExReleaseResourceLite(static_cast<PERESOURCE>(context));
        },
        &resource);
    Sleep(30);
    (void)KdExecuteCommand("waits", text, sizeof(text));
    GUEST_TRUE(Contains(text, "Locker"));
    GUEST_TRUE(Contains(text, " -> resource "));
    (void)KdExecuteCommand("locks", text, sizeof(text));
    GUEST_TRUE(Contains(text, "exclusive"));
    GUEST_TRUE(Contains(text, "1 waits for exclusive"));
    ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    Join(waiter);
    GUEST_EQUAL(STATUS_SUCCESS, ExDeleteResourceLite(&resource));
}

#if !defined(MICA_CHECKED)
// DSP-20: converting what is shared already does nothing (checked builds assert)
GUEST_TEST(ConvertingASharedResourceHasNoEffect) {
    ERESOURCE resource;
    (void)ExInitializeResourceLite(&resource);
    const nt::CriticalRegionGuard region;
    ExAcquireResourceSharedLite(&resource, TRUE);
    ExConvertExclusiveToSharedLite(&resource);
    GUEST_EQUAL(1u, ExIsResourceAcquiredSharedLite(&resource));
    GUEST_TRUE(!ExIsResourceAcquiredExclusiveLite(&resource));
    ExReleaseResourceLite(&resource);
    GUEST_EQUAL(0u, ExIsResourceAcquiredSharedLite(&resource));
    GUEST_EQUAL(STATUS_SUCCESS, ExDeleteResourceLite(&resource));
}
#endif
