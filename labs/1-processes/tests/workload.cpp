// Threads that do what the host tells them: the guest's side of the scheduler tests.
//
// The host writes a LAB_STAGE into LabScratch: actors with priorities, quanta and short scripts. Lab1Prepare makes a
// thread of each, which stops at its gate; Lab1Perform opens all gates at once and returns when its own thread, which
// the host has given the lowest priority, runs again: then every actor waits. Each operation is announced by a call of
// Lab1Step, where the host stops the machine and looks: what the guest writes is never evidence.
//
// Invariants: an actor never ends, it waits at the curtain; snapshots, not code, clean up after a test.
// IRQL: Lab1Prepare and Lab1Perform PASSIVE_LEVEL; an actor raises to DISPATCH_LEVEL between RAISE and LOWER only.
// In the books: "thread scheduling". SCH-01, SCH-12, SCH-13
#include "ke.h"
#include "ps.h"

namespace {

constexpr ULONG MAXIMUM_ACTORS = 24;
constexpr ULONG MAXIMUM_EVENTS = 16;
constexpr ULONG FIRST_NOTIFICATION = 8; ///< events from here on release all waiters
constexpr ULONG MAXIMUM_OPERATIONS = 60;

/// What an actor can do. The numbers are known to workload.py.
enum class LAB_CODE : UCHAR {
    Step = 0,
    Signal = 1,   ///< KeSetEvent(event Target, increment Value)
    Wait = 2,     ///< KeWaitForSingleObject(event Target)
    Priority = 3, ///< KeSetPriorityThread(actor Target, Value)
    Yield = 4,
    Raise = 5, ///< to DISPATCH_LEVEL ...
    Lower = 6, ///< ... and back: what became ready meanwhile is dispatched now
    Spin = 7,  ///< until the clock has charged this thread for Value more ticks
    Boost = 8, ///< KeBoostPriorityThread(actor Target, Value)
    Pulse = 9, ///< KePulseEvent(event Target, increment Value): all waiters are released in one moment
};

struct LAB_OPERATION {
    LAB_CODE Code;
    UCHAR Target;
    SHORT Value;
};

struct LAB_ACTOR {
    ULONG Priority;
    SCHAR Quantum; ///< units at the start ...
    SCHAR QuantumReset;
    USHORT OperationCount;
    PETHREAD Thread; ///< filled by Lab1Prepare
    ULONG Reserved;
    LAB_OPERATION Operations[MAXIMUM_OPERATIONS];
};
static_assert(sizeof(LAB_ACTOR) == 256, "workload.py packs it");

struct LAB_STAGE {
    ULONG ActorCount;
    ULONG EventCount;
    ULONG Reserved[14];
    LAB_ACTOR Actors[MAXIMUM_ACTORS];
};

KEVENT Gates[MAXIMUM_ACTORS];
KEVENT Events[MAXIMUM_EVENTS];
KEVENT Curtain; ///< never signaled

} // namespace

extern "C" {

/// The host's: parameters at its beginning, room for objects of a test behind them.
alignas(PAGE_SIZE) NTEXPORT UCHAR LabScratch[64 * 1024];

/// An actor announces operation `Operation`. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab1Step(ULONG Actor, ULONG Operation) {
    __asm__ __volatile__("" ::"r"(Actor), "r"(Operation) : "memory");
}

/// A spinning actor announces that it has the processor again. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab1Turn(ULONG Actor) {
    __asm__ __volatile__("" ::"r"(Actor) : "memory");
}

/// A system routine for threads that the host makes by hand. The host has a breakpoint here. It returns, which a system
/// routine must not do.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab1System(PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
    __asm__ __volatile__("" ::"r"(StartRoutine), "r"(StartContext) : "memory");
}
}

