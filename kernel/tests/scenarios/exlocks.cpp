// The executive's locks under every schedule: what each must keep, whatever happens in which order.
//
// A scenario watches which actors are inside, and a plain pair of words that only the lock orders.
// In the books: "executive resources", "push locks", "fast mutexes and guarded mutexes". DSP-18..21
#include "ex.h"
#include "scenario_main.h"

namespace {

/// Two words that are equal whenever no writer is inside, and which actors are inside.
/// shared: the words by the lock under test, the counts by interlocked operations
struct Guarded {
    LONG First;
    LONG Second;
    volatile LONG Readers;
    volatile LONG Writers;
    volatile LONG Writes;

    void Reset() { *this = {}; }
    void BeginWrite() {
        CHECK_EQUAL(1, InterlockedIncrement(&Writers));
        CHECK_EQUAL(0, Readers);
        InterlockedIncrement(&Writes);
        First++;
        Second++;
    }
    void EndWrite() { InterlockedDecrement(&Writers); }
    void BeginRead() {
        InterlockedIncrement(&Readers);
        CHECK_EQUAL(0, Writers);
        CHECK_EQUAL(First, Second);
    }
    void EndRead() { InterlockedDecrement(&Readers); }
    void Write() {
        BeginWrite();
        EndWrite();
    }
    void Read() {
        BeginRead();
        EndRead();
    }
    void ExpectWrites(LONG wanted) {
        CHECK_EQUAL(wanted, Writes);
        CHECK_EQUAL(wanted, First);
        CHECK_EQUAL(wanted, Second);
    }
};

/// A resource for scenarios. Owner tables and what threads wait for come from the pool: blocks of their sizes were made
/// and freed before, so that every run gets the same ones at the same cost.
struct Resource {
    ERESOURCE Lock;

    void Make() {
        constexpr ULONG tag = EX_TAG("Warm");
        for (SIZE_T size = 32; size <= 64; size *= 2)
            ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, size, tag), tag);
        (void)ExInitializeResourceLite(&Lock);
    }
    // The actors have ended.
    void End() NO_THREAD_SAFETY_ANALYSIS {
        CHECK_EQUAL(0, Lock.ActiveCount);
        CHECK_EQUAL(0u, Lock.ActiveEntries);
        CHECK_EQUAL(0u, Lock.NumberOfSharedWaiters + Lock.NumberOfExclusiveWaiters);
        if (Lock.SharedWaiters) {
            CHECK_EQUAL(0, KeReadStateSemaphore(Lock.SharedWaiters));
            CHECK_EQUAL(0, KeReadStateEvent(Lock.ExclusiveWaiters));
        }
        (void)ExDeleteResourceLite(&Lock);
    }
    void Write(Guarded& data) {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceExclusiveLite(&Lock, TRUE));
        data.Write();
        ExReleaseResourceLite(&Lock);
    }
    void Read(Guarded& data) {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceSharedLite(&Lock, TRUE));
        data.Read();
        ExReleaseResourceLite(&Lock);
    }
};

} // namespace

// DSP-20
/// Readers together, a writer alone, and nobody is left asleep.
struct ResourceExcludes {
    static inline Resource R;
    static inline Guarded Data;
    static void Setup() {
        R.Make();
        Data.Reset();
        KX_TRACK(Data.First);
        KX_TRACK(Data.Second);
    }
    static void Actor0() {
        R.Write(Data);
        R.Read(Data);
    }
    static void Actor1() {
        R.Read(Data);
        R.Write(Data);
    }
    static void Actor2() {
        R.Read(Data);
        R.Read(Data);
    }
    static void Check() {
        Data.ExpectWrites(2);
        R.End();
    }
};
SCENARIO(ResourceExcludes);

// DSP-20
/// Exclusive access that becomes shared is never lost in between.
struct ResourceConvertKeepsAccess {
    static inline Resource R;
    static inline Guarded Data;
    static void Setup() {
        R.Make();
        Data.Reset();
    }
    static void Actor0() {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceExclusiveLite(&R.Lock, TRUE));
        Data.Write();
        const LONG written = Data.First;
        ExConvertExclusiveToSharedLite(&R.Lock);
        Data.BeginRead();
        CHECK_EQUAL(written, Data.First);
        Data.EndRead();
        ExReleaseResourceLite(&R.Lock);
    }
    static void Actor1() {
        R.Read(Data);
        R.Write(Data);
    }
    static void Actor2() {
        R.Write(Data);
        R.Read(Data);
    }
    static void Check() {
        Data.ExpectWrites(3);
        R.End();
    }
};
SCENARIO(ResourceConvertKeepsAccess);

