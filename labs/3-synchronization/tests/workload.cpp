// Threads that do what the host tells them: the guest's side of the tests that follow whole runs.
//
// The host writes a LAB_STAGE into LabScratch: dispatcher objects, and actors with priorities and short scripts.
// Lab3Prepare makes the objects and a thread of each actor, which stops at its gate; Lab3Perform opens all gates at once
// and returns when as many actors are done as the host expects. Each operation is announced by a call of Lab3Step, and
// its result by one of Lab3Done, where the host stops the machine and looks: what the guest writes is never evidence.
//
// Invariants: actors run on processor 0 only; one that is done waits at the curtain; snapshots, not code, clean up.
// IRQL: PASSIVE_LEVEL.
// In the books: "dispatcher objects", "waiting for dispatcher objects". DSP-01..05, DSP-12..14
#include "ke.h"
#include "ps.h"

#define KX_OWN_DRIVER_ENTRY
#include "scenario_main.h"

namespace {

constexpr ULONG MAXIMUM_ACTORS = 12;
constexpr ULONG MAXIMUM_OBJECTS = 12;
constexpr ULONG MAXIMUM_OPERATIONS = 60;
constexpr ULONG OBJECTS_OF_A_WAIT = 4;
constexpr LONG NO_TIMEOUT = -1;

/// What an actor can do. The numbers are known to actors.py.
enum class LAB_CODE : UCHAR {
    Step = 0,
    Set = 1,
    Reset = 2,
    Pulse = 3,
    ReleaseSemaphore = 4, ///< by Value units
    ReleaseMutant = 5,
    WaitAny = 6, ///< for Count objects; Value: time-out in milliseconds, or NO_TIMEOUT
    WaitAll = 7,
    Delay = 8, ///< Value milliseconds
    End = 9,   ///< the thread ends, with the mutants it owns
};

struct LAB_OPERATION {
    LAB_CODE Code;
    UCHAR Count;
    UCHAR Objects[OBJECTS_OF_A_WAIT];
    USHORT Reserved;
    LONG Value;
};
static_assert(sizeof(LAB_OPERATION) == 12, "actors.py packs it");

struct LAB_OBJECT {
    KOBJECTS Kind;
    UCHAR Reserved[3];
    LONG State;
    LONG Limit;
};

struct LAB_ACTOR {
    ULONG Priority;
    ULONG OperationCount;
    PETHREAD Thread; ///< filled by Lab3Prepare
    LAB_OPERATION Operations[MAXIMUM_OPERATIONS];
};

struct LAB_STAGE {
    ULONG ActorCount;
    ULONG ObjectCount;
    ULONG Expected; ///< actors that come to the end of their scripts
    LAB_OBJECT Objects[MAXIMUM_OBJECTS];
    LAB_ACTOR Actors[MAXIMUM_ACTORS];
};

union LAB_DISPATCHER_OBJECT {
    DISPATCHER_HEADER Header;
    KEVENT Event;
    KSEMAPHORE Semaphore;
    KMUTANT Mutant;
};

/// What a DPC of the host's does: queues another one (or itself again), a number of times.
struct LAB_DPC_PLAN {
    ULONG Times;
    PKDPC Other;
};

KEVENT Gates[MAXIMUM_ACTORS];
KEVENT Curtain; ///< never signaled
KEVENT Finale;  ///< signaled by the last of the expected actors
volatile LONG Finished;

} // namespace

extern "C" {

/// The host's: parameters at its beginning, room for objects of a test behind them.
alignas(PAGE_SIZE) NTEXPORT UCHAR LabScratch[64 * 1024];

/// The objects of the stage. The host reads them.
NTEXPORT LAB_DISPATCHER_OBJECT Lab3Objects[MAXIMUM_OBJECTS];

/// A DPC that runs. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab3DpcRuns(PKDPC Dpc, PVOID Context, PVOID Argument1,
                                                                   PVOID Argument2) {
    __asm__ __volatile__("" ::"r"(Dpc), "r"(Context), "r"(Argument1), "r"(Argument2) : "memory");
}

/// A DPC's routine: announces itself, and queues another DPC as often as its plan says.
NTEXPORT void NTAPI Lab3Dpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2) {
    Lab3DpcRuns(Dpc, Context, Argument1, Argument2);
    auto* const plan = static_cast<LAB_DPC_PLAN*>(Context);
    if (plan->Times == 0) return;
    plan->Times--;
    (void)KeInsertQueueDpc(plan->Other, plan, Dpc);
}

/// The routines of the host's APCs announce themselves. The host has breakpoints here; the kernel routine's stop is where
/// the host changes what follows, through the pointers.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab3ApcKernel(PKAPC Apc, PKNORMAL_ROUTINE* NormalRoutine,
                                                                     PVOID* NormalContext, PVOID* SystemArgument1,
                                                                     PVOID* SystemArgument2) {
    __asm__ __volatile__("" ::"r"(Apc), "r"(NormalRoutine), "r"(NormalContext), "r"(SystemArgument1),
                         "r"(SystemArgument2)
                         : "memory");
}
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab3ApcNormal(PVOID NormalContext, PVOID SystemArgument1,
                                                                     PVOID SystemArgument2) {
    __asm__ __volatile__("" ::"r"(NormalContext), "r"(SystemArgument1), "r"(SystemArgument2) : "memory");
}

/// A work item's routine. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab3Work(PVOID Parameter) {
    __asm__ __volatile__("" ::"r"(Parameter) : "memory");
}

/// An actor announces operation `Operation`. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab3Step(ULONG Actor, ULONG Operation) {
    __asm__ __volatile__("" ::"r"(Actor), "r"(Operation) : "memory");
}

