// Exercise 3.9 under many schedules: a queue hands out each entry once, to as many threads as it allows.
#include "ke/queue.h"
#include "races.h"

namespace {

// DSP-06: entries put in by two arrive once each
struct QueueLosesNothing {
    static constexpr ULONG COUNT = 4;
    static inline KQUEUE Queue;
    static inline LIST_ENTRY Entries[COUNT];
    static inline volatile LONG Taken[COUNT];
    static void Setup() {
        KeInitializeQueue(&Queue, 2);
        for (volatile LONG& taken : Taken)
            taken = 0;
    }
    static void Take() {
        LIST_ENTRY* const entry = KeRemoveQueue(&Queue, KernelMode, nullptr);
        CHECK(entry >= &Entries[0] && entry < &Entries[COUNT]);
        if (entry >= &Entries[0] && entry < &Entries[COUNT]) InterlockedIncrement(&Taken[entry - Entries]);
    }
    static void Actor0() {
        for (LIST_ENTRY& entry : Entries)
            KeInsertQueue(&Queue, &entry);
    }
    static void Actor1() {
        Take();
        Take();
    }
    static void Actor2() {
        Take();
        Take();
    }
    static void Check() {
        for (const volatile LONG& taken : Taken)
            CHECK_EQUAL(1, taken);
        CHECK_EQUAL(0, KeReadStateQueue(&Queue));
        CHECK(IsListEmpty(&Queue.Header.WaitListHead));
        CHECK(KeRundownQueue(&Queue) == nullptr);
    }
};

// DSP-06: of the threads of a queue for one, one is at work; when it blocks, another is let in
struct QueueLetsOneWork {
    static constexpr ULONG COUNT = 2;
    static inline KQUEUE Queue;
    static inline LIST_ENTRY Entries[COUNT];
    static inline Section<> Working;
    static inline KEVENT AllDone;
    static inline volatile LONG Done;
    static void Setup() {
        KeInitializeQueue(&Queue, 1);
        KeInitializeEvent(&AllDone, NotificationEvent, FALSE);
        Working.Reset();
        Done = 0;
    }
    static void Actor0() {
        for (LIST_ENTRY& entry : Entries)
            KeInsertQueue(&Queue, &entry);
    }
    static void Work() {
        CHECK(KeIsQueueEntry(KeRemoveQueue(&Queue, KernelMode, nullptr)));
        Working.Visit();
        if (InterlockedIncrement(&Done) == LONG(COUNT)) KeSetEvent(&AllDone, 0, FALSE);
        CHECK_EQUAL(STATUS_SUCCESS, Wait(&AllDone)); // it blocks: the other one's turn
    }
    static void Actor1() { Work(); }
    static void Actor2() { Work(); }
    static void Check() {
        CHECK_EQUAL(LONG(COUNT), Working.Entered);
        CHECK_EQUAL(2u, Queue.CurrentCount);
        CHECK(KeRundownQueue(&Queue) == nullptr);
    }
};

// DSP-06, INT-09: the entry and the time-out meet
struct QueueEntryOrTimeout {
    static constexpr ULONG ClockTicks = 4;
    static inline KQUEUE Queue;
    static inline LIST_ENTRY Entry;
    static inline LIST_ENTRY* Taken;
    static void Setup() {
        KeInitializeQueue(&Queue, 1);
        Taken = nullptr;
    }
    static void Actor0() {
        LARGE_INTEGER timeout = KeRelativeMilliseconds(1);
        Taken = KeRemoveQueue(&Queue, KernelMode, &timeout);
    }
    static void Actor1() { KeInsertQueue(&Queue, &Entry); }
    static void Check() {
        const bool got = KeIsQueueEntry(Taken);
        CHECK(!got || Taken == &Entry);
        CHECK_EQUAL(got ? 0 : 1, KeReadStateQueue(&Queue));
        CHECK_EQUAL(1u, Queue.CurrentCount);
        CHECK(IsListEmpty(&Queue.Header.WaitListHead));
        KeRundownQueue(&Queue);
    }
};

} // namespace

SCENARIO(QueueLosesNothing);
SCENARIO(QueueLetsOneWork);
SCENARIO(QueueEntryOrTimeout);
