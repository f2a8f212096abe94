// Exercise 3.6: scenarios of your own, explored on kernels that you do not know.
//
// kernel/tests/scenarios/scenario.h says how a scenario is written, tests/races_waits.cpp shows ours. Correct kernels must
// pass all of yours; each wrong one that fails at least one of them is two points. make mytest LAB=3 tries
// them on a right kernel and on two wrong ones for practice. At most 12 scenarios.
#include "ex.h"
#include "ke/queuedlock.h"
#include "scenario_main.h"

namespace {

// LAB(3.6) begin
constexpr LONG Ticks = 3; ///< of a time-out

NTSTATUS Wait(PVOID object, PLARGE_INTEGER timeout = nullptr) {
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, timeout);
}

/// A section that must hold one thread at a time.
struct Section {
    LONG Inside, Entered;
    void Visit() {
        CHECK_EQUAL(1, InterlockedIncrement(&Inside));
        InterlockedIncrement(&Entered);
        CHECK_EQUAL(0, InterlockedDecrement(&Inside));
    }
};

// DSP-03: one signal, one thread. The time-out ends the wait of the other
struct OneSignalOneThread {
    static inline KEVENT Event;
    static inline volatile LONG Got;
    static void Setup() {
        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        Got = 0;
    }
    static void Act() {
        LARGE_INTEGER timeout;
        timeout.QuadPart = -Ticks * LONGLONG(KeQueryTimeIncrement());
        if (Wait(&Event, &timeout) == STATUS_SUCCESS) InterlockedIncrement(&Got);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { KeSetEvent(&Event, 0, FALSE); }
    static void Check() { CHECK_EQUAL(1, LONG(Got) + KeReadStateEvent(&Event)); }
};

// DSP-03: an event that is set serves as a lock
struct EventLetsOneIn {
    static inline KEVENT Event;
    static inline Section Inside;
    static void Setup() {
        KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
        Inside = {};
    }
    static void Act() {
        for (ULONG i = 0; i < 2; i++) {
            CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event));
            Inside.Visit();
            KeSetEvent(&Event, 0, FALSE);
        }
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() { CHECK_EQUAL(6, Inside.Entered); }
};

// DSP-02: who resets an event is told whether he took the signal: of two, one did
struct ResetTakesOnce {
    static inline KEVENT Event;
    static inline volatile LONG Taken;
    static void Setup() {
        KeInitializeEvent(&Event, NotificationEvent, TRUE);
        Taken = 0;
    }
    static void Act() {
        if (KeResetEvent(&Event) != 0) InterlockedIncrement(&Taken);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Check() {
        CHECK_EQUAL(1, LONG(Taken));
        CHECK_EQUAL(0, KeReadStateEvent(&Event));
    }
};

// DSP-13, DSP-04: a wait for all tells of an abandoned mutant, wherever it is in the array
struct AllTellsOfAbandoned {
    static inline KMUTANT Mutant;
    static inline KEVENT Event;
    static void Setup() {
        KeInitializeMutant(&Mutant, FALSE);
        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    }
    static void Actor0() {
        PVOID objects[] = {&Mutant, &Event};
        CHECK_EQUAL(STATUS_ABANDONED, KeWaitForMultipleObjects(2, objects, WaitAll, KWAIT_REASON::Executive, KernelMode,
                                                               FALSE, nullptr, nullptr));
        KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    }
    static void Actor1() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        KeReleaseMutant(&Mutant, 0, TRUE, FALSE);
        KeSetEvent(&Event, 0, FALSE);
    }
    static void Check() {
        CHECK_EQUAL(1, KeReadStateMutant(&Mutant));
        CHECK_EQUAL(0, KeReadStateEvent(&Event));
    }
};

