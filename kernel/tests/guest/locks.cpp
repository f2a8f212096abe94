// What processors share at DISPATCH_LEVEL and above: spin locks of every kind, lists without a lock, interlocked words.
#include "ex.h"
#include "hal.h"

#include "guest_main.h"
#include "together.h"

namespace {

constexpr ULONG Rounds = 400;

/// What the threads of a test count under the lock that is tried.
struct COUNTER {
    KSPIN_LOCK Lock;
    EX_SPIN_LOCK ReadersAndWriters;
    volatile ULONG Value;
    volatile ULONG Copy;      ///< written after Value: outside of the lock it may differ
    volatile LONG Violations; ///< what a holder should not have seen
    volatile LONG Inside;
    volatile LONG Together; ///< readers that met another reader
};

void Violation(COUNTER& counter) { InterlockedIncrement(&counter.Violations); }

/// The critical section: a sum that loses additions if two processors are in, with room for them to come.
void Count(COUNTER& counter) {
    if (InterlockedIncrement(&counter.Inside) != 1) Violation(counter);
    if (KeGetCurrentIrql() < DISPATCH_LEVEL) Violation(counter);
    const ULONG value = counter.Value;
    if (counter.Copy != value) Violation(counter);
    YieldProcessor();
    counter.Value = value + 1;
    YieldProcessor();
    counter.Copy = value + 1;
    InterlockedDecrement(&counter.Inside);
}

// It returns with the lock held.
void EnterShared(COUNTER& c) NO_THREAD_SAFETY_ANALYSIS { ExAcquireSpinLockSharedAtDpcLevel(&c.ReadersAndWriters); }

/// Ends a shared acquisition, or, if it can be converted, counts first. @returns whether it counted
bool LeaveShared(COUNTER& c, bool convert) NO_THREAD_SAFETY_ANALYSIS { // a conversion that may fail has no annotation
    if (!convert || !ExTryConvertSharedSpinLockExclusive(&c.ReadersAndWriters)) {
        ExReleaseSpinLockSharedFromDpcLevel(&c.ReadersAndWriters);
        return false;
    }
    Count(c);
    ExReleaseSpinLockExclusiveFromDpcLevel(&c.ReadersAndWriters);
    return true;
}

void CheckCounter(const COUNTER& counter, ULONG threads) {
    GUEST_EQUAL(0, counter.Violations);
    GUEST_EQUAL(threads * Rounds, counter.Value);
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

} // namespace

// SYH-05, SYH-02
GUEST_TEST(SpinLockExcludesProcessors) {
    COUNTER counter = {};
    const ULONG threads = GuestTogether(
        [](ULONG index, PVOID context) {
            auto& c = *static_cast<COUNTER*>(context);
            for (ULONG i = 0; i < Rounds; i++) {
                if (index != 0) {
                    nt::SpinLockGuard guard(c.Lock);
                    Count(c);
                    continue;
                }
                nt::DispatchLevelGuard level;
                while (!KeTryToAcquireSpinLockAtDpcLevel(&c.Lock))
                    YieldProcessor();
                Count(c);
                KeReleaseSpinLockFromDpcLevel(&c.Lock);
            }
        },
        &counter);
    CheckCounter(counter, threads);
    GUEST_TRUE(KeTestSpinLock(&counter.Lock));
}

// SYH-08
GUEST_TEST(InStackQueuedSpinLockExcludesProcessors) {
    COUNTER counter = {};
    const ULONG threads = GuestTogether(
        [](ULONG, PVOID context) {
            auto& c = *static_cast<COUNTER*>(context);
            for (ULONG i = 0; i < Rounds; i++) {
                nt::InStackQueuedSpinLockGuard guard(c.Lock);
                Count(c);
            }
        },
        &counter);
    CheckCounter(counter, threads);
    GUEST_EQUAL(0, counter.Lock.Value);
}

// SYH-07
GUEST_TEST(NumberedQueuedSpinLockExcludesProcessors) {
    COUNTER counter = {};
    const ULONG threads = GuestTogether(
        [](ULONG index, PVOID context) {
            auto& c = *static_cast<COUNTER*>(context);
            for (ULONG i = 0; i < Rounds; i++) {
                KIRQL oldIrql;
                if (index == 0) {
                    while (!KeTryToAcquireQueuedSpinLock(LockQueueIoCompletionLock, &oldIrql))
                        YieldProcessor();
                } else {
                    oldIrql = KeAcquireQueuedSpinLock(LockQueueIoCompletionLock);
                }
                Count(c);
                KeReleaseQueuedSpinLock(LockQueueIoCompletionLock, oldIrql);
            }
        },
        &counter);
    CheckCounter(counter, threads);
    GUEST_EQUAL(0, KiQueuedSpinLock[LockQueueIoCompletionLock].Value);
}

// SYH-06
GUEST_TEST(ExecutiveSpinLockLetsReadersInTogetherAndWritersAlone) {
    COUNTER counter = {};
    const ULONG threads = GuestTogether(
        [](ULONG index, PVOID context) {
            auto& c = *static_cast<COUNTER*>(context);
            for (ULONG i = 0; i < Rounds; i++) {
                { // the first thread upgrades what it holds shared, when it can
                    nt::DispatchLevelGuard level;
                    EnterShared(c);
                    if (c.Inside != 0) Violation(c);
                    const ULONG value = c.Value;
                    if (ULONG(c.ReadersAndWriters.Value & EX_SPIN_LOCK_READERS) > 1) InterlockedIncrement(&c.Together);
                    YieldProcessor();
                    if (c.Value != value || c.Copy != value) Violation(c);
                    if (LeaveShared(c, index == 0)) continue;
                }
                nt::ExclusiveSpinLockGuard writer(c.ReadersAndWriters);
                Count(c);
            }
        },
        &counter);
    CheckCounter(counter, threads);
    GUEST_EQUAL(0, counter.ReadersAndWriters.Value);
    GUEST_TRUE(KeNumberProcessors == 1 || counter.Together > 0);
}

namespace {

constexpr ULONG ItemsEach = 8;

struct ITEM {
    SLIST_ENTRY Link;
    volatile LONG Owner; ///< 0: on the list
};

struct STACK {
    SLIST_HEADER Head;
    ITEM Items[ItemsEach * GUEST_TOGETHER_MAXIMUM];
    volatile LONG Violations;
    volatile LONG Dpcs;
};

void Use(STACK& stack, LONG user) {
    PSLIST_ENTRY entries[3];
    for (PSLIST_ENTRY& entry : entries) {
        if ((entry = InterlockedPopEntrySList(&stack.Head)) == nullptr) continue;
        if (InterlockedExchange(&CONTAINING_RECORD(entry, ITEM, Link)->Owner, user) != 0)
            InterlockedIncrement(&stack.Violations); // somebody else has it, too
    }
    for (PSLIST_ENTRY entry : entries) {
        if (!entry) continue;
        InterlockedExchange(&CONTAINING_RECORD(entry, ITEM, Link)->Owner, 0);
        InterlockedPushEntrySList(&stack.Head, entry);
    }
}

} // namespace

// SYH-04, SYH-03
GUEST_TEST(SListLosesNothingAndGivesNothingTwice) {
    static STACK stack;
    InitializeSListHead(&stack.Head);
    for (ITEM& item : stack.Items)
        InterlockedPushEntrySList(&stack.Head, &item.Link);
    (void)GuestTogether(
        [](ULONG index, PVOID context) {
            auto& s = *static_cast<STACK*>(context);
            KDPC dpc; // pops and pushes between the thread's own steps, wherever the clock or this processor lets it
            KeInitializeDpc(
                &dpc,
                [](PKDPC, PVOID c, PVOID, PVOID) {
                    Use(*static_cast<STACK*>(c), 100);
                    InterlockedIncrement(&static_cast<STACK*>(c)->Dpcs);
                },
                context);
            KeSetTargetProcessorDpc(&dpc, CHAR((index + 1) % ULONG(KeNumberProcessors)));
            for (ULONG i = 0; i < Rounds; i++) {
                Use(s, LONG(index + 1));
                if (i % 8 == 0) (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
            }
            KeFlushQueuedDpcs();
        },
        &stack);
    GUEST_EQUAL(0, stack.Violations);
    GUEST_TRUE(stack.Dpcs > 0);
    GUEST_EQUAL(ItemsEach * GUEST_TOGETHER_MAXIMUM, ExQueryDepthSList(&stack.Head));
    ULONG found = 0;
    for (PSLIST_ENTRY entry = InterlockedFlushSList(&stack.Head); entry; entry = entry->Next, found++)
        GUEST_EQUAL(0, InterlockedExchange(&CONTAINING_RECORD(entry, ITEM, Link)->Owner, 1)); // twice on the list?
    GUEST_EQUAL(ItemsEach * GUEST_TOGETHER_MAXIMUM, found);
    GUEST_EQUAL(8, sizeof(SLIST_HEADER));
}

namespace {

struct SUMS {
    volatile LONG Increments;
    volatile LONG Exchanged;
    volatile LONG Bits;
    alignas(8) volatile LONGLONG Wide;
    KSPIN_LOCK Lock;
    ULONG Locked;
    LIST_ENTRY List;
    LIST_ENTRY Entries[GUEST_TOGETHER_MAXIMUM][Rounds];
};

} // namespace

// SYH-03, EXE-01
GUEST_TEST(InterlockedOperationsLoseNothing) {
    static SUMS sums; // zeros: every test starts from the snapshot
    InitializeListHead(&sums.List);
    const ULONG threads = GuestTogether(
        [](ULONG index, PVOID context) {
            auto& s = *static_cast<SUMS*>(context);
            for (ULONG i = 0; i < Rounds; i++) {
                InterlockedIncrement(&s.Increments);
                InterlockedExchangeAdd64(&s.Wide, 0x1'0000'0001);
                LONG seen = s.Exchanged;
                for (LONG found; (found = InterlockedCompareExchange(&s.Exchanged, seen + 3, seen)) != seen;)
                    seen = found;
                while (InterlockedBitTestAndSet(&s.Bits, 7) != 0)
                    YieldProcessor();
                InterlockedBitTestAndReset(&s.Bits, 7);
                ExInterlockedAddUlong(&s.Locked, 2, &s.Lock);
                ExInterlockedInsertTailList(&s.List, &s.Entries[index][i], &s.Lock);
            }
        },
        &sums);
    GUEST_EQUAL(threads * Rounds, sums.Increments);
    GUEST_EQUAL(LONGLONG(threads) * Rounds * 0x1'0000'0001, sums.Wide);
    GUEST_EQUAL(threads * Rounds * 3, sums.Exchanged);
    GUEST_EQUAL(threads * Rounds * 2, sums.Locked);
    GUEST_EQUAL(0, sums.Bits);
    ULONG length = 0;
    while (ExInterlockedRemoveHeadList(&sums.List, &sums.Lock))
        length++;
    GUEST_EQUAL(threads * Rounds, length);
}

#if defined(MICA_CHECKED)
// SYH-07, SYH-08
GUEST_TEST_BUGCHECK(QueuedLockAcquiredTwice, SPIN_LOCK_ALREADY_OWNED) {
    static KSPIN_LOCK lock;
    static KLOCK_QUEUE_HANDLE handles[2];
    // It returns with the lock held, and the second time that is the mistake.
    const auto acquire = [](ULONG i) NO_THREAD_SAFETY_ANALYSIS { KeAcquireInStackQueuedSpinLock(&lock, &handles[i]); };
    acquire(0);
    acquire(1);
}

// SYH-07
GUEST_TEST_BUGCHECK(QueuedLockFreedWithoutHoldingIt, SPIN_LOCK_NOT_OWNED) {
    const auto release = []() NO_THREAD_SAFETY_ANALYSIS {
        KfRaiseIrql(DISPATCH_LEVEL);
        KeReleaseQueuedSpinLock(LockQueueIoVpbLock, PASSIVE_LEVEL);
    };
    release();
}
#endif
