// Several processors: their start, what they ask of each other, and scheduling across them.
//
// The same tests run on 1, 2 and 4 processors (run.py --smp); on one they show that nothing needs a second. What the
// host can judge better than the guest (traces, backtraces of a bugcheck) is in kernel/tests/python/test_processors.py.
// INT-01, SCH-18
#include "hal.h"
#include "mm.h"
#include "ps.h"

#include "guest_main.h"
#include "pinned.h"

// ARC-03, SCH-02, TRP-01
GUEST_TEST(EveryProcessorHasStructuresOfItsOwn) {
    for (ULONG i = 0; i < Processors(); i++) {
        (void)KeSetAffinityThread(KeGetCurrentThread(), Only(i));
        const nt::DispatchLevelGuard guard;
        const KPCR& pcr = *KeGetPcr();
        const KPRCB& prcb = *KiProcessorBlock[i];
        GUEST_EQUAL(i, pcr.Number);
        GUEST_EQUAL(Only(i), pcr.SetMember);
        GUEST_TRUE(pcr.Prcb == &prcb && prcb.Number == i);
        GUEST_TRUE(prcb.CurrentThread == KeGetCurrentThread());
        GUEST_TRUE(pcr.StallScaleFactor != 0 && prcb.MHz == KiProcessorBlock[0]->MHz);
        GUEST_TRUE(prcb.DpcStack != nullptr && prcb.IdleThread->State == KTHREAD_STATE::Running);
        for (ULONG j = 0; j < i; j++) {
            const KPCR& other = *CONTAINING_RECORD(KiProcessorBlock[j], KPCR, PrcbData);
            GUEST_TRUE(other.GDT != pcr.GDT && other.TSS != pcr.TSS && other.IDT == pcr.IDT);
            GUEST_TRUE(other.Prcb->IdleThread != prcb.IdleThread && other.Prcb->DpcStack != prcb.DpcStack);
        }
    }
    GUEST_EQUAL(Only(Processors()) - 1, All());
}

// SCH-18
GUEST_TEST(RunningThreadMovesAsSoonAsItsAffinityChanges) {
    SPINNER spinner = {};
    PETHREAD thread = StartOn(Only(Processors() - 1), Processors() - 1, 12, Spin, &spinner);
    if (Processors() == 1) Sleep(30); // it has this processor for itself only while nobody better wants it
    for (ULONG i = 0; i + 1 < Processors(); i++) {
        const ULONG target = Processors() - 1 - i;
        (void)KeSetAffinityThread(&thread->Tcb, Only(target));
        GUEST_TRUE(Comes([&] { return spinner.Processor == target; }));
    }
    (void)KeSetPriorityThread(KeGetCurrentThread(), 13);
    (void)KeSetAffinityThread(&thread->Tcb, Only(0)); // this one: it is ready behind us
    Sleep(30);
    GUEST_EQUAL(0, spinner.Processor);
    spinner.Stop = true;
    Join(thread);
}

// SCH-18: the ideal processor first, then any other that is idle
GUEST_TEST(ThreadGoesToItsIdealProcessorWhenThatIsIdle) {
    struct SEEN {
        ULONG Processor;
    } seen;
    const auto look = [](PVOID context) __attribute__((stdcall)) {
        static_cast<SEEN*>(context)->Processor = KeGetCurrentProcessorNumber();
    };
    for (ULONG i = 1; i < Processors(); i++) {
        Sleep(30); // until the reaper and others have done what was left
        Join(StartOn(All(), i, 8, look, &seen));
        GUEST_EQUAL(i, seen.Processor);
    }
    Join(StartOn(Only(0), 0, 8, look, &seen));
    GUEST_EQUAL(0, seen.Processor);
}