// DSP-16: a try takes what is there, and says so
struct TryTakesWhatIsThere {
    static inline KSEMAPHORE Semaphore;
    static inline volatile LONG Got;
    static void Setup() {
        KeInitializeSemaphore(&Semaphore, 1, 1);
        Got = 0;
    }
    static void Act() {
        LARGE_INTEGER none;
        none.QuadPart = 0;
        const NTSTATUS status = Wait(&Semaphore, &none);
        CHECK(status == STATUS_SUCCESS || status == STATUS_TIMEOUT);
        if (status == STATUS_SUCCESS) InterlockedIncrement(&Got);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Check() {
        CHECK_EQUAL(1, LONG(Got));
        CHECK_EQUAL(0, KeReadStateSemaphore(&Semaphore));
    }
};

// DSP-16: a wait that has ended by time leaves nothing behind, and the signal is for somebody else
struct TimeOrSignal {
    static constexpr ULONG ClockTicks = 6;
    static inline KEVENT Event;
    static inline volatile LONG Got;
    static void Setup() {
        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        Got = 0;
    }
    static void Actor0() {
        LARGE_INTEGER timeout;
        timeout.QuadPart = -Ticks * LONGLONG(KeQueryTimeIncrement());
        const NTSTATUS status = Wait(&Event, &timeout);
        CHECK(status == STATUS_SUCCESS || status == STATUS_TIMEOUT);
        if (status == STATUS_SUCCESS) InterlockedIncrement(&Got);
        CHECK(!KeGetCurrentThread()->Timer.Header.Inserted);
    }
    static void Actor1() { KeSetEvent(&Event, 0, FALSE); }
    static void Check() {
        CHECK_EQUAL(1, LONG(Got) + KeReadStateEvent(&Event));
        CHECK(IsListEmpty(&Event.Header.WaitListHead));
    }
};

// DSP-05: as many as there are units
struct TwoUnits {
    static inline KSEMAPHORE Semaphore;
    static inline volatile LONG Inside;
    static void Setup() {
        KeInitializeSemaphore(&Semaphore, 2, 2);
        Inside = 0;
    }
    static void Act() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Semaphore));
        CHECK(InterlockedIncrement(&Inside) <= 2);
        InterlockedDecrement(&Inside);
        CHECK(KeReleaseSemaphore(&Semaphore, 0, 1, FALSE) >= 0);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK_EQUAL(2, KeReadStateSemaphore(&Semaphore));
        CHECK(IsListEmpty(&Semaphore.Header.WaitListHead));
    }
};

// DSP-04: an abandoned mutant is free at once, however often it was owned, and one is told
struct AbandonedIsFree {
    static inline KMUTANT Mutant;
    static inline Section Inside;
    static inline volatile LONG Told;
    static void Setup() {
        KeInitializeMutant(&Mutant, FALSE);
        Inside = {};
        Told = 0;
    }
    static void Take() {
        const NTSTATUS status = Wait(&Mutant);
        CHECK(status == STATUS_SUCCESS || status == STATUS_ABANDONED);
        if (status == STATUS_ABANDONED) InterlockedIncrement(&Told);
    }
    static void Actor0() {
        Take();
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        Inside.Visit();
        CHECK_EQUAL(-1, KeReleaseMutant(&Mutant, 0, TRUE, FALSE));
    }
    static void Act() {
        Take();
        Inside.Visit();
        CHECK_EQUAL(0, KeReleaseMutant(&Mutant, 0, FALSE, FALSE));
    }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK_EQUAL(3, Inside.Entered);
        CHECK_EQUAL(1, LONG(Told) + (Mutant.Abandoned ? 1 : 0));
        CHECK_EQUAL(1, KeReadStateMutant(&Mutant));
    }
};

// SYH-08
struct QueuedLockExcludes {
    static inline KSPIN_LOCK Lock;
    static inline Section Inside;
    static void Setup() {
        KeInitializeSpinLock(&Lock);
        Inside = {};
    }
    static void Act() {
        for (ULONG i = 0; i < 2; i++) {
            KLOCK_QUEUE_HANDLE handle;
            KeAcquireInStackQueuedSpinLock(&Lock, &handle);
            Inside.Visit();
            KeReleaseInStackQueuedSpinLock(&handle);
        }
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK_EQUAL(6, Inside.Entered);
        CHECK_EQUAL(0u, ULONG(Lock.Value));
    }
};

