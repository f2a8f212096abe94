// A little of everything that synchronizes, for pictures: `make timeline` shows this run unless told otherwise.
//
// Two producers and two consumers share a bounded buffer (semaphores for its slots, a mutant around it); a periodic
// timer's DPC signals an event for a thread of higher priority, which also listens for the end.
// TOL-03, DSP-01
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr ULONG Slots = 3;
constexpr LONG ItemsEach = 6;
constexpr LONG TickMilliseconds = 20;
constexpr KPRIORITY Middle = 9;
constexpr KPRIORITY High = 13;
constexpr LONG WaitMilliseconds = 5000;

KSEMAPHORE FreeSlots;
KSEMAPHORE FullSlots;
KMUTANT BufferLock;
KEVENT Tick;
KEVENT EveryItemIsOut;
KTIMER Clock;
KDPC ClockDpc;
LONG Buffer[Slots];
ULONG Head;
ULONG Tail;
LONG Sum;
LONG Out;
LONG Ticks;

void Take(PVOID object) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(WaitMilliseconds);
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout));
}

void Work(ULONG rounds) {
    for (volatile ULONG i = 0; i < rounds; i = i + 1) {}
}

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

void NTAPI Producer(PVOID StartContext) {
    const auto first = LONG(reinterpret_cast<LONG_PTR>(StartContext));
    for (LONG item = first; item < first + ItemsEach; item++) {
        Work(20000);
        Take(&FreeSlots);
        Take(&BufferLock);
        Buffer[Head++ % Slots] = item;
        Work(4000);
        (void)KeReleaseMutant(&BufferLock, 1, FALSE, FALSE);
        (void)KeReleaseSemaphore(&FullSlots, 1, 1, FALSE);
        if (item % 3 == 0) Sleep(15);
    }
}

void NTAPI Consumer(PVOID StartContext) {
    for (LONG i = 0; i < ItemsEach; i++) {
        Take(&FullSlots);
        Take(&BufferLock);
        Sum += Buffer[Tail++ % Slots];
        const bool last = ++Out == 2 * ItemsEach;
        Work(3000);
        (void)KeReleaseMutant(&BufferLock, 1, FALSE, FALSE);
        (void)KeReleaseSemaphore(&FreeSlots, 1, 1, FALSE);
        Work(60000);
        if (last) KeSetEvent(&EveryItemIsOut, 2, FALSE);
    }
}

void NTAPI SignalTick(PKDPC, PVOID, PVOID, PVOID) { KeSetEvent(&Tick, 1, FALSE); }

void NTAPI Ticker(PVOID StartContext) {
    PVOID objects[] = {&Tick, &EveryItemIsOut};
    for (;;) {
        LARGE_INTEGER timeout = KeRelativeMilliseconds(WaitMilliseconds);
        const NTSTATUS status = KeWaitForMultipleObjects(2, objects, WaitAny, KWAIT_REASON::Executive, KernelMode,
                                                         FALSE, &timeout, nullptr);
        if (status != STATUS_WAIT_0) break;
        Ticks++;
        Work(2000);
    }
}

void NTAPI Join(PETHREAD thread) {
    Take(thread);
    PsDereferenceThread(thread);
}

} // namespace

// TOL-03, DSP-04, DSP-05, DSP-09, INT-05
GUEST_TEST(BoundedBufferWithAClock) {
    KeInitializeSemaphore(&FreeSlots, Slots, Slots);
    KeInitializeSemaphore(&FullSlots, 0, Slots);
    KeInitializeMutant(&BufferLock, FALSE);
    KeInitializeEvent(&Tick, SynchronizationEvent, FALSE);
    KeInitializeEvent(&EveryItemIsOut, NotificationEvent, FALSE);
    KeInitializeDpc(&ClockDpc, SignalTick, nullptr);
    KeInitializeTimer(&Clock);
    (void)KeSetTimerEx(&Clock, KeRelativeMilliseconds(TickMilliseconds), TickMilliseconds, &ClockDpc);

    struct {
        PCSTR Name;
        KPRIORITY Priority;
        PKSTART_ROUTINE Routine;
        LONG First;
    } const cast[] = {{"Producer A", Middle, Producer, 0},
                      {"Producer B", Middle, Producer, 100},
                      {"Consumer A", Middle, Consumer, 0},
                      {"Consumer B", Middle, Consumer, 0},
                      {"Ticker", High, Ticker, 0}};
    PETHREAD threads[sizeof(cast) / sizeof(cast[0])];
    for (ULONG i = 0; i < sizeof(cast) / sizeof(cast[0]); i++) {
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&threads[i], cast[i].Name, cast[i].Priority, cast[i].Routine,
                                                        reinterpret_cast<PVOID>(LONG_PTR(cast[i].First))));
    }
    for (PETHREAD thread : threads)
        Join(thread);
    (void)KeCancelTimer(&Clock);

    LONG expected = 0;
    for (LONG i = 0; i < ItemsEach; i++)
        expected += i + (100 + i);
    GUEST_EQUAL(expected, Sum);
    GUEST_EQUAL(2 * ItemsEach, Out);
    GUEST_TRUE(Ticks > 0);
}