// DSP-20
/// The rules of waiting, without waiting, and recursion.
struct ResourceTriesAndRecursion {
    static inline Resource R;
    static inline Guarded Data;
    static inline LONG Wrote;
    static void Setup() {
        R.Make();
        Data.Reset();
        Wrote = 0;
    }
    static void Actor0() {
        nt::CriticalRegionGuard region;
        if (!ExAcquireResourceExclusiveLite(&R.Lock, FALSE)) return;
        CHECK(ExAcquireResourceSharedLite(&R.Lock, FALSE));
        Data.Write();
        Wrote = 1;
        ExReleaseResourceLite(&R.Lock);
        CHECK(ExIsResourceAcquiredExclusiveLite(&R.Lock));
        ExReleaseResourceLite(&R.Lock);
    }
    static void Actor1() {
        nt::CriticalRegionGuard region;
        CHECK(ExAcquireResourceSharedLite(&R.Lock, TRUE));
        Data.BeginRead();
        CHECK(ExAcquireResourceSharedLite(&R.Lock, FALSE)); // an owner, whatever waits
        CHECK_EQUAL(2u, ExIsResourceAcquiredSharedLite(&R.Lock));
        Data.EndRead();
        ExReleaseResourceLite(&R.Lock);
        ExReleaseResourceLite(&R.Lock);
    }
    static void Actor2() { R.Write(Data); }
    static void Check() {
        Data.ExpectWrites(1 + Wrote);
        R.End();
    }
};
SCENARIO(ResourceTriesAndRecursion);

