// Exploration: one scenario under many schedules, each of which can be replayed (explore flavour only).
//
// A scenario has up to three actors: threads, each on a processor of its own (actor n on processor n + 1). Exactly one
// processor holds the *baton*; at every point (nt/explore.h) its holder asks the strategy which one goes on, and every other one
// waits with interrupts off. So a run is a function of scenario, strategy and seed, and of nothing else: time stands
// still unless the clock's actor or the rule "nothing else can run and a timer is pending" advances it by a tick.
// Outcomes: a failed check; nothing can run any more (deadlock, lost wake-up); too many steps without an end; two
// conflicting accesses to tracked memory that nothing orders. A bugcheck shows itself: CurrentSeed says of which run.
// After a deadlock or an endless run the machine is wrecked: the batch ends, and only a restored snapshot goes on.
//
// The host writes the *in* fields of KxControl and calls KxExplore (processor 0, PASSIVE_LEVEL); KxFieldTable says where
// the fields are. Locks: none; the baton's holder alone changes anything. IRQL: as each routine says.
// In the books: none; "synchronization" describes what is tried here. SYH-01, SYH-03, SYH-05, DSP-12
#pragma once

#include "kd.h"
#include "nt/explore.h"
#include "ntstatus.h"

constexpr ULONG KX_MAXIMUM_ACTORS = 3;
constexpr ULONG KX_PROCESSORS = KX_MAXIMUM_ACTORS + 1; ///< processor 0 is the clock and conducts
constexpr ULONG KX_STACK_DEPTH = 8;
constexpr ULONG KX_MAXIMUM_SCRIPT = 64;
constexpr ULONG KX_MAXIMUM_LOTS = 16; ///< that one call takes
constexpr ULONG KX_OBSERVATIONS = 64;
constexpr ULONG KX_PARAMETERS = 8;
constexpr ULONG KX_TRACE_ENTRIES = 16384;
constexpr ULONG KX_MESSAGE = 192;

/// A routine of a scenario, at PASSIVE_LEVEL. Actors run in their own threads; Prepare, Setup and Check on processor 0 while
/// no other processor runs, so they must not wait.
using KX_ROUTINE = void CDECL();

/// A scenario, as SCENARIO(Name) makes it (kernel/tests/scenarios/scenario.h).
/// shared: constant data of a driver
struct KX_SCENARIO {
    PCSTR Name;
    ULONG ActorCount;                     ///< 1..KX_MAXIMUM_ACTORS
    KX_ROUTINE* Setup;                    ///< makes everything anew before each run; may be nullptr
    KX_ROUTINE* Actor[KX_MAXIMUM_ACTORS]; ///< run concurrently
    KX_ROUTINE* Check;                    ///< after all actors have ended; may be nullptr
    ULONG ClockTicks;                     ///< ticks that the clock's actor may take at any point; 0: no clock actor
    ULONG Flags;                          ///< KX_SCENARIO_*
    PCSTR File;
    ULONG Line;
    KX_ROUTINE* Prepare; ///< once, before the first run: makes threads that are no actors; may be nullptr
};
/// Further threads take part (worker threads, say): an actor that has ended leaves its processor to them.
constexpr ULONG KX_SCENARIO_SHARES = 1;
/// A planted mistake: it is expected to fail, and proves that the explorer finds it.
constexpr ULONG KX_SCENARIO_PLANTED = 2;

/// How the explorer chooses the actor that goes on at a preemption point.
enum class KX_STRATEGY : ULONG {
    Jitter = 1,     ///< another processor after JitterMin..JitterMax points, drawn anew each time
    Walk = 2,       ///< at each point with Probability / 65536 another processor
    Pct = 3,        ///< random priorities; Depth - 1 times the runner falls to the last place
    Exhaustive = 4, ///< every schedule of at most Depth preemptions, depth first; run i is the i-th
    Timer = 5,      ///< for comparison: another processor every 10 ms of the time-stamp counter
    Script = 6,     ///< Script[]: at these steps these processors; else as long as it can
};

