// Scenarios that find the practice kernels of exercise 3.6: labs/3-synchronization/practice/. One for each, and no more than it takes.
#include "ex.h"
#include "scenario_main.h"

namespace {

struct FastMutexExcludes {
    static inline FAST_MUTEX Mutex;
    static inline volatile LONG Inside, Entered;
    static void Setup() {
        ExInitializeFastMutex(&Mutex);
        Inside = Entered = 0;
    }
    static void Act() {
        for (ULONG i = 0; i < 2; i++) {
            ExAcquireFastMutex(&Mutex);
            CHECK_EQUAL(1, InterlockedIncrement(&Inside));
            InterlockedIncrement(&Entered);
            InterlockedDecrement(&Inside);
            ExReleaseFastMutex(&Mutex);
        }
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() { CHECK_EQUAL(6, LONG(Entered)); }
};

struct RundownWaitsForAll {
    static inline EX_RUNDOWN_REF Ref;
    static inline volatile LONG Users;
    static void Setup() {
        ExInitializeRundownProtection(&Ref);
        Users = 0;
    }
    static void Use() {
        if (!ExAcquireRundownProtection(&Ref)) return;
        InterlockedIncrement(&Users);
        InterlockedDecrement(&Users);
        ExReleaseRundownProtection(&Ref);
    }
    static void Actor0() { Use(); }
    static void Actor1() { Use(); }
    static void Actor2() {
        ExWaitForRundownProtectionRelease(&Ref);
        CHECK_EQUAL(0, LONG(Users));
    }
    static void Check() {}
};

} // namespace

SCENARIO(FastMutexExcludes);
SCENARIO(RundownWaitsForAll);
