// Queues on the real machine: the bound on active threads with threads that really run, block and are preempted.
// DSP-06
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr KPRIORITY WorkerPriority = 7;
constexpr ULONG Threads = 4;
constexpr LONG Items = 60;

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

struct ITEM {
    LIST_ENTRY Link;
    volatile LONG Handled;
};

/// A pool of threads on one queue; what they do with an item is the test's.
struct POOL {
    KQUEUE Queue;
    PETHREAD Thread[Threads];
    void (*Handle)(POOL& pool, ITEM& item);
    volatile LONG Active;
    volatile LONG MostActive;
    volatile LONG Done;
    ITEM Item[Items];
};

void NTAPI Serve(PVOID StartContext) {
    auto& pool = *static_cast<POOL*>(StartContext);
    for (;;) {
        LIST_ENTRY* const link = KeRemoveQueue(&pool.Queue, KernelMode, nullptr);
        if (!KeIsQueueEntry(link)) break;
        ITEM& item = *CONTAINING_RECORD(link, ITEM, Link);
        const LONG active = InterlockedIncrement(&pool.Active);
        for (LONG most = pool.MostActive; most < active;)
            most = InterlockedCompareExchange(&pool.MostActive, active, most);
        InterlockedIncrement(&item.Handled);
        pool.Handle(pool, item);
        InterlockedIncrement(&pool.Done);
    }
}

void Open(POOL& pool, ULONG maximum, void (*handle)(POOL& pool, ITEM& item)) {
    RtlZeroMemory(&pool, sizeof(pool));
    KeInitializeQueue(&pool.Queue, maximum);
    pool.Handle = handle;
    for (PETHREAD& thread : pool.Thread)
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Server", WorkerPriority, Serve, &pool));
    Sleep(20);
    GUEST_EQUAL(0u, pool.Queue.CurrentCount); // all wait
}

void Close(POOL& pool) {
    GUEST_TRUE(KeRundownQueue(&pool.Queue) == nullptr);
    for (PETHREAD thread : pool.Thread) {
        (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(thread);
    }
}

/// Busy for longer than a turn, so that another active thread would get the processor.
void Work(POOL& pool, ITEM&) {
    const ULONG start = KeTickCount.LowPart;
    while (KeTickCount.LowPart - start < 3)
        YieldProcessor(); // without, the emulator may run this processor alone for many ticks
    InterlockedDecrement(&pool.Active);
}

void BlockAndWork(POOL& pool, ITEM&) {
    InterlockedDecrement(&pool.Active);
    Sleep(20);
}

POOL Pool;

} // namespace

// DSP-06
GUEST_TEST(NoMoreThreadsWorkThanTheMaximum) {
    for (ULONG maximum = 1; maximum <= 2; maximum++) {
        Open(Pool, maximum, Work);
        for (LONG i = 0; i < 20; i++)
            (void)KeInsertQueue(&Pool.Queue, &Pool.Item[i].Link);
        Sleep(1500);
        GUEST_EQUAL(20, Pool.Done);
        GUEST_EQUAL(LONG(maximum), Pool.MostActive); // as many as allowed, and no more
        for (LONG i = 0; i < 20; i++)
            GUEST_EQUAL(1, Pool.Item[i].Handled);
        Close(Pool);
    }
}

// DSP-06
GUEST_TEST(BlockingThreadsLetTheOthersIn) {
    Open(Pool, 1, BlockAndWork);
    const ULONG start = KeTickCount.LowPart;
    for (ITEM& item : Pool.Item)
        (void)KeInsertQueue(&Pool.Queue, &item.Link);
    while (Pool.Done < Items && KeTickCount.LowPart - start < 1000)
        Sleep(10);
    const ULONG ticks = KeTickCount.LowPart - start;
    GUEST_EQUAL(Items, Pool.Done);
    // One after the other it would take Items * 2 ticks and more; the four of them sleep at the same time.
    GUEST_TRUE(ticks < ULONG(Items));
    GUEST_EQUAL(0u, Pool.Queue.CurrentCount);
    Close(Pool);
}

// DSP-06
GUEST_TEST(RemoveWithATimeoutEndsInTime) {
    KQUEUE queue;
    KeInitializeQueue(&queue, 1);
    LARGE_INTEGER timeout = KeRelativeMilliseconds(50);
    const ULONGLONG before = KeQueryInterruptTime();
    LIST_ENTRY* const result = KeRemoveQueue(&queue, KernelMode, &timeout);
    GUEST_EQUAL(ULONG(STATUS_TIMEOUT), reinterpret_cast<ULONG_PTR>(result));
    GUEST_TRUE(KeQueryInterruptTime() - before >= 500'000);
    GUEST_TRUE(IsListEmpty(&queue.Header.WaitListHead));
    GUEST_TRUE(KeRundownQueue(&queue) == nullptr); // this thread leaves it
    GUEST_TRUE(KeGetCurrentThread()->Queue == nullptr);
}
