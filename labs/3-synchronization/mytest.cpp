// Exercise 3.10: scenarios of your own, explored on kernels that you do not know.
//
// kernel/tests/scenarios/scenario.h says how a scenario is written, tests/races_waits.cpp shows ours. Correct kernels must
// pass all of yours; each wrong one that fails at least one of them is a point. At most 12 scenarios.
#include "ex.h"
#include "ke/queuedlock.h"
#include "scenario_main.h"

namespace {

// LAB(3.10) begin
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

// DSP-02: a notification event releases all that wait, and stays
struct EverybodyHears {
    static inline KEVENT Event;
    static void Setup() { KeInitializeEvent(&Event, NotificationEvent, FALSE); }
    static void Actor0() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor1() { CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event)); }
    static void Actor2() { CHECK_EQUAL(0, KeSetEvent(&Event, 0, FALSE)); }
    static void Check() {
        CHECK_EQUAL(1, KeReadStateEvent(&Event));
        CHECK(IsListEmpty(&Event.Header.WaitListHead));
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

// DSP-03: a signal that comes after the old one was taken reaches who waits then. Time goes on only when nobody can run.
struct SignalReachesWhoWaits {
    static inline KEVENT Event;
    static void Setup() { KeInitializeEvent(&Event, SynchronizationEvent, TRUE); }
    static void Actor0() { KeSetEvent(&Event, 0, FALSE); }
    static void Actor1() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Event));
        LARGE_INTEGER timeout;
        timeout.QuadPart = -Ticks * LONGLONG(KeQueryTimeIncrement());
        if (Wait(&Event, &timeout) == STATUS_TIMEOUT) CHECK_EQUAL(0, KeReadStateEvent(&Event));
    }
};

// DSP-13: all or nothing
struct BothOrNone {
    static inline KEVENT Left, Right;
    static inline Section Inside;
    static void Setup() {
        KeInitializeEvent(&Left, SynchronizationEvent, TRUE);
        KeInitializeEvent(&Right, SynchronizationEvent, TRUE);
        Inside = {};
    }
    static void Act(PVOID first, PVOID second) {
        PVOID objects[] = {first, second};
        CHECK_EQUAL(STATUS_SUCCESS, KeWaitForMultipleObjects(2, objects, WaitAll, KWAIT_REASON::Executive, KernelMode,
                                                             FALSE, nullptr, nullptr));
        Inside.Visit();
        KeSetEvent(&Left, 0, FALSE);
        KeSetEvent(&Right, 0, FALSE);
    }
    static void Actor0() { Act(&Left, &Right); }
    static void Actor1() { Act(&Right, &Left); }
    static void Actor2() {
        if (Wait(&Left) != STATUS_SUCCESS) return;
        KeSetEvent(&Left, 0, FALSE);
    }
    static void Check() {
        CHECK_EQUAL(2, Inside.Entered);
        CHECK_EQUAL(1, KeReadStateEvent(&Left));
        CHECK_EQUAL(1, KeReadStateEvent(&Right));
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

// DSP-04: one owner, as often as he likes
struct OwnerOwnsTwice {
    static inline KMUTANT Mutant;
    static inline Section Inside;
    static void Setup() {
        KeInitializeMutant(&Mutant, FALSE);
        Inside = {};
    }
    static void Act() {
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&Mutant));
        CHECK_EQUAL(-1, KeReleaseMutant(&Mutant, 0, FALSE, FALSE));
        Inside.Visit();
        CHECK_EQUAL(0, KeReleaseMutant(&Mutant, 0, FALSE, FALSE));
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Check() {
        CHECK_EQUAL(2, Inside.Entered);
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

// SYH-04: an entry is on the list once, and comes out once
struct ListKeepsEntries {
    static inline SLIST_HEADER Head;
    static inline SLIST_ENTRY Entries[3];
    static inline LONG Owned[3];
    static void Setup() {
        InitializeSListHead(&Head);
        for (ULONG i = 0; i < 3; i++) {
            Owned[i] = 0;
            InterlockedPushEntrySList(&Head, &Entries[i]);
        }
    }
    static void Act() {
        for (ULONG i = 0; i < 2; i++) {
            SLIST_ENTRY* const first = InterlockedPopEntrySList(&Head);
            SLIST_ENTRY* const second = InterlockedPopEntrySList(&Head);
            if (second) Own(second);
            if (first) Own(first);
        }
    }
    static void Own(SLIST_ENTRY* entry) {
        const ULONG index = ULONG(entry - Entries);
        CHECK_EQUAL(1, InterlockedIncrement(&Owned[index]));
        CHECK_EQUAL(0, InterlockedDecrement(&Owned[index]));
        InterlockedPushEntrySList(&Head, entry);
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Check() {
        CHECK_EQUAL(3, ExQueryDepthSList(&Head));
        ULONG found = 0;
        for (SLIST_ENTRY* entry = Head.Next.Next; entry && found < 4; entry = entry->Next)
            found++;
        CHECK_EQUAL(3u, found);
    }
};

// DSP-21: one alone, or several that share
struct PushLockExcludes {
    static inline EX_PUSH_LOCK Lock;
    static inline volatile LONG Readers, Writers;
    static void Setup() {
        ExInitializePushLock(&Lock);
        Readers = 0;
        Writers = 0;
    }
    static void Write() {
        KeEnterCriticalRegion();
        ExAcquirePushLockExclusive(&Lock);
        CHECK_EQUAL(1, InterlockedIncrement(&Writers));
        CHECK_EQUAL(0, LONG(Readers));
        InterlockedDecrement(&Writers);
        ExReleasePushLockExclusive(&Lock);
        KeLeaveCriticalRegion();
    }
    static void Read() {
        KeEnterCriticalRegion();
        ExAcquirePushLockShared(&Lock);
        InterlockedIncrement(&Readers);
        CHECK_EQUAL(0, LONG(Writers));
        InterlockedDecrement(&Readers);
        ExReleasePushLockShared(&Lock);
        KeLeaveCriticalRegion();
    }
    static void Actor0() { Write(); }
    static void Actor1() { Read(); }
    static void Actor2() { Read(); }
    static void Check() { CHECK_EQUAL(0u, ULONG(Lock.Value)); }
};

// LAB(3.10) else
//| // An example: two increments of one word. On a correct kernel it never fails, and it finds nothing: make something of it.
//| struct Increments {
//|     static inline LONG Counter;
//|     static void Setup() { Counter = 0; }
//|     static void Actor0() { InterlockedIncrement(&Counter); }
//|     static void Actor1() { InterlockedIncrement(&Counter); }
//|     static void Check() { CHECK_EQUAL(2, Counter); }
//| };
// LAB(3.10) end

} // namespace

// LAB(3.10) begin
SCENARIO(EverybodyHears);
SCENARIO(OneSignalOneThread);
SCENARIO(EventLetsOneIn);
SCENARIO(SignalReachesWhoWaits);
SCENARIO(BothOrNone);
SCENARIO(TimeOrSignal);
SCENARIO(TwoUnits);
SCENARIO(OwnerOwnsTwice);
SCENARIO(QueuedLockExcludes);
SCENARIO(ListKeepsEntries);
SCENARIO(PushLockExcludes);
// LAB(3.10) else
//| SCENARIO(Increments);
// LAB(3.10) end