/// How an explored run ended.
enum class KX_OUTCOME : ULONG {
    None = 0,
    CheckFailed = 1,
    Deadlock = 2,
    NoProgress = 3,
    DataRace = 4,
    BadScenario = 5, ///< it cannot be run: Message says why
};

constexpr ULONG KX_TRACE = 1;         ///< KX_CONTROL::Flags: write the trace of the last run
constexpr ULONG KX_DETECT = 2;        ///< look for data races
constexpr ULONG KX_STOP_AT_FIRST = 4; ///< end the batch at the first failure

/// "At step Step, processor Processor goes on."
/// shared: as KX_CONTROL, which it is part of
struct KX_SCRIPT_ENTRY {
    ULONG Step;
    ULONG Processor;
};

/// One of the two accesses of a data race.
/// shared: as KX_RACE, which it is part of
struct KX_ACCESS {
    ULONG Processor;
    ULONG Step;
    ULONG_PTR Pc; ///< behind the hook's call, in the code that makes the access
    ULONG Write;
    ULONG Size;
    ULONG_PTR Stack[KX_STACK_DEPTH]; ///< return addresses, innermost first; 0 ends it
};

/// Two accesses to the same memory that nothing orders, and of which one writes.
/// shared: written by the first processor to find one
struct KX_RACE {
    ULONG_PTR Address;
    PCSTR Name;          ///< of the tracked range
    ULONG Offset;        ///< of Address in it
    KX_ACCESS Access[2]; ///< in the order in which they were made
};

/// One preemption point that an explored run came to.
/// shared: written once, by the holder of the baton
struct KX_TRACE_ENTRY {
    ULONG Step;
    UCHAR Processor;
    KX_POINT Kind;
    UCHAR Irql;
    UCHAR Size; ///< of a load or store
    ULONG_PTR Pc;
    ULONG_PTR Object;
};
static_assert(sizeof(void*) != 4 || sizeof(KX_TRACE_ENTRY) == 16);

/// A lot that follows in the same call: what KX_CONTROL says of the first, where lots differ.
/// shared: as KX_CONTROL, which it is part of
struct KX_LOT {
    KX_STRATEGY Strategy;
    ULONG Depth;
    ULONG Seed;
    ULONG Runs;
    ULONG StepEstimate;
    ULONG JitterMin;
    ULONG JitterMax;
    ULONG Probability;
};

/// What is left of a lot that found nothing, when the next one has begun.
/// shared: as KX_CONTROL, which it is part of
struct KX_LOT_DONE {
    ULONG Runs;
    ULONG Points;
    ULONG MaxPoints;
    ULONG Switches;
    ULONG Exhausted;
};

/// What the host asks of the explorer, and what the explorer found.
/// shared: in fields by the host while the machine stands, out fields by the holder of the baton
struct KX_CONTROL {
    // in
    KX_STRATEGY Strategy;
    ULONG Depth;        ///< Pct: 1..4; Exhaustive: preemptions
    ULONG Seed;         ///< run i uses Seed + i
    ULONG Runs;         ///< at most so many
    ULONG StepEstimate; ///< Pct: steps of a typical run (MaxPoints of a Script run without a script); 0: 200
    ULONG StepLimit;    ///< a longer run makes no progress; 0: KX_DEFAULT_STEP_LIMIT
    ULONG JitterMin;
    ULONG JitterMax;
    ULONG Probability;              ///< of 65536
    ULONG Flags;                    ///< KX_TRACE, KX_DETECT, KX_STOP_AT_FIRST
    ULONG Parameter[KX_PARAMETERS]; ///< for the scenario
    ULONG ScriptLength;
    KX_SCRIPT_ENTRY Script[KX_MAXIMUM_SCRIPT]; ///< in order of steps; Exhaustive: out, that of the failed run
    ULONG LotCount;                            ///< further lots, run one after the other until one fails
    KX_LOT Lots[KX_MAXIMUM_LOTS - 1];
    ULONGLONG Budget; ///< a further lot begins only if it pays for all of its runs
    ULONG RunPrice;
    ULONG PointPrice;
    ULONGLONG SpentRuns; ///< before this call
    ULONGLONG SpentPoints;