// INT-01: simultaneous, at IPI_LEVEL, on all
GUEST_TEST(GenericCallRunsOnAllProcessorsAtOnce) {
    struct MEETING {
        volatile LONG Present;
        volatile ULONG Irql[MAXIMUM_PROCESSORS];
        volatile LONG TogetherSeen;
    } meeting = {};
    const auto meet = [](ULONG_PTR argument) __attribute__((stdcall))->ULONG_PTR {
        auto& here = *reinterpret_cast<MEETING*>(argument);
        const ULONG number = KeGetCurrentProcessorNumber();
        here.Irql[number] = ULONG(KeGetCurrentIrql());
        InterlockedIncrement(&here.Present);
        while (here.Present != KeNumberProcessors) // ends only if the others are in here too
            YieldProcessor();
        InterlockedIncrement(&here.TogetherSeen);
        return number + 100;
    };
    for (ULONG i = 0; i < Processors(); i++) {
        meeting = {};
        (void)KeSetAffinityThread(KeGetCurrentThread(), Only(i));
        GUEST_EQUAL(i + 100, KeIpiGenericCall(meet, reinterpret_cast<ULONG_PTR>(&meeting)));
        GUEST_EQUAL(KeNumberProcessors, meeting.TogetherSeen);
        for (ULONG j = 0; j < Processors(); j++)
            GUEST_EQUAL(ULONG(IPI_LEVEL), meeting.Irql[j]);
        GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
    }
}

// INT-01: two callers at once never wait for each other
GUEST_TEST(GenericCallsFromAllSidesAllComeThrough) {
    constexpr ULONG calls = 200;
    static volatile LONG executed;
    executed = 0;
    const auto count = [](ULONG_PTR) __attribute__((stdcall))->ULONG_PTR {
        InterlockedIncrement(&executed);
        return 0;
    };
    static PKIPI_BROADCAST_WORKER worker;
    worker = count;
    const auto caller = [](PVOID) __attribute__((stdcall)) {
        for (ULONG i = 0; i < calls; i++)
            (void)KeIpiGenericCall(worker, 0);
    };
    PETHREAD threads[MAXIMUM_PROCESSORS];
    for (ULONG i = 0; i < Processors(); i++)
        threads[i] = StartOn(Only(i), i, 10, caller, nullptr);
    for (ULONG i = 0; i < Processors(); i++)
        Join(threads[i]);
    GUEST_EQUAL(LONG(calls * Processors() * Processors()), executed);
}

// INT-05, INT-06
GUEST_TEST(DpcRunsOnTheProcessorItIsSentTo) {
    struct SEEN {
        volatile ULONG Processor;
        volatile ULONG Irql;
    } seen;
    const auto routine = [](PKDPC, PVOID context, PVOID, PVOID) __attribute__((stdcall)) {
        auto& result = *static_cast<SEEN*>(context);
        result.Irql = ULONG(KeGetCurrentIrql());
        result.Processor = KeGetCurrentProcessorNumber();
    };
    for (ULONG i = 0; i < Processors(); i++) {
        KDPC dpc;
        seen = {~0u, 0};
        KeInitializeDpc(&dpc, routine, &seen);
        KeSetTargetProcessorDpc(&dpc, CHAR(i));
        KeSetImportanceDpc(&dpc, KDPC_IMPORTANCE::HighImportance);
        GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
        GUEST_TRUE(Comes([&] { return seen.Processor != ~0u; }, 2));
        GUEST_EQUAL(i, seen.Processor);
        GUEST_EQUAL(ULONG(DISPATCH_LEVEL), seen.Irql);
    }
    // On busy processors too, and for any importance within a few ticks.
    SPINNERS busy(12);
    for (ULONG i = 1; i < Processors(); i++) {
        constexpr KDPC_IMPORTANCE patient[] = {KDPC_IMPORTANCE::LowImportance, KDPC_IMPORTANCE::MediumImportance};
        for (const KDPC_IMPORTANCE importance : patient) {
            KDPC dpc;
            seen = {~0u, 0};
            KeInitializeDpc(&dpc, routine, &seen);
            KeSetTargetProcessorDpc(&dpc, CHAR(i));
            KeSetImportanceDpc(&dpc, importance);
            GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
            GUEST_TRUE(Comes([&] { return seen.Processor == i; }, 3));
        }
    }
}

