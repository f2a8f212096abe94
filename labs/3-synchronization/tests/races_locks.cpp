// Exercise 3.10 under many schedules: readers together, a writer alone, and nobody is left asleep.
#include "ex.h"
#include "races.h"

namespace {

/// What readers and writers do to the data under the lock.
struct Shared {
    Section<> Writing;
    volatile LONG Readers;
    Pair Words;
    void Reset() {
        Writing.Reset();
        Readers = 0;
        Words.Reset();
    }
    void Write() {
        Writing.Enter();
        CHECK_EQUAL(0, Readers);
        Words.Write();
        Writing.Leave();
    }
    void Read() {
        InterlockedIncrement(&Readers);
        CHECK_EQUAL(0, Writing.Inside);
        Words.Read();
        InterlockedDecrement(&Readers);
    }
};

/// A resource as its callers see it, each in a critical region.
struct Resource {
    static inline ERESOURCE Lock;
    static inline Shared Data;
    static inline bool Made;

    // A resource is on a list of all resources: made once, and as good as new between runs.
    static void Setup() {
        if (Made) {
            CHECK_EQUAL(STATUS_SUCCESS, ExReinitializeResourceLite(&Lock));
        } else {
            // Threads wait for objects of the pool's: it has such blocks, so that the first run costs what all others cost.
            ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, sizeof(KSEMAPHORE), EX_TAG("Warm")), EX_TAG("Warm"));
            CHECK_EQUAL(STATUS_SUCCESS, ExInitializeResourceLite(&Lock));
            Made = true;
        }
        Data.Reset();
    }
    static void Write() {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceExclusiveLite(&Lock, TRUE));
        CHECK(ExIsResourceAcquiredExclusiveLite(&Lock));
        Data.Write();
        ExReleaseResourceLite(&Lock);
    }
    static void Read() {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceSharedLite(&Lock, TRUE));
        Data.Read();
        ExReleaseResourceLite(&Lock);
    }
    static void CheckFree() {
        CHECK_EQUAL(0u, ExGetExclusiveWaiterCount(&Lock));
        CHECK_EQUAL(0u, ExGetSharedWaiterCount(&Lock));
    }
};

// DSP-20
struct ResourceKeepsWritersAlone {
    static void Setup() { Resource::Setup(); }
    static void Actor0() { Resource::Write(); }
    static void Actor1() { Resource::Write(); }
    static void Actor2() {
        Resource::Read();
        Resource::Read();
    }
    static void Check() {
        CHECK_EQUAL(2, Resource::Data.Words.First);
        Resource::CheckFree();
    }
};

// DSP-20: what a writer wrote stays until the reader that it becomes lets go
struct ResourceConverts {
    static void Setup() { Resource::Setup(); }
    static void Actor0() {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceExclusiveLite(&Resource::Lock, TRUE));
        Resource::Data.Write();
        const LONG written = Resource::Data.Words.First;
        ExConvertExclusiveToSharedLite(&Resource::Lock);
        Resource::Data.Read();
        CHECK_EQUAL(written, Resource::Data.Words.First);
        ExReleaseResourceLite(&Resource::Lock);
    }
    static void Actor1() { Resource::Write(); }
    static void Actor2() { Resource::Read(); }
    static void Check() {
        CHECK_EQUAL(2, Resource::Data.Words.First);
        Resource::CheckFree();
    }
};

// DSP-20: who does not want to wait gets an answer, and what it got counts
struct ResourceAnswersAtOnce {
    static inline volatile LONG Got;
    static void Setup() {
        Resource::Setup();
        Got = 0;
    }
    static void Actor0() { Resource::Write(); }
    static void Actor1() {
        nt::CriticalRegionGuard region;
        if (!ExAcquireResourceExclusiveLite(&Resource::Lock, FALSE)) return;
        InterlockedIncrement(&Got);
        Resource::Data.Write();
        ExReleaseResourceLite(&Resource::Lock);
    }
    static void Actor2() { Resource::Read(); }
    static void Check() {
        CHECK_EQUAL(1 + Got, Resource::Data.Words.First);
        Resource::CheckFree();
    }
};

/// A push lock and what it guards.
struct PushLock {
    static inline EX_PUSH_LOCK Lock;
    static inline Shared Data;
    static void Setup() {
        ExInitializePushLock(&Lock);
        Data.Reset();
    }
    static void Write() {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockExclusive(&Lock);
        Data.Write();
        ExReleasePushLockExclusive(&Lock);
    }
    static void Read() {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockShared(&Lock);
        Data.Read();
        ExReleasePushLockShared(&Lock);
    }
};

