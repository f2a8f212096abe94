// KxFieldTable: where the fields of the explorer's structures are, by name, in the form of KdFieldTable.
//
// Constant data in the image: a host reads it from the file, so that a kernel cannot forge it.
// In the books: "symbols". TOL-07
#include "kx.h"

#define TYPE(type) \
    { "sizeof " #type, 0, sizeof(type) }
#define FIELD(type, member) \
    { #type "." #member, offsetof(type, member), sizeof(type::member) }
#define VALUE(type, name) \
    { "enum " #type "." #name, static_cast<USHORT>(type::name), sizeof(type) }

// clang-format off
extern "C" constinit const KD_FIELD KxFieldTable[] = {
    TYPE(KX_CONTROL),
    FIELD(KX_CONTROL, Strategy),
    FIELD(KX_CONTROL, Depth),
    FIELD(KX_CONTROL, Seed),
    FIELD(KX_CONTROL, Runs),
    FIELD(KX_CONTROL, StepEstimate),
    FIELD(KX_CONTROL, StepLimit),
    FIELD(KX_CONTROL, JitterMin),
    FIELD(KX_CONTROL, JitterMax),
    FIELD(KX_CONTROL, Probability),
    FIELD(KX_CONTROL, Flags),
    FIELD(KX_CONTROL, Parameter),
    FIELD(KX_CONTROL, ScriptLength),
    FIELD(KX_CONTROL, Script),
    FIELD(KX_CONTROL, RunsDone),
    FIELD(KX_CONTROL, Outcome),
    FIELD(KX_CONTROL, FailedSeed),
    FIELD(KX_CONTROL, FailedRun),
    FIELD(KX_CONTROL, FailedStep),
    FIELD(KX_CONTROL, FailedProcessor),
    FIELD(KX_CONTROL, CurrentSeed),
    FIELD(KX_CONTROL, CurrentRun),
    FIELD(KX_CONTROL, CurrentStep),
    FIELD(KX_CONTROL, Exhausted),
    FIELD(KX_CONTROL, Message),
    FIELD(KX_CONTROL, File),
    FIELD(KX_CONTROL, Line),
    FIELD(KX_CONTROL, TotalPoints),
    FIELD(KX_CONTROL, MaxPoints),
    FIELD(KX_CONTROL, Switches),
    FIELD(KX_CONTROL, Failures),
    FIELD(KX_CONTROL, Races),
    FIELD(KX_CONTROL, Race),
    FIELD(KX_CONTROL, TraceAddress),
    FIELD(KX_CONTROL, TraceCount),
    FIELD(KX_CONTROL, TraceCapacity),
    FIELD(KX_CONTROL, ObservationCount),
    FIELD(KX_CONTROL, Observations),
    FIELD(KX_CONTROL, Waiting),
    FIELD(KX_CONTROL, WaitStack),

    TYPE(KX_RACE),
    FIELD(KX_RACE, Address),
    FIELD(KX_RACE, Name),
    FIELD(KX_RACE, Offset),
    FIELD(KX_RACE, Access),

    TYPE(KX_ACCESS),
    FIELD(KX_ACCESS, Processor),
    FIELD(KX_ACCESS, Step),
    FIELD(KX_ACCESS, Pc),
    FIELD(KX_ACCESS, Write),
    FIELD(KX_ACCESS, Size),
    FIELD(KX_ACCESS, Stack),

    TYPE(KX_TRACE_ENTRY),
    FIELD(KX_TRACE_ENTRY, Step),
    FIELD(KX_TRACE_ENTRY, Processor),
    FIELD(KX_TRACE_ENTRY, Kind),
    FIELD(KX_TRACE_ENTRY, Irql),
    FIELD(KX_TRACE_ENTRY, Size),
    FIELD(KX_TRACE_ENTRY, Pc),
    FIELD(KX_TRACE_ENTRY, Object),

    TYPE(KX_SCRIPT_ENTRY),
    FIELD(KX_SCRIPT_ENTRY, Step),
    FIELD(KX_SCRIPT_ENTRY, Processor),

    TYPE(KX_SCENARIO),
    FIELD(KX_SCENARIO, Name),
    FIELD(KX_SCENARIO, ActorCount),
    FIELD(KX_SCENARIO, Setup),
    FIELD(KX_SCENARIO, Actor),
    FIELD(KX_SCENARIO, Check),
    FIELD(KX_SCENARIO, ClockTicks),
    FIELD(KX_SCENARIO, Flags),
    FIELD(KX_SCENARIO, File),
    FIELD(KX_SCENARIO, Line),
    FIELD(KX_SCENARIO, Prepare),

    VALUE(KX_STRATEGY, Jitter),
    VALUE(KX_STRATEGY, Walk),
    VALUE(KX_STRATEGY, Pct),
    VALUE(KX_STRATEGY, Exhaustive),
    VALUE(KX_STRATEGY, Timer),
    VALUE(KX_STRATEGY, Script),

    VALUE(KX_OUTCOME, None),
    VALUE(KX_OUTCOME, CheckFailed),
    VALUE(KX_OUTCOME, Deadlock),
    VALUE(KX_OUTCOME, NoProgress),
    VALUE(KX_OUTCOME, DataRace),
    VALUE(KX_OUTCOME, BadScenario),

    VALUE(KX_POINT, None),
    VALUE(KX_POINT, Load),
    VALUE(KX_POINT, Store),
    VALUE(KX_POINT, Interlocked),
    VALUE(KX_POINT, Yield),
    VALUE(KX_POINT, RaiseIrql),
    VALUE(KX_POINT, LowerIrql),
    VALUE(KX_POINT, Acquire),
    VALUE(KX_POINT, Acquired),
    VALUE(KX_POINT, Release),
    VALUE(KX_POINT, IpiSend),
    VALUE(KX_POINT, IpiEntry),
    VALUE(KX_POINT, Idle),
    VALUE(KX_POINT, Begin),
    VALUE(KX_POINT, End),
    VALUE(KX_POINT, Tick),
    VALUE(KX_POINT, Switch),
    VALUE(KX_POINT, Mark),
    VALUE(KX_POINT, Pending),
    VALUE(KX_POINT, Released),
};
// clang-format on

extern "C" constinit const ULONG KxFieldCount = sizeof(KxFieldTable) / sizeof(KxFieldTable[0]);
