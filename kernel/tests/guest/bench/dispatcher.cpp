// What `make bench` measures: each routine of this folder does one operation `Iterations` times.
//
// The host calls a routine with n and with 2n iterations and divides the difference of guest instructions (-icount) by
// n, so that calling costs nothing and the figure is the same on every machine. Called at PASSIVE_LEVEL in a thread.
#include "crowd.h"

#include "guest_main.h"
#include "ps/process.h"

namespace {

struct PING_PONG {
    KEVENT Ping;
    KEVENT Pong;
    ULONG Iterations;
    EPROCESS* Process; ///< in whose address space the other thread runs; nullptr: in the system's
};

void NTAPI Ponger(PVOID StartContext) {
    auto& game = *static_cast<PING_PONG*>(StartContext);
    KAPC_STATE saved;
    if (game.Process) KeStackAttachProcess(&game.Process->Pcb, &saved);
    for (ULONG i = 0; i < game.Iterations; i++) {
        (void)KeWaitForSingleObject(&game.Ping, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        (void)KeSetEvent(&game.Pong, 0, FALSE);
    }
    if (game.Process) KeUnstackDetachProcess(&saved);
}

/// Two threads of one priority hand an event back and forth: two context switches an iteration.
ULONG PingPong(ULONG iterations, EPROCESS* process) {
    PING_PONG game;
    KeInitializeEvent(&game.Ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&game.Pong, SynchronizationEvent, FALSE);
    game.Iterations = iterations;
    game.Process = process;
    const KPRIORITY before = KeSetPriorityThread(KeGetCurrentThread(), BenchPriority);
    PETHREAD other;
    if (!NT_SUCCESS(PsStartSystemThread(&other, "Ponger", BenchPriority, Ponger, &game))) return 0;
    for (ULONG i = 0; i < iterations; i++) {
        (void)KeSetEvent(&game.Ping, 0, FALSE);
        (void)KeWaitForSingleObject(&game.Pong, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    }
    (void)KeWaitForSingleObject(other, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(other);
    (void)KeSetPriorityThread(KeGetCurrentThread(), before);
    return iterations;
}

volatile LONG DpcRuns;
void NTAPI CountDpc(PKDPC, PVOID, PVOID, PVOID) { InterlockedIncrement(&DpcRuns); }

} // namespace

extern "C" {

/// Between two threads of the system's address space.
NTEXPORT ULONG NTAPI BenchContextSwitch(ULONG Iterations) { return PingPong(Iterations, nullptr); }

/// Between a thread of the system's address space and one of a process.
NTEXPORT ULONG NTAPI BenchSpaceSwitch(ULONG Iterations) {
    EPROCESS* process;
    if (!NT_SUCCESS(PspCreateProcess("Ponger", &process))) return 0;
    const ULONG done = PingPong(Iterations, process);
    PspDeleteProcess(process);
    return done;
}

/// KeSetEvent when nobody waits.
NTEXPORT ULONG NTAPI BenchSetEvent(ULONG Iterations) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    for (ULONG i = 0; i < Iterations; i++)
        (void)KeSetEvent(&event, 0, FALSE);
    return Iterations;
}

/// From KeInsertQueueDpc at PASSIVE_LEVEL to the return from the interrupt that ran the DPC.
NTEXPORT ULONG NTAPI BenchDpc(ULONG Iterations) {
    KDPC dpc;
    KeInitializeDpc(&dpc, CountDpc, nullptr);
    DpcRuns = 0;
    for (ULONG i = 0; i < Iterations; i++)
        (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
    return ULONG(DpcRuns);
}

/// KeSetTimer and KeCancelTimer of a timer that does not expire.
NTEXPORT ULONG NTAPI BenchTimer(ULONG Iterations) {
    KTIMER timer;
    KeInitializeTimer(&timer);
    for (ULONG i = 0; i < Iterations; i++) {
        (void)KeSetTimer(&timer, KeRelativeMilliseconds(60'000), nullptr);
        (void)KeCancelTimer(&timer);
    }
    return Iterations;
}
}