// DSP-21
struct PushLockExcludes {
    static void Setup() { PushLock::Setup(); }
    static void Actor0() {
        PushLock::Write();
        PushLock::Write();
    }
    static void Actor1() { PushLock::Write(); }
    static void Actor2() { PushLock::Write(); }
    static void Check() {
        CHECK_EQUAL(4, PushLock::Data.Words.First);
        CHECK_EQUAL(0u, PushLock::Lock.Value);
    }
};

// DSP-21
struct PushLockKeepsWritersAlone {
    static void Setup() { PushLock::Setup(); }
    static void Actor0() { PushLock::Write(); }
    static void Actor1() { PushLock::Read(); }
    static void Actor2() {
        PushLock::Read();
        PushLock::Write();
    }
    static void Check() {
        CHECK_EQUAL(2, PushLock::Data.Words.First);
        CHECK_EQUAL(0u, PushLock::Lock.Value);
    }
};

/// Leads to the moment that a scenario is about. It ends by itself: nothing depends on it.
template <typename CONDITION> void Pause(CONDITION until) {
    for (ULONG i = 0; i < 12 && !until(); i++)
        YieldProcessor();
}

ULONG_PTR PushLockFlags(ULONG_PTR flags) { return reinterpret_cast<ULONG_PTR>(PushLock::Lock.Ptr) & flags; }

// DSP-21: two share, a writer waits for both, and one of the two leaves
struct PushLockWaitsForBoth {
    static void Setup() { PushLock::Setup(); }
    static void Read(bool stays) {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockShared(&PushLock::Lock);
        InterlockedIncrement(&PushLock::Data.Readers);
        Pause([] { return PushLockFlags(EX_PUSH_LOCK_WAITING) != 0; });
        if (stays) Pause([] { return PushLock::Data.Readers == 1 && PushLock::Data.Writing.Inside != 0; });
        CHECK_EQUAL(0, PushLock::Data.Writing.Inside);
        PushLock::Data.Words.Read();
        InterlockedDecrement(&PushLock::Data.Readers);
        ExReleasePushLockShared(&PushLock::Lock);
    }
    static void Actor0() {
        Pause([] { return PushLock::Data.Readers == 2; });
        PushLock::Write();
    }
    static void Actor1() { Read(false); }
    static void Actor2() { Read(true); }
    static void Check() {
        CHECK_EQUAL(1, PushLock::Data.Words.First);
        CHECK_EQUAL(0u, PushLock::Lock.Value);
    }
};

// DSP-21: while a release looks for whom to wake, another writer comes
struct PushLockTakenWhileWaking {
    static void Setup() { PushLock::Setup(); }
    static void Actor0() {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockExclusive(&PushLock::Lock);
        Pause([] { return PushLockFlags(EX_PUSH_LOCK_WAITING) != 0; });
        PushLock::Data.Write();
        ExReleasePushLockExclusive(&PushLock::Lock);
    }
    static void Actor1() {
        Pause([] { return PushLockFlags(EX_PUSH_LOCK_LOCK) != 0; });
        PushLock::Write();
    }
    static void Actor2() {
        Pause([] { return PushLockFlags(EX_PUSH_LOCK_LOCK | EX_PUSH_LOCK_WAKING) == EX_PUSH_LOCK_WAKING; });
        nt::CriticalRegionGuard region;
        ExAcquirePushLockExclusive(&PushLock::Lock);
        Pause([] { return PushLockFlags(EX_PUSH_LOCK_LOCK) == 0; });
        CHECK(PushLockFlags(EX_PUSH_LOCK_LOCK) != 0); // it has an owner as long as he has not released it
        PushLock::Data.Write();
        ExReleasePushLockExclusive(&PushLock::Lock);
    }
    static void Check() {
        CHECK_EQUAL(3, PushLock::Data.Words.First);
        CHECK_EQUAL(0u, PushLock::Lock.Value);
    }
};

} // namespace

SCENARIO(ResourceKeepsWritersAlone);
SCENARIO(ResourceConverts);
SCENARIO(ResourceAnswersAtOnce);
SCENARIO(PushLockExcludes);
SCENARIO(PushLockKeepsWritersAlone);
SCENARIO(PushLockWaitsForBoth);
SCENARIO(PushLockTakenWhileWaking);