// SYH-04: what a flush takes nobody else has
struct ListIsFlushedOnce {
    static constexpr ULONG Count = 4;
    static inline SLIST_HEADER Head;
    static inline SLIST_ENTRY Entries[Count];
    static inline volatile LONG Taken[Count];
    static void Setup() {
        InitializeSListHead(&Head);
        for (ULONG i = 0; i < Count; i++) {
            Taken[i] = 0;
            if (i != 0) InterlockedPushEntrySList(&Head, &Entries[i]);
        }
    }
    static void Take(SLIST_ENTRY* entry) {
        if (entry) InterlockedIncrement(&Taken[entry - Entries]);
    }
    static void Flush() {
        SLIST_ENTRY* entry = InterlockedFlushSList(&Head);
        for (ULONG i = 0; entry && i <= Count; i++, entry = entry->Next)
            Take(entry);
    }
    static void Actor0() { Flush(); }
    static void Actor1() {
        Take(InterlockedPopEntrySList(&Head));
        Take(InterlockedPopEntrySList(&Head));
    }
    static void Actor2() { InterlockedPushEntrySList(&Head, &Entries[0]); }
    static void Check() {
        Flush();
        for (volatile LONG& taken : Taken)
            CHECK_EQUAL(1, LONG(taken));
        CHECK_EQUAL(0, ExQueryDepthSList(&Head));
    }
};

// INT-05: a DPC's routine gets the arguments of the call that has queued it; a call that finds it queued changes nothing
struct DpcKeepsItsArguments {
    static constexpr ULONG Calls = 4;
    static inline KDPC Dpc;
    static inline volatile LONG Queued[Calls], Ran[Calls];
    static void NTAPI Routine(PKDPC, PVOID, PVOID argument1, PVOID) {
        CHECK(ULONG_PTR(argument1) < Calls);
        InterlockedIncrement(&Ran[ULONG_PTR(argument1)]);
    }
    static void Setup() {
        KeInitializeDpc(&Dpc, Routine, nullptr);
        for (ULONG i = 0; i < Calls; i++)
            Queued[i] = Ran[i] = 0;
    }
    static void Queue(ULONG_PTR number) {
        if (KeInsertQueueDpc(&Dpc, reinterpret_cast<PVOID>(number), nullptr)) InterlockedIncrement(&Queued[number]);
    }
    static void Actor0() {
        const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL); // the DPC stays on this processor's queue
        Queue(0);
        Queue(1);
        KfLowerIrql(oldIrql);
    }
    static void Actor1() {
        Queue(2);
        Queue(3);
    }
    static void Check() {
        for (ULONG i = 0; i < Calls; i++)
            CHECK_EQUAL(LONG(Queued[i]), LONG(Ran[i]));
    }
};

// LAB(3.6) else
//| // An example: two increments of one word. On a correct kernel it never fails, and it finds nothing: make something of it.
//| struct Increments {
//|     static inline LONG Counter;
//|     static void Setup() { Counter = 0; }
//|     static void Actor0() { InterlockedIncrement(&Counter); }
//|     static void Actor1() { InterlockedIncrement(&Counter); }
//|     static void Check() { CHECK_EQUAL(2, Counter); }
//| };
// LAB(3.6) end

} // namespace

// LAB(3.6) begin
SCENARIO(OneSignalOneThread);
SCENARIO(EventLetsOneIn);
SCENARIO(ResetTakesOnce);
SCENARIO(AllTellsOfAbandoned);
SCENARIO(TryTakesWhatIsThere);
SCENARIO(TimeOrSignal);
SCENARIO(TwoUnits);
SCENARIO(AbandonedIsFree);
SCENARIO(QueuedLockExcludes);
SCENARIO(ListIsFlushedOnce);
SCENARIO(DpcKeepsItsArguments);
// LAB(3.6) else
//| SCENARIO(Increments);
// LAB(3.6) end
