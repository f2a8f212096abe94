// Exercise 3.2 under many schedules: the spin locks exclude, their queues lose nobody, and a list keeps its entries.
#include "ex/pool.h"
#include "ex/slist.h"
#include "ke/queuedlock.h"
#include "races.h"

namespace {

/// What the lock under test guards.
struct Guarded {
    Section<> Inside;
    Pair Words;
    void Reset() {
        Inside.Reset();
        Words.Reset();
    }
    void Use() {
        Inside.Enter();
        Words.Write();
        Inside.Leave();
    }
};

/// A lock in one of the places where the system has some, another one in each run: it works in all of them.
/// shared: as the lock under test
struct Placed {
    static constexpr ULONG LOCKS = 8; ///< of an area, of which a run takes one
    static constexpr ULONG PLACES = 5;
    static constexpr ULONG STACK_OFFSET = 64; ///< above the end of a stack, far below what is in use
    static inline KSPIN_LOCK InDriver[LOCKS] = {};
    static inline KSPIN_LOCK* InPool = nullptr;

    static KSPIN_LOCK* Choose() {
        const ULONG drawn = KX_DRAW(PLACES * LOCKS);
        KSPIN_LOCK* const chosen = At(drawn % PLACES, drawn / PLACES);
        KeInitializeSpinLock(chosen);
        return chosen;
    }

private:
    static KSPIN_LOCK* At(ULONG place, ULONG number) {
        switch (place) {
        case 1: return &KeGetCurrentPrcb()->DpcData.DpcLock;         // of a processor to which no DPC goes during a run
        case 2: return &KiQueuedSpinLock[LockQueueAfdWorkQueueLock]; // nobody's: as good as any variable of the kernel
        case 3: return reinterpret_cast<KSPIN_LOCK*>(ULONG_PTR(KeGetPcr()->NtTib.StackLimit) + STACK_OFFSET) + number;
        case 4:
            if (!InPool)
                InPool = static_cast<KSPIN_LOCK*>(ExAllocatePoolWithTag(NonPagedPool, sizeof InDriver, EX_TAG("Lock")));
            if (InPool) return InPool + number;
            break;
        default: break;
        }
        return InDriver + number;
    }
};

// SYH-05
struct SpinLockExcludes {
    static inline KSPIN_LOCK* Lock;
    static inline Guarded Data;
    static void Setup() {
        Lock = Placed::Choose();
        Data.Reset();
    }
    static void Act() {
        nt::SpinLockGuard guard(*Lock);
        Data.Use();
    }
    static void Actor0() {
        Act();
        Act();
    }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK_EQUAL(4, Data.Words.First);
        CHECK_EQUAL(0u, Lock->Value);
    }
};

// SYH-05
struct TriedLockExcludes {
    static inline KSPIN_LOCK* Lock;
    static inline Guarded Data;
    static void Setup() {
        Lock = Placed::Choose();
        Data.Reset();
    }
    static void Act() {
        nt::DispatchLevelGuard level;
        if (!KeTryToAcquireSpinLockAtDpcLevel(Lock)) return;
        Data.Use();
        KefReleaseSpinLockFromDpcLevel(Lock);
    }
    static void Actor0() {
        Act();
        Act();
    }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK(Data.Words.First > 0);
        CHECK_EQUAL(0u, Lock->Value);
    }
};

// SYH-05: what is written under the lock is ordered before what its next holder does, however he got the lock
struct SpinLockOrders {
    static inline KSPIN_LOCK Lock;
    static inline Pair Words;
    static void Setup() {
        KeInitializeSpinLock(&Lock);
        Words.Reset();
        KX_TRACK(Words);
    }
    static void Act() {
        nt::SpinLockGuard guard(Lock);
        Words.Write();
    }
    static void Actor0() { Act(); }
    static void Actor1() { Act(); }
    static void Actor2() {
        nt::DispatchLevelGuard level;
        if (!KeTryToAcquireSpinLockAtDpcLevel(&Lock)) return;
        Words.Write();
        KefReleaseSpinLockFromDpcLevel(&Lock);
    }
};

// SYH-08
struct InStackLockExcludes {
    static inline KSPIN_LOCK* Lock;
    static inline Guarded Data;
    static void Setup() {
        Lock = Placed::Choose();
        Data.Reset();
    }
    static void Act() {
        KLOCK_QUEUE_HANDLE handle;
        KeAcquireInStackQueuedSpinLock(Lock, &handle);
        Data.Use();
        KeReleaseInStackQueuedSpinLock(&handle);
    }
    static void Actor0() {
        Act();
        Act();
    }
    static void Actor1() { Act(); }
    static void Actor2() { Act(); }
    static void Check() {
        CHECK_EQUAL(4, Data.Words.First);
        CHECK_EQUAL(0u, Lock->Value);
    }
};

