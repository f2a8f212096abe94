// What it costs to hand something over: an APC, a DPC to another processor, a wake-up across processors, a queue's entry.
#include "crowd.h"
#include "ex.h"

namespace {

volatile LONG Runs;

void NTAPI CountDpc(PKDPC, PVOID, PVOID, PVOID) { InterlockedIncrement(&Runs); }
void NTAPI CountApc(PKAPC, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) { InterlockedIncrement(&Runs); }
void NTAPI CountNormal(PVOID, PVOID, PVOID) { InterlockedIncrement(&Runs); }

ULONG DeliverApcs(PKNORMAL_ROUTINE normalRoutine, ULONG iterations) {
    KAPC apc;
    Runs = 0;
    for (ULONG i = 0; i < iterations; i++) {
        KeInitializeApc(&apc, KeGetCurrentThread(), KAPC_ENVIRONMENT::OriginalApcEnvironment, CountApc, nullptr,
                        normalRoutine, KernelMode, nullptr);
        (void)KeInsertQueueApc(&apc, nullptr, nullptr, 0);
    }
    return ULONG(Runs) == iterations * (normalRoutine ? 2 : 1) ? iterations : 0;
}

struct PING_PONG {
    KEVENT Ping;
    KEVENT Pong;
    ULONG Iterations;
};

void NTAPI FarPonger(PVOID StartContext) {
    auto& game = *static_cast<PING_PONG*>(StartContext);
    KeSetAffinityThread(KeGetCurrentThread(), 2);
    for (ULONG i = 0; i < game.Iterations; i++) {
        (void)KeWaitForSingleObject(&game.Ping, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        (void)KeSetEvent(&game.Pong, 0, FALSE);
    }
}

struct HAND_OFF {
    KQUEUE Requests;
    KQUEUE Answers;
    LIST_ENTRY Entry;
    ULONG Iterations;
};

void NTAPI Server(PVOID StartContext) {
    auto& hand = *static_cast<HAND_OFF*>(StartContext);
    for (ULONG i = 0; i < hand.Iterations; i++)
        (void)KeInsertQueue(&hand.Answers, KeRemoveQueue(&hand.Requests, KernelMode, nullptr));
}

} // namespace

extern "C" {

/// A special kernel APC to the calling thread, from its insertion to its return.
NTEXPORT ULONG NTAPI BenchSpecialApc(ULONG Iterations) { return DeliverApcs(nullptr, Iterations); }
/// The same with a normal routine.
NTEXPORT ULONG NTAPI BenchApc(ULONG Iterations) { return DeliverApcs(CountNormal, Iterations); }

/// From KeInsertQueueDpc on one processor until its routine on another has run; both processors' instructions.
NTEXPORT ULONG NTAPI BenchRemoteDpc(ULONG Iterations) {
    KDPC dpc;
    KeSetAffinityThread(KeGetCurrentThread(), 1);
    KeInitializeDpc(&dpc, CountDpc, nullptr);
    KeSetTargetProcessorDpc(&dpc, 1);
    KeSetImportanceDpc(&dpc, KDPC_IMPORTANCE::HighImportance);
    Runs = 0;
    for (ULONG i = 0; i < Iterations; i++) {
        (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
        while (ULONG(Runs) != i + 1)
            YieldProcessor();
    }
    return ULONG(Runs);
}

/// Two threads on two processors hand an event back and forth: two wake-ups an iteration, all processors' instructions.
NTEXPORT ULONG NTAPI BenchFarWakeUp(ULONG Iterations) {
    PING_PONG game;
    KeInitializeEvent(&game.Ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&game.Pong, SynchronizationEvent, FALSE);
    game.Iterations = Iterations;
    KeSetAffinityThread(KeGetCurrentThread(), 1);
    PETHREAD other;
    if (!NT_SUCCESS(PsStartSystemThread(&other, "FarPonger", BenchPriority, FarPonger, &game))) return 0;
    for (ULONG i = 0; i < Iterations; i++) {
        (void)KeSetEvent(&game.Ping, 0, FALSE);
        (void)KeWaitForSingleObject(&game.Pong, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    }
    (void)KeWaitForSingleObject(other, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(other);
    return Iterations;
}

/// An entry goes to a server thread through one KQUEUE and comes back through another: two hand-offs an iteration.
NTEXPORT ULONG NTAPI BenchQueue(ULONG Iterations) {
    HAND_OFF hand;
    KeInitializeQueue(&hand.Requests, 1);
    KeInitializeQueue(&hand.Answers, 1);
    hand.Iterations = Iterations;
    const KPRIORITY before = KeSetPriorityThread(KeGetCurrentThread(), BenchPriority);
    PETHREAD server;
    if (!NT_SUCCESS(PsStartSystemThread(&server, "Server", BenchPriority, Server, &hand))) return 0;
    for (ULONG i = 0; i < Iterations; i++) {
        (void)KeInsertQueue(&hand.Requests, &hand.Entry);
        if (KeRemoveQueue(&hand.Answers, KernelMode, nullptr) != &hand.Entry) return 0;
    }
    (void)KeWaitForSingleObject(server, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(server);
    (void)KeRundownQueue(&hand.Answers);
    (void)KeRundownQueue(&hand.Requests);
    (void)KeSetPriorityThread(KeGetCurrentThread(), before);
    return Iterations;
}
}