namespace {

LAB_STAGE& Stage() { return *reinterpret_cast<LAB_STAGE*>(LabScratch); }

void WaitFor(KEVENT& event) {
    (void)KeWaitForSingleObject(&event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

volatile ULONG Spinning = ~0u; ///< the actor that span last

/// Uses up processor time until the clock has charged `ticks` more. On a page of its own: an emulator runs a page that has a breakpoint
/// (the routines above) instruction by instruction.
__attribute__((noinline, aligned(PAGE_SIZE))) void Spin(ULONG me, ULONG ticks) {
    volatile ULONG* const charged = &KeGetCurrentThread()->KernelTime;
    for (const ULONG end = *charged + ticks; *charged < end;) {
        __asm__ __volatile__(".rept 400\n nop\n .endr"); // time passes, and costs the emulator nothing
        if (Spinning == me) continue;
        Spinning = me;
        Lab1Turn(me);
    }
}

void Perform(ULONG me, const LAB_OPERATION& operation) {
    switch (operation.Code) {
    case LAB_CODE::Step: break;
    case LAB_CODE::Signal: (void)KeSetEvent(&Events[operation.Target], operation.Value, FALSE); break;
    case LAB_CODE::Wait: WaitFor(Events[operation.Target]); break;
    case LAB_CODE::Priority:
        (void)KeSetPriorityThread(&Stage().Actors[operation.Target].Thread->Tcb, operation.Value);
        break;
    case LAB_CODE::Yield: (void)KeYieldExecution(); break;
    case LAB_CODE::Raise: (void)KfRaiseIrql(DISPATCH_LEVEL); break;
    case LAB_CODE::Lower: KfLowerIrql(PASSIVE_LEVEL); break;
    case LAB_CODE::Spin: Spin(me, ULONG(operation.Value)); break;
    case LAB_CODE::Boost: KeBoostPriorityThread(&Stage().Actors[operation.Target].Thread->Tcb, operation.Value); break;
    case LAB_CODE::Pulse: (void)KePulseEvent(&Events[operation.Target], operation.Value, FALSE); break;
    }
}

void NTAPI Actor(PVOID context) {
    const ULONG number = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(context));
    const LAB_ACTOR& me = Stage().Actors[number];
    PKTHREAD const thread = KeGetCurrentThread();
    thread->QuantumReset = me.QuantumReset;
    thread->Quantum = me.Quantum;

    WaitFor(Gates[number]);
    for (ULONG i = 0; i < me.OperationCount; i++) {
        Lab1Step(number, i);
        Perform(number, me.Operations[i]);
    }
    WaitFor(Curtain);
}

} // namespace

extern "C" {

/// Makes the actors; each waits at its gate when this returns. @irql PASSIVE_LEVEL
NTEXPORT NTSTATUS NTAPI Lab1Prepare() {
    LAB_STAGE& stage = Stage();
    KeInitializeEvent(&Curtain, NotificationEvent, FALSE);
    for (ULONG i = 0; i < MAXIMUM_EVENTS; i++)
        KeInitializeEvent(&Events[i], i < FIRST_NOTIFICATION ? SynchronizationEvent : NotificationEvent, FALSE);
    for (ULONG i = 0; i < stage.ActorCount; i++) {
        LAB_ACTOR& actor = stage.Actors[i];
        KeInitializeEvent(&Gates[i], SynchronizationEvent, FALSE);
        NT_TRY(
            PsStartSystemThread(&actor.Thread, "actor", KPRIORITY(actor.Priority), Actor, reinterpret_cast<PVOID>(i)));
    }
    return STATUS_SUCCESS;
}

/// Opens all gates in one moment. Returns when every actor waits. @irql PASSIVE_LEVEL
NTEXPORT void NTAPI Lab1Perform() {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    for (ULONG i = 0; i < Stage().ActorCount; i++)
        (void)KeSetEvent(&Gates[i], 0, FALSE);
    KfLowerIrql(oldIrql);
}

NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) { return STATUS_SUCCESS; }
}