// SYH-07
struct QueuedLockExcludes {
    static inline KSPIN_LOCK_QUEUE_NUMBER Number; // all but the dispatcher's, which the explorer's own threads use
    static inline Guarded Data;
    static void Setup() {
        Number = KSPIN_LOCK_QUEUE_NUMBER(1 + KX_DRAW(LockQueueMaximumLock - 1));
        Data.Reset();
    }
    static void Act() {
        const KIRQL old = KeAcquireQueuedSpinLock(Number);
        Data.Use();
        KeReleaseQueuedSpinLock(Number, old);
    }
    static void Actor0() {
        Act();
        Act();
    }
    static void Actor1() { Act(); }
    static void Actor2() {
        KIRQL old;
        if (KeTryToAcquireQueuedSpinLock(Number, &old)) {
            Data.Use();
            KeReleaseQueuedSpinLock(Number, old);
        }
    }
    static void Check() { CHECK(Data.Words.First == 3 || Data.Words.First == 4); }
};

/// Entries of an interlocked list, each of which is somewhere exactly once: on the list or in somebody's hands.
/// shared: the list by its own operations; Held by the thread that writes it
struct Ring {
    static constexpr ULONG COUNT = 4;
    SLIST_HEADER Head;
    SLIST_ENTRY Entries[COUNT];
    SLIST_ENTRY* Held[COUNT];

    void Reset() {
        InitializeSListHead(&Head);
        for (ULONG i = COUNT; i-- > 0;) {
            InterlockedPushEntrySList(&Head, &Entries[i]);
            Held[i] = nullptr;
        }
        Held[COUNT - 1] = InterlockedPopEntrySList(&Head); // one is in hand from the beginning
    }
    ULONG Places(const SLIST_ENTRY* wanted, const SLIST_ENTRY* list) const {
        ULONG places = 0;
        for (const SLIST_ENTRY* held : Held)
            places += held == wanted;
        for (ULONG i = 0; list && i <= COUNT; i++, list = list->Next)
            places += list == wanted;
        return places;
    }
    void CheckAll() {
        const ULONG depth = ExQueryDepthSList(&Head);
        const SLIST_ENTRY* const list = InterlockedFlushSList(&Head);
        ULONG length = 0;
        for (const SLIST_ENTRY* entry = list; entry && length <= COUNT; entry = entry->Next)
            length++;
        CHECK_EQUAL(length, depth);
        for (const SLIST_ENTRY& entry : Entries)
            CHECK_EQUAL(1u, Places(&entry, list));
    }
};

// SYH-04: an entry can be taken as soon as it is on the list; nobody puts one back, so that no head ever comes back
struct ListLinksBeforeItShows {
    static inline Ring Subject;
    static void Setup() { Subject.Reset(); }
    static void Actor0() {
        SLIST_ENTRY* const spare = Subject.Held[3];
        Subject.Held[3] = nullptr;
        InterlockedPushEntrySList(&Subject.Head, spare);
    }
    static void Actor1() {
        Subject.Held[0] = InterlockedPopEntrySList(&Subject.Head);
        Subject.Held[1] = InterlockedPopEntrySList(&Subject.Head);
    }
    static void Check() { Subject.CheckAll(); }
};

// SYH-04: the head comes back to what it was, the depth too, and the entry behind it is another
struct ListSurvivesAba {
    static inline Ring Subject;
    static void Setup() { Subject.Reset(); }
    static void Actor0() { Subject.Held[0] = InterlockedPopEntrySList(&Subject.Head); }
    static void Actor1() {
        SLIST_ENTRY* const first = InterlockedPopEntrySList(&Subject.Head);
        Subject.Held[1] = InterlockedPopEntrySList(&Subject.Head);
        SLIST_ENTRY* const spare = Subject.Held[3];
        Subject.Held[3] = nullptr;
        InterlockedPushEntrySList(&Subject.Head, spare);
        if (first) InterlockedPushEntrySList(&Subject.Head, first);
    }
    static void Check() { Subject.CheckAll(); }
};

// SYH-04
struct ListKeepsItsEntries {
    static inline Ring Subject;
    static void Setup() { Subject.Reset(); }
    static void Move(ULONG actor) {
        if (SLIST_ENTRY* const entry = InterlockedPopEntrySList(&Subject.Head))
            InterlockedPushEntrySList(&Subject.Head, entry);
        Subject.Held[actor] = InterlockedPopEntrySList(&Subject.Head);
    }
    static void Actor0() { Move(0); }
    static void Actor1() { Move(1); }
    static void Actor2() { Subject.Held[2] = InterlockedPopEntrySList(&Subject.Head); }
    static void Check() { Subject.CheckAll(); }
};

} // namespace

SCENARIO(SpinLockExcludes);
SCENARIO(TriedLockExcludes);
SCENARIO(SpinLockOrders);
SCENARIO(InStackLockExcludes);
SCENARIO(QueuedLockExcludes);
SCENARIO(ListLinksBeforeItShows);
SCENARIO(ListSurvivesAba);
SCENARIO(ListKeepsItsEntries);