// DSP-21
/// Readers together, a writer alone, and nobody is left asleep.
struct PushLockExcludes {
    static inline EX_PUSH_LOCK Lock;
    static inline Guarded Data;
    static void Setup() {
        ExInitializePushLock(&Lock);
        Data.Reset();
        KX_TRACK(Data.First);
        KX_TRACK(Data.Second);
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
    static void Actor0() {
        Write();
        Read();
    }
    static void Actor1() {
        Read();
        Write();
    }
    static void Actor2() {
        Read();
        Read();
    }
    static void Check() {
        Data.ExpectWrites(2);
        CHECK_EQUAL(0u, Lock.Value);
    }
};
SCENARIO(PushLockExcludes);

// DSP-21
/// Three that want it alone: each release finds the thread to wake.
struct PushLockWakesEveryWriter {
    static inline EX_PUSH_LOCK Lock;
    static inline Guarded Data;
    static void Setup() {
        ExInitializePushLock(&Lock);
        Data.Reset();
        KX_TRACK(Data.First);
    }
    static void Actor0() {
        for (int i = 0; i < 2; i++)
            PushLockWakesEveryWriter::Write();
    }
    static void Actor1() { Actor0(); }
    static void Actor2() { Actor0(); }
    static void Write() {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockExclusive(&Lock);
        Data.Write();
        ExReleasePushLock(&Lock);
    }
    static void Check() {
        Data.ExpectWrites(6);
        CHECK_EQUAL(0u, Lock.Value);
    }
};
SCENARIO(PushLockWakesEveryWriter);

// DSP-21
/// Exclusive access that becomes shared, and tries that may fail.
struct PushLockConvertAndTry {
    static inline EX_PUSH_LOCK Lock;
    static inline Guarded Data;
    static inline LONG Tried;
    static void Setup() {
        ExInitializePushLock(&Lock);
        Data.Reset();
        Tried = 0;
    }
    static void Actor0() {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockExclusive(&Lock);
        Data.Write();
        const LONG written = Data.First;
        ExConvertPushLockExclusiveToShared(&Lock);
        Data.BeginRead();
        CHECK_EQUAL(written, Data.First);
        Data.EndRead();
        ExReleasePushLockShared(&Lock);
    }
    static void Actor1() {
        nt::CriticalRegionGuard region;
        ExAcquirePushLockShared(&Lock);
        Data.Read();
        ExReleasePushLockShared(&Lock);
        if (!ExTryAcquirePushLockExclusive(&Lock)) return;
        Data.Write();
        Tried = 1;
        ExReleasePushLockExclusive(&Lock);
    }
    static void Actor2() {
        nt::CriticalRegionGuard region;
        if (ExTryAcquirePushLockShared(&Lock)) {
            Data.Read();
            ExReleasePushLockShared(&Lock);
        }
        ExAcquirePushLockExclusive(&Lock);
        Data.Write();
        ExReleasePushLockExclusive(&Lock);
    }
    static void Check() {
        Data.ExpectWrites(2 + Tried);
        CHECK_EQUAL(0u, Lock.Value);
    }
};
SCENARIO(PushLockConvertAndTry);

// DSP-18
/// One owner at a time, and each release lets one in.
struct FastMutexHandsOver {
    static inline FAST_MUTEX Mutex;
    static inline Guarded Data;
    static inline volatile LONG Tried;
    static void Setup() {
        ExInitializeFastMutex(&Mutex);
        Data.Reset();
        Tried = 0;
        KX_TRACK(Data.First);
    }
    static void Write() {
        ExAcquireFastMutex(&Mutex);
        CHECK_EQUAL(KeGetCurrentThread(), Mutex.Owner);
        Data.Write();
        ExReleaseFastMutex(&Mutex);
        CHECK_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
    }
    static void Actor0() {
        Write();
        Write();
    }
    static void Actor1() { Actor0(); }
    static void Actor2() {
        if (ExTryToAcquireFastMutex(&Mutex)) {
            Data.Write();
            Tried = 1;
            ExReleaseFastMutex(&Mutex);
        }
        Write();
    }
    static void Check() {
        Data.ExpectWrites(5 + Tried);
        CHECK_EQUAL(1, Mutex.Count);
        CHECK_EQUAL(0, KeReadStateEvent(&Mutex.Event));
    }
};
SCENARIO(FastMutexHandsOver);

// DSP-19
/// One owner at a time, and each release lets one in.
struct GuardedMutexHandsOver {
    static inline KGUARDED_MUTEX Mutex;
    static inline Guarded Data;
    static void Setup() {
        KeInitializeGuardedMutex(&Mutex);
        Data.Reset();
        KX_TRACK(Data.First);
    }
    static void Actor0() {
        for (int i = 0; i < 2; i++) {
            KeAcquireGuardedMutex(&Mutex);
            CHECK(KeAreAllApcsDisabled());
            Data.Write();
            KeReleaseGuardedMutex(&Mutex);
        }
    }
    static void Actor1() { Actor0(); }
    static void Actor2() { Actor0(); }
    static void Check() {
        Data.ExpectWrites(6);
        CHECK_EQUAL(1, Mutex.Count);
        CHECK_EQUAL(0, Mutex.Gate.Header.SignalState);
    }
};
SCENARIO(GuardedMutexHandsOver);

// DSP-21
/// Nobody uses what has run down, and the last user ends the wait.
struct RundownKeepsUsersOut {
    static inline EX_RUNDOWN_REF Reference;
    static inline volatile LONG Users;
    static inline volatile LONG Gone;
    static void Setup() {
        ExInitializeRundownProtection(&Reference);
        Users = 0;
        Gone = 0;
    }
    static void Actor0() {
        ExWaitForRundownProtectionRelease(&Reference);
        Gone = 1;
        CHECK_EQUAL(0, Users);
    }
    static void Actor1() {
        for (ULONG count = 1; count <= 2; count++) {
            if (!ExAcquireRundownProtectionEx(&Reference, count)) continue;
            InterlockedIncrement(&Users);
            CHECK_EQUAL(0, Gone);
            InterlockedDecrement(&Users);
            ExReleaseRundownProtectionEx(&Reference, count);
        }
    }
    static void Actor2() { Actor1(); }
    static void Check() { CHECK_EQUAL(EX_RUNDOWN_ACTIVE, Reference.Count); }
};
SCENARIO(RundownKeepsUsersOut);