/// An actor has the result of operation `Operation`. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab3Done(ULONG Actor, ULONG Operation, ULONG Result) {
    __asm__ __volatile__("" ::"r"(Actor), "r"(Operation), "r"(Result) : "memory");
}
}

namespace {

LAB_STAGE& Stage() { return *reinterpret_cast<LAB_STAGE*>(LabScratch); }

void WaitFor(KEVENT& event) {
    (void)KeWaitForSingleObject(&event, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

void MakeObject(LAB_DISPATCHER_OBJECT& object, const LAB_OBJECT& wanted) {
    switch (wanted.Kind) {
    case KOBJECTS::SemaphoreObject: KeInitializeSemaphore(&object.Semaphore, wanted.State, wanted.Limit); break;
    case KOBJECTS::MutantObject: KeInitializeMutant(&object.Mutant, FALSE); break;
    case KOBJECTS::EventSynchronizationObject:
        KeInitializeEvent(&object.Event, SynchronizationEvent, BOOLEAN(wanted.State));
        break;
    default: KeInitializeEvent(&object.Event, NotificationEvent, BOOLEAN(wanted.State)); break;
    }
}

NTSTATUS Wait(const LAB_OPERATION& operation, WAIT_TYPE type) {
    LARGE_INTEGER time = KeRelativeMilliseconds(operation.Value);
    LARGE_INTEGER* const timeout = operation.Value == NO_TIMEOUT ? nullptr : &time;
    if (operation.Count == 1) {
        return KeWaitForSingleObject(&Lab3Objects[operation.Objects[0]], KWAIT_REASON::Executive, KernelMode, FALSE,
                                     timeout);
    }
    PVOID objects[OBJECTS_OF_A_WAIT];
    KWAIT_BLOCK blocks[OBJECTS_OF_A_WAIT];
    for (ULONG i = 0; i < operation.Count; i++)
        objects[i] = &Lab3Objects[operation.Objects[i]];
    return KeWaitForMultipleObjects(operation.Count, objects, type, KWAIT_REASON::Executive, KernelMode, FALSE, timeout,
                                    blocks);
}

ULONG Perform(const LAB_OPERATION& operation) {
    LAB_DISPATCHER_OBJECT& object = Lab3Objects[operation.Objects[0]];
    switch (operation.Code) {
    case LAB_CODE::Step: return 0;
    case LAB_CODE::Set: return ULONG(KeSetEvent(&object.Event, 0, FALSE));
    case LAB_CODE::Reset: return ULONG(KeResetEvent(&object.Event));
    case LAB_CODE::Pulse: return ULONG(KePulseEvent(&object.Event, 0, FALSE));
    case LAB_CODE::ReleaseSemaphore: return ULONG(KeReleaseSemaphore(&object.Semaphore, 0, operation.Value, FALSE));
    case LAB_CODE::ReleaseMutant: return ULONG(KeReleaseMutant(&object.Mutant, 0, FALSE, FALSE));
    case LAB_CODE::WaitAny: return ULONG(Wait(operation, WaitAny));
    case LAB_CODE::WaitAll: return ULONG(Wait(operation, WaitAll));
    case LAB_CODE::Delay: {
        LARGE_INTEGER interval = KeRelativeMilliseconds(operation.Value);
        return ULONG(KeDelayExecutionThread(KernelMode, FALSE, &interval));
    }
    case LAB_CODE::End: break; // the actor's own
    }
    return 0;
}

void Finish() {
    if (ULONG(InterlockedIncrement(&Finished)) == Stage().Expected) (void)KeSetEvent(&Finale, 0, FALSE);
}

void NTAPI Actor(PVOID context) {
    const ULONG number = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(context));
    const LAB_ACTOR& me = Stage().Actors[number];
    (void)KeSetAffinityThread(KeGetCurrentThread(), 1);
    WaitFor(Gates[number]);
    for (ULONG i = 0; i < me.OperationCount; i++) {
        Lab3Step(number, i);
        if (me.Operations[i].Code == LAB_CODE::End) {
            Finish();
            return;
        }
        Lab3Done(number, i, Perform(me.Operations[i]));
    }
    Finish();
    WaitFor(Curtain);
}

} // namespace

extern "C" {

/// Makes objects and actors; each waits at its gate when this returns. @irql PASSIVE_LEVEL
NTEXPORT NTSTATUS NTAPI Lab3Prepare() {
    LAB_STAGE& stage = Stage();
    KeInitializeEvent(&Curtain, NotificationEvent, FALSE);
    KeInitializeEvent(&Finale, NotificationEvent, FALSE);
    Finished = 0;
    for (ULONG i = 0; i < stage.ObjectCount; i++)
        MakeObject(Lab3Objects[i], stage.Objects[i]);
    for (ULONG i = 0; i < stage.ActorCount; i++) {
        LAB_ACTOR& actor = stage.Actors[i];
        KeInitializeEvent(&Gates[i], SynchronizationEvent, FALSE);
        NT_TRY(
            PsStartSystemThread(&actor.Thread, "actor", KPRIORITY(actor.Priority), Actor, reinterpret_cast<PVOID>(i)));
    }
    return STATUS_SUCCESS;
}

/// Opens all gates in one moment. Returns when the expected actors are done. @irql PASSIVE_LEVEL
NTEXPORT void NTAPI Lab3Perform() {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    for (ULONG i = 0; i < Stage().ActorCount; i++)
        (void)KeSetEvent(&Gates[i], 0, FALSE);
    KfLowerIrql(oldIrql);
    WaitFor(Finale);
}

/// The actors of the concurrency tests (races_*.cpp), where there is an explorer.
NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) { return KxStartActors(); }
}