    // out, of all lots (the host makes it zero)
    ULONG LotsDone; ///< ended without a failure; the fields above and below are those of the last lot that began
    KX_LOT_DONE Done[KX_MAXIMUM_LOTS];

    // out
    ULONG RunsDone;
    KX_OUTCOME Outcome; ///< of the first failed run
    ULONG FailedSeed;
    ULONG FailedRun; ///< its index in the batch: Exhaustive has no other name for it
    ULONG FailedStep;
    ULONG FailedProcessor;
    ULONG CurrentSeed; ///< of the run in progress
    ULONG CurrentRun;
    ULONG CurrentStep;
    ULONG Exhausted; ///< Exhaustive: 1 when there is no further schedule
    CHAR Message[KX_MESSAGE];
    PCSTR File; ///< of the failed check
    ULONG Line;
    ULONGLONG TotalPoints;
    ULONG MaxPoints;
    ULONGLONG Switches; ///< times the baton changed hands
    ULONG Failures;     ///< failed runs (without KX_STOP_AT_FIRST)
    ULONG Races;        ///< conflicting pairs seen in the batch
    KX_RACE Race;       ///< the first of the failed run
    const KX_TRACE_ENTRY* TraceAddress;
    ULONG TraceCount; ///< of the run; its first KX_TRACE_ENTRIES are kept
    ULONG TraceCapacity;
    ULONG ObservationCount;
    ULONG Observations[KX_OBSERVATIONS]; ///< of the last run
    ULONG_PTR Waiting[KX_PROCESSORS];    ///< after a failure: where each processor stands (return address), 0: idle
    ULONG_PTR WaitStack[KX_PROCESSORS][KX_STACK_DEPTH];
};
constexpr ULONG KX_DEFAULT_STEP_LIMIT = 20000;

#if defined(MICA_EXPLORE)
extern "C" {
/// Stops the clock of this processor for good: in the HAL, for the explorer only. @irql any
NTHALAPI void NTAPI HalStopClock();

NTKERNELAPI extern KX_CONTROL KxControl;

/// Explores a scenario as KxControl says, lot by lot. @returns KxControl.Outcome. @irql PASSIVE_LEVEL, processor 0
NTKERNELAPI ULONG NTAPI KxExplore(const KX_SCENARIO* Scenario);
/// Body of an actor's thread, made by the scenario driver at boot. @param StartContext the actor's number
NTKERNELAPI void NTAPI KxActorThread(PVOID StartContext);

/// A scenario's finding: ends the batch or the run as a failed check; the actor goes on. @irql any
NTKERNELAPI void CDECL KxFail(PCSTR File, ULONG Line, PCSTR Format, ...) __attribute__((format(printf, 3, 4)));
/// Watches `Size` bytes for unordered accesses from now to the run's end. Called by Setup.
NTKERNELAPI void NTAPI KxTrack(const volatile void* Address, ULONG Size, PCSTR Name);
/// Part of a tracked range that may be read and written as a snapshot.
NTKERNELAPI void NTAPI KxExempt(const volatile void* Address, ULONG Size);
/// A value of the scenario's for the host to judge.
NTKERNELAPI void NTAPI KxObserve(ULONG Index, ULONG Value);
/// A random number of the host's.
NTKERNELAPI ULONG NTAPI KxParameter(ULONG Index);
/// 0..Bound-1, as the run's seed says: what no result may depend on, such as where an object lies. Always 0 under a script
/// and in an exhaustive search, whose runs have no seeds. Called by Setup.
NTKERNELAPI ULONG NTAPI KxDraw(ULONG Bound);
/// A note in the trace.
NTKERNELAPI void NTAPI KxMark(ULONG Value);
/// The system stops: the explorer lets go of everything. Called first by a bugcheck. @irql any
NTKERNELAPI void NTAPI KxAbort();
}
#else
inline void KxAbort() {}
#endif