namespace {

/// Wakes a waiting thread of priority 10 on each other processor, and looks how long it takes.
void WakeEachAtOnce() {
    struct PAIR {
        KEVENT Go;
        volatile bool Woken;
        ULONG Processor;
    };
    for (ULONG i = 1; i < Processors(); i++) {
        PAIR pair = {};
        KeInitializeEvent(&pair.Go, SynchronizationEvent, FALSE);
        const auto waiter = [](PVOID context) __attribute__((stdcall)) {
            auto& me = *static_cast<PAIR*>(context);
            (void)KeWaitForSingleObject(&me.Go, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            me.Processor = KeGetCurrentProcessorNumber();
            me.Woken = true;
        };
        PETHREAD thread = StartOn(Only(i), i, 10, waiter, &pair);
        Sleep(20); // just behind a tick
        LARGE_INTEGER frequency;
        const LONGLONG start = KeQueryPerformanceCounter(&frequency).QuadPart;
        (void)KeSetEvent(&pair.Go, 0, FALSE);
        while (!pair.Woken && KeQueryPerformanceCounter(nullptr).QuadPart - start < frequency.QuadPart / 2)
            YieldProcessor();
        const LONGLONG microseconds =
            (KeQueryPerformanceCounter(nullptr).QuadPart - start) * 1'000'000 / frequency.QuadPart;
        GUEST_TRUE(pair.Woken && microseconds < 2'000);
        Join(thread);
        GUEST_EQUAL(i, pair.Processor);
    }
    GUEST_TRUE(true);
}

} // namespace

// DSP-14, SCH-13: a signal wakes a thread on another processor long before the next clock tick
GUEST_TEST(SignalWakesAThreadOnAnIdleProcessorAtOnce) { WakeEachAtOnce(); }

// DSP-14, SCH-12, INT-05: and it preempts the thread that runs there
GUEST_TEST(SignalPreemptsAThreadOfAnotherProcessorAtOnce) {
    const SPINNERS busy(8);
    WakeEachAtOnce();
}

namespace {

struct MAPPING {
    volatile ULONG* Word;
    volatile ULONG Phase; ///< 1: read once, its translation is known; 2: another page is there, read again
    volatile ULONG Seen;
};

/// Reads the page, waits without leaving the processor, and reads again.
void NTAPI ReadTwice(PVOID context) {
    auto& mapping = *static_cast<MAPPING*>(context);
    mapping.Seen = *mapping.Word;
    mapping.Phase = 1;
    while (mapping.Phase != 2)
        YieldProcessor();
    mapping.Seen = *mapping.Word;
}

} // namespace

// MEM-04: a page of system space is global; where another page takes its place, every processor sees that one
GUEST_TEST(AnotherPageIsThereOnTheOtherProcessors) {
    constexpr ULONG old = 0x01D01D01, now = 0x2E32E32E;
    auto* const pages = static_cast<ULONG*>(MmAllocateContiguousPages(2));
    auto* const other = pages + PAGE_SIZE / sizeof(ULONG);
    *pages = old;
    *other = now;
    auto* const word = static_cast<ULONG*>(MmMapIoSpace(MmGetPhysicalAddress(pages), PAGE_SIZE, MmCached));
    auto* const entry = reinterpret_cast<volatile ULONG*>(MM_PTE_BASE) + reinterpret_cast<ULONG_PTR>(word) / PAGE_SIZE;
    const ULONG first = *entry;
    const ULONG second = MmGetPhysicalAddress(other).LowPart | (first & (PAGE_SIZE - 1));
    for (ULONG i = 1; i < Processors(); i++) {
        MAPPING mapping = {word, 0, 0};
        PETHREAD thread = StartOn(Only(i), i, 12, ReadTwice, &mapping);
        GUEST_TRUE(Comes([&] { return mapping.Phase == 1; }));
        GUEST_EQUAL(old, mapping.Seen);
        *entry = second;
        KeFlushSingleTb(word, TRUE);
        mapping.Phase = 2;
        Join(thread);
        GUEST_EQUAL(now, mapping.Seen);
        *entry = first;
        KeFlushEntireTb(TRUE, TRUE); // the next one begins with the old page
    }
    GUEST_EQUAL(old, *word);
    MmUnmapIoSpace(word, PAGE_SIZE);
    MmFreeContiguousPages(pages, 2);
}

// HAL-07, KPR-07: every processor has its clock, the first keeps the time
GUEST_TEST(ClockTicksOnEveryProcessor) {
    constexpr ULONG ticks = 40;
    SPINNERS busy(12);
    ULONG before[MAXIMUM_PROCESSORS];
    LARGE_INTEGER start, end;
    KeQueryTickCount(&start);
    const ULONGLONG startTime = KeQueryInterruptTime();
    for (ULONG i = 0; i < Processors(); i++)
        before[i] = KiProcessorBlock[i]->KernelTime;
    Sleep(LONG(ticks) * 10);
    KeQueryTickCount(&end);
    const LONGLONG passed = end.QuadPart - start.QuadPart;
    GUEST_TRUE(passed >= LONGLONG(ticks) && passed <= LONGLONG(ticks) + 3);
    GUEST_EQUAL(passed * LONGLONG(KeQueryTimeIncrement()), LONGLONG(KeQueryInterruptTime() - startTime));
    for (ULONG i = 0; i < Processors(); i++) {
        const LONGLONG own = KiProcessorBlock[i]->KernelTime - before[i];
        GUEST_TRUE(own >= passed - 2 && own <= passed + 2);
    }
}

// SCH-18: no processor was idle when the thread became ready; the one that becomes idle takes it over
GUEST_TEST(IdleProcessorTakesOverAWaitingThread) {
    if (Processors() == 1) return (void)GUEST_TRUE(true);
    (void)KeSetPriorityThread(KeGetCurrentThread(), 20);
    SPINNERS busy(12);
    SPINNER worker = {};
    PETHREAD thread = StartOn(All(), 1, 10, Spin, &worker);
    GUEST_EQUAL(KTHREAD_STATE::Ready, thread->Tcb.State);
    GUEST_EQUAL(1, thread->Tcb.NextProcessor); // its ideal processor: all are busy
    GUEST_EQUAL(0, worker.Turns);
    Sleep(30); // this processor has nothing else to do
    GUEST_TRUE(worker.Turns != 0);
    GUEST_EQUAL(0, worker.Processor);
    // The same with an affinity that forbids it.
    (void)KeSetAffinityThread(&thread->Tcb, Only(1));
    const ULONG turns = worker.Turns;
    Sleep(30);
    GUEST_EQUAL(turns, worker.Turns);
    GUEST_EQUAL(KTHREAD_STATE::Ready, thread->Tcb.State);
    busy.Stop(1);
    Sleep(30);
    GUEST_EQUAL(1, worker.Processor);
    worker.Stop = true;
    Join(thread);
}

// SYH-05, SYH-03, HAL-08
GUEST_TEST(SpinLockAndInterlockedCountExactly) {
    constexpr ULONG rounds = 5'000;
    struct COUNTERS {
        KSPIN_LOCK Lock;
        volatile ULONG Guarded; ///< read and written apart, under the lock
        volatile LONG Interlocked;
    };
    static COUNTERS counters;
    counters = {};
    KeInitializeSpinLock(&counters.Lock);
    const auto count = [](PVOID) __attribute__((stdcall)) NO_THREAD_SAFETY_ANALYSIS { // a call through a pointer
        for (ULONG i = 0; i < rounds; i++) {
            const KIRQL old = KfAcquireSpinLock(&counters.Lock);
            const ULONG value = counters.Guarded;
            if (i % 16 == 0) YieldProcessor(); // lets another processor in between
            counters.Guarded = value + 1;
            KfReleaseSpinLock(&counters.Lock, old);
            InterlockedIncrement(&counters.Interlocked);
        }
    };
    PETHREAD threads[MAXIMUM_PROCESSORS];
    for (ULONG i = 0; i < Processors(); i++)
        threads[i] = StartOn(Only(i), i, 10, count, nullptr);
    for (ULONG i = 0; i < Processors(); i++)
        Join(threads[i]);
    GUEST_EQUAL(rounds * Processors(), counters.Guarded);
    GUEST_EQUAL(LONG(rounds * Processors()), counters.Interlocked);
}

// TRP-09: the host reads what is shown of the others
GUEST_TEST_BUGCHECK(BugCheckWhileOthersSpin, MANUALLY_INITIATED_CRASH) {
    const SPINNERS busy(12);
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}

namespace {

constexpr ULONG RUNNERS = 12;
constexpr ULONG ROUNDS = 60;
KEVENT RunnerEvent[RUNNERS];
KSEMAPHORE Slots;
PETHREAD Runner[RUNNERS];
volatile LONG RunnersDone;

/// A generator of its own for each thread: the same numbers in every run.
ULONG Next(ULONG& state) {
    state = state * 1664525 + 1013904223;
    return state >> 16;
}

/// Waits, signals, yields and moves about; each thread the next one's neighbour.
void NTAPI Run(PVOID context) {
    const auto self = ULONG(reinterpret_cast<ULONG_PTR>(context));
    ULONG state = self * 7919 + 1;
    for (ULONG round = 0; round < ROUNDS; round++) {
        LARGE_INTEGER timeout = KeRelativeMilliseconds(LONG(Next(state) % 3) * 10);
        switch (Next(state) % 6) {
        case 0: (void)KeSetEvent(&RunnerEvent[(self + 1) % RUNNERS], 1, FALSE); break;
        case 1:
            (void)KeWaitForSingleObject(&RunnerEvent[self], KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
            break;
        case 2: (void)KeSetAffinityThread(&Runner[Next(state) % RUNNERS]->Tcb, (Next(state) & All()) | Only(0)); break;
        case 3: (void)KeSetPriorityThread(&Runner[Next(state) % RUNNERS]->Tcb, KPRIORITY(6 + Next(state) % 5)); break;
        case 4: (void)KeYieldExecution(); break;
        default:
            (void)KeWaitForSingleObject(&Slots, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            for (volatile ULONG work = 0; work < 2'000; work = work + 1) {}
            (void)KeReleaseSemaphore(&Slots, 1, 1, FALSE);
        }
    }
    InterlockedIncrement(&RunnersDone);
}

} // namespace

// SCH-04, SCH-12, SCH-14, SCH-18: nothing is lost and nobody is in two places (checked builds look at every step)
GUEST_TEST(ThreadsThatWaitWakeAndMoveAllComeToTheirEnd) {
    RunnersDone = 0;
    KeInitializeSemaphore(&Slots, 2, 2);
    for (KEVENT& event : RunnerEvent)
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    (void)KeSetPriorityThread(KeGetCurrentThread(), 15);
    {
        SPINNERS hold(16); // so that all exist before the first runs
        for (ULONG i = 0; i < RUNNERS; i++)
            Runner[i] = StartOn(All(), i % Processors(), 8, Run, reinterpret_cast<PVOID>(ULONG_PTR(i)));
    }
    for (PETHREAD thread : Runner)
        PsReferenceThread(thread); // the others still speak of those that have ended
    for (PETHREAD thread : Runner)
        Join(thread);
    for (PETHREAD thread : Runner)
        PsDereferenceThread(thread);
    GUEST_EQUAL(LONG(RUNNERS), RunnersDone);
}
