// Gates on the real machine: hand-off between threads, and its price next to an event's.
// DSP-10
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr LONG Rounds = 200;

void Join(PETHREAD thread) {
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(thread);
}

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

struct GAME {
    KGATE Ping;
    KGATE Pong;
    volatile LONG Count;
};

void NTAPI Answer(PVOID StartContext) {
    auto& game = *static_cast<GAME*>(StartContext);
    for (LONG i = 0; i < Rounds; i++) {
        KeWaitForGate(&game.Ping, KWAIT_REASON::WrKernel, KernelMode);
        game.Count = game.Count + 1;
        KeSignalGateBoostPriority(&game.Pong);
    }
}

void NTAPI WaitOnce(PVOID StartContext) {
    auto& game = *static_cast<GAME*>(StartContext);
    KeWaitForGate(&game.Ping, KWAIT_REASON::WrKernel, KernelMode);
    InterlockedIncrement(&game.Count);
}

} // namespace

// DSP-10
GUEST_TEST(TwoThreadsHandOverInTurn) {
    const KPRIORITY priorities[] = {6, 8, 12};
    for (KPRIORITY priority : priorities) {
        GAME game = {};
        KeInitializeGate(&game.Ping);
        KeInitializeGate(&game.Pong);
        PETHREAD thread;
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Answer", priority, Answer, &game));
        for (LONG i = 0; i < Rounds; i++) {
            KeSignalGateBoostPriority(&game.Ping);
            KeWaitForGate(&game.Pong, KWAIT_REASON::WrKernel, KernelMode);
            GUEST_EQUAL(i + 1, game.Count);
        }
        Join(thread);
        GUEST_EQUAL(0, game.Ping.Header.SignalState);
        GUEST_EQUAL(0, game.Pong.Header.SignalState);
    }
}

// DSP-10, DSP-17
GUEST_TEST(SignalWakesOneOfSeveral) {
    GAME game = {};
    KeInitializeGate(&game.Ping);
    PETHREAD threads[3];
    for (PETHREAD& thread : threads)
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Waiter", 7, WaitOnce, &game));
    Sleep(20);
    for (PETHREAD thread : threads)
        GUEST_TRUE(thread->Tcb.State == KTHREAD_STATE::GateWait);
    for (LONG i = 1; i <= 3; i++) {
        KeSignalGateBoostPriority(&game.Ping);
        Sleep(20);
        GUEST_EQUAL(i, game.Count);
    }
    for (PETHREAD thread : threads)
        Join(thread);
}

// DSP-10: what a timer's DPC signals
namespace {
void NTAPI SignalFromDpc(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    KeSignalGateBoostPriority(static_cast<KGATE*>(DeferredContext));
}
} // namespace
GUEST_TEST(DpcMaySignal) {
    KGATE gate;
    KTIMER timer;
    KDPC dpc;
    KeInitializeGate(&gate);
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, SignalFromDpc, &gate);
    (void)KeSetTimer(&timer, KeRelativeMilliseconds(20), &dpc);
    const ULONGLONG before = KeQueryInterruptTime();
    KeWaitForGate(&gate, KWAIT_REASON::WrKernel, KernelMode);
    GUEST_TRUE(KeQueryInterruptTime() - before >= 200'000);
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

namespace {

struct RACE {
    KGATE Gate[2];
    KEVENT Event[2];
};

ULONGLONG Stamp() {
    ULONG low, high;
    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return ULONGLONG(high) << 32 | low;
}

void NTAPI AnswerGates(PVOID StartContext) {
    auto& race = *static_cast<RACE*>(StartContext);
    for (LONG i = 0; i < Rounds; i++) {
        KeWaitForGate(&race.Gate[0], KWAIT_REASON::WrKernel, KernelMode);
        KeSignalGateBoostPriority(&race.Gate[1]);
    }
}

void NTAPI AnswerEvents(PVOID StartContext) {
    auto& race = *static_cast<RACE*>(StartContext);
    for (LONG i = 0; i < Rounds; i++) {
        (void)KeWaitForSingleObject(&race.Event[0], KWAIT_REASON::WrKernel, KernelMode, FALSE, nullptr);
        (void)KeSetEvent(&race.Event[1], 0, FALSE);
    }
}

/// Time of all rounds, there and back.
ULONGLONG Play(RACE& race, bool gates) {
    PETHREAD thread;
    const LONG priority = KeQueryPriorityThread(KeGetCurrentThread());
    if (!NT_SUCCESS(PsStartSystemThread(&thread, "Answer", priority, gates ? AnswerGates : AnswerEvents, &race)))
        return 0;
    const ULONGLONG start = Stamp();
    for (LONG i = 0; i < Rounds; i++) {
        if (gates) {
            KeSignalGateBoostPriority(&race.Gate[0]);
            KeWaitForGate(&race.Gate[1], KWAIT_REASON::WrKernel, KernelMode);
        } else {
            (void)KeSetEvent(&race.Event[0], 0, FALSE);
            (void)KeWaitForSingleObject(&race.Event[1], KWAIT_REASON::WrKernel, KernelMode, FALSE, nullptr);
        }
    }
    const ULONGLONG time = Stamp() - start;
    Join(thread);
    return time;
}

} // namespace

// DSP-10
GUEST_TEST(HandOverCostsLessThanAnEvents) {
    RACE race;
    for (KGATE& gate : race.Gate)
        KeInitializeGate(&gate);
    for (KEVENT& event : race.Event)
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    (void)KeSetAffinityThread(KeGetCurrentThread(), 1); // both on one processor: switches, no waiting for another
    const ULONGLONG events = Play(race, false);
    const ULONGLONG gates = Play(race, true);
    GUEST_TRUE(events != 0 && gates != 0);
    if (KeNumberProcessors == 1) GUEST_TRUE(gates < events);
}
