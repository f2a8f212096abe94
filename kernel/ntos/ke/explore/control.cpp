// KxExplore: batches of runs, conducted by the first processor.
//
// The conductor makes everything ready for a run, gives the baton to the actor that the strategy names, and gets it back to advance
// time, to take an interrupt that was sent to it, and when nothing goes on any more: at the run's end or at its failure.
// Locks: none. IRQL: PASSIVE_LEVEL; the conductor's thread has a high priority: nothing but threaded DPCs runs beside it.
// In the books: none. SYH-01
#include "kx.h"
#include "rtl/string.h"

extern "C" {
volatile ULONG KxActive; // shared: written by the conductor while no other processor runs, and by a bugcheck
volatile ULONG KxUnseen; // shared: written by every processor, not read
KX_CONTROL KxControl;    // shared: the baton's holder, and the host while the machine stands

__attribute__((noinline)) void CDECL KxSetActive(ULONG Active) { KxActive = Active; }

/// Written when a call is over. A host that waits for the write keeps what its emulator has translated, which a breakpoint costs; so
/// it has a page of its own.
/// shared: written by the conductor, not read
alignas(PAGE_SIZE) volatile ULONG KxFinished[PAGE_SIZE / sizeof(ULONG)];
}

KX_STRATEGIES KxStrategies;

namespace {

constexpr ULONG CONDUCTOR_BIT = 1u << KX_CONDUCTOR;
constexpr ULONG MOST_TICKS = 20'000;                        ///< of one run: 200 seconds
constexpr KPRIORITY CONDUCTOR_PRIORITY = HIGH_PRIORITY - 1; ///< below the threads of threaded DPCs
constexpr ULONG TIMER_HERTZ = 100;                          ///< of the stock timer
constexpr ULONG DEFAULT_ESTIMATE = 200;

bool TimeStopped; // shared: no, the conductor's

void WalkOwnStack(ULONG_PTR frame, ULONG_PTR (&stack)[KX_STACK_DEPTH]) {
    KxWalkStack(frame, reinterpret_cast<ULONG_PTR>(KeGetPcr()->NtTib.StackBase), stack);
}

template <typename STRATEGY> STRATEGY* Make() {
    static_assert(sizeof(STRATEGY) <= sizeof KxStrategies.Room && alignof(KX_STRATEGIES) % alignof(STRATEGY) == 0);
    return new (KxStrategies) STRATEGY;
}

/// The batch's strategy takes the place of the last one's. @returns nullptr if there is no such strategy
KxStrategy* MakeStrategy() {
    const KX_CONTROL& control = KxControl;
    KxRun.Tree = nullptr;
    switch (control.Strategy) {
    case KX_STRATEGY::Jitter: {
        auto* const jitter = Make<KxJitter>();
        jitter->Configure(control.JitterMin, control.JitterMax);
        return jitter;
    }
    case KX_STRATEGY::Walk: {
        auto* const walk = Make<KxWalk>();
        walk->Configure(control.Probability);
        return walk;
    }
    case KX_STRATEGY::Pct: {
        auto* const pct = Make<KxPct>();
        pct->Configure(control.Depth, control.StepEstimate != 0 ? control.StepEstimate : DEFAULT_ESTIMATE);
        return pct;
    }
    case KX_STRATEGY::Exhaustive:
        KxRun.Tree = Make<KxTree>();
        KxRun.Tree->Configure(control.Depth);
        return KxRun.Tree;
    case KX_STRATEGY::Timer: {
        auto* const timer = Make<KxTimer>();
        timer->Configure(KeGetCurrentPrcb()->MHz * (1'000'000 / TIMER_HERTZ));
        return timer;
    }
    case KX_STRATEGY::Script: {
        auto* const script = Make<KxScript>();
        script->Configure(control.Script,
                          control.ScriptLength < KX_MAXIMUM_SCRIPT ? control.ScriptLength : KX_MAXIMUM_SCRIPT);
        return script;
    }
    default: return nullptr;
    }
}

/// DPCs that no processor was interrupted for: the clock would see to them.
KAFFINITY ForgottenDpcs() {
    KAFFINITY processors = 0;
    for (ULONG p = 0; p < ULONG(KeNumberProcessors) && p < KX_PROCESSORS; p++) {
        const KPRCB* const prcb = KiProcessorBlock[p];
        if (prcb->DpcData.DpcQueueDepth != 0 && !prcb->DpcRoutineActive) processors |= prcb->SetMember;
    }
    return processors;
}

/// No actor can go on. @returns whether that is the end of the run
bool IsOver() {
    KX_RUN& run = KxRun;
    const KAFFINITY forgotten = ForgottenDpcs();
    if (forgotten != 0) {
        KiEnableInterrupts();
        KiIpiSendDispatch(forgotten);
        KiDisableInterrupts();
        return false;
    }
    if (run.Ended == run.Actors) return true;
    if (KxTimersPending() && run.TicksMade < MOST_TICKS) {
        KiEnableInterrupts();
        KxTick();
        KiDisableInterrupts();
        return false;
    }
    KxDescribeDeadlock(KX_OUTCOME::Deadlock);
    run.Errand = KX_ERRAND::Stop;
    return true;
}

/// What the strategy chose this processor for. Interrupts are off.
void TakeTurn() {
    if (KxRun.Pending & CONDUCTOR_BIT) return KxTakeInterrupts();
    KxRun.TicksLeft--;
    KiEnableInterrupts();
    KxTick();
    KiDisableInterrupts();
}

/// From the first point to the last. Interrupts are on, and off afterwards.
void CDECL Conduct(PVOID) {
    KX_RUN& run = KxRun;
    KiDisableInterrupts();
    while (run.Serving != 0)
        YieldProcessor();
    KxSetActive(1);
    run.Idle |= CONDUCTOR_BIT;
    KxPass(KX_CONDUCTOR, false);
    for (;;) {
        KxAwait(KX_CONDUCTOR);
        if (run.Errand == KX_ERRAND::Stop) return;
        if (run.Errand == KX_ERRAND::Turn) {
            TakeTurn();
        } else if (IsOver()) {
            return;
        }
        run.Idle |= CONDUCTOR_BIT;
        KxPass(KX_CONDUCTOR, true);
    }
}

void PrepareRun(const KX_SCENARIO& scenario, KxStrategy* strategy) {
    KX_RUN& run = KxRun;
    const ULONG actors = ((1u << scenario.ActorCount) - 1) << 1;
    const ULONG limit = KxControl.StepLimit;
    run.Participants = actors | CONDUCTOR_BIT;
    run.Quota = run.Granted = 0;
    run.Idle = run.Pending = run.Started = run.Ended = 0;
    run.Actors = actors;
    run.TicksLeft = scenario.ClockTicks;
    run.Step = run.SinceSwitch = 0;
    if (run.TicksMade != 0) KxCatchUp(); // of the last run
    run.TicksMade = 0;
    run.StepLimit = limit != 0 ? limit : KX_DEFAULT_STEP_LIMIT;
    run.Detect = (KxControl.Flags & KX_DETECT) != 0;
    run.Trace = (KxControl.Flags & KX_TRACE) != 0;
    run.Fair = KxControl.Strategy != KX_STRATEGY::Timer;
    run.Strategy = strategy;
    run.Scenario = &scenario;
    run.Outcome = KX_OUTCOME::None;
    run.Errand = KX_ERRAND::Turn;
    run.Baton = KX_CONDUCTOR;
    for (KX_STAND& stand : run.Stand)
        stand = {};
    KxControl.ObservationCount = 0;
    KxControl.CurrentStep = 0;
    if (run.Trace) KxBeginTrace();
    KxTheDetector.Begin(WalkOwnStack);
    KxResetActors();
}

void NoteRace() {
    KX_RACE race;
    if (!KxRun.Detect || !KxTheDetector.Race(&race)) return;
    KxControl.Races++;
    const bool first = KxControl.Race.Address == 0 && KxControl.Failures == (KxRun.Outcome != KX_OUTCOME::None);
    if (first) KxControl.Race = race;
    KxNoteFailure(KX_OUTCOME::DataRace, KxRun.Scenario->File, KxRun.Scenario->Line,
                  "processors %u and %u access %s without order", race.Access[0].Processor, race.Access[1].Processor,
                  race.Name);
}

/// One run. @returns false if the machine cannot go on
bool Run(const KX_SCENARIO& scenario, KxStrategy* strategy) {
    if ((scenario.Flags & KX_SCENARIO_SHARES) && !KxGatherActors(scenario.ActorCount)) {
        KxNoteFailure(KX_OUTCOME::BadScenario, scenario.File, scenario.Line, "the actors do not come back");
        return false;
    }
    PrepareRun(scenario, strategy);
    if (scenario.Setup) scenario.Setup();
    if (!KxTheDetector.HasRanges()) KxRun.Detect = false; // nothing could be accused
    strategy->Begin(KxControl.CurrentSeed);
    const NT_TIB tib = KeGetPcr()->NtTib;
    (void)KxCall(Conduct, nullptr);
    KxSetActive(0);
    const bool whole = KxRun.Errand != KX_ERRAND::Stop;
    if (!whole) {
        KeGetPcr()->NtTib.StackBase = tib.StackBase; // it may have been left on another stack, at another level
        KeGetPcr()->NtTib.StackLimit = tib.StackLimit;
        KeGetPcr()->Irql = PASSIVE_LEVEL;
    }
    KiEnableInterrupts();
    KxControl.TotalPoints += KxRun.Step;
    if (KxRun.Step > KxControl.MaxPoints) KxControl.MaxPoints = KxRun.Step;
    if (whole && scenario.Check) scenario.Check();
    NoteRace();
    return whole;
}

void ClearResults() {
    KX_CONTROL& control = KxControl;
    RtlZeroMemory(&control.RunsDone, sizeof control - offsetof(KX_CONTROL, RunsDone));
}

void RunAll(const KX_SCENARIO& scenario, KxStrategy* strategy) {
    KX_CONTROL& control = KxControl;
    KxCatchUp();
    for (ULONG i = 0; i < control.Runs; i++) {
        control.CurrentRun = i;
        control.CurrentSeed = control.Seed + i;
        const bool whole = Run(scenario, strategy);
        control.RunsDone++;
        if (control.Failures == 1 && KxRun.Outcome != KX_OUTCOME::None) KxNoteScript();
        if (!whole || (control.Failures != 0 && (control.Flags & KX_STOP_AT_FIRST))) return;
        if (KxRun.Tree && !KxRun.Tree->Advance()) {
            control.Exhausted = 1;
            return;
        }
    }
}

/// Makes the machine ready for any number of runs. @returns what is wrong, nullptr if nothing is
PCSTR Prepare(const KX_SCENARIO& scenario) {
    if (scenario.ActorCount < 1 || scenario.ActorCount > KX_MAXIMUM_ACTORS) return "it has no actors, or too many";
    if (KeGetCurrentProcessorNumber() != KX_CONDUCTOR) return "KxExplore was not called on processor 0";
    if (ULONG(KeNumberProcessors) <= scenario.ActorCount) return "it needs a processor for each actor and one more";
    (void)KeSetPriorityThread(KeGetCurrentThread(), CONDUCTOR_PRIORITY);
    KxRun.Baton = KX_CONDUCTOR;
    KxRun.Participants = CONDUCTOR_BIT;
    if (!TimeStopped) KxStopTime();
    TimeStopped = true;
    KxRun.Scenario = &scenario;
    KeActiveProcessors = KeActiveProcessors & ~CONDUCTOR_BIT; // no thread is sent to the conductor's processor any more
    if (scenario.Prepare) scenario.Prepare();
    if (!KxGatherActors(scenario.ActorCount))
        return "a processor does not come to rest, or an actor's thread does not come";
    return nullptr;
}

/// One batch, as the in fields say.
void ExploreBatch(const KX_SCENARIO& scenario) {
    ClearResults();
    KxStrategy* const strategy = MakeStrategy();
    PCSTR const problem = strategy ? Prepare(scenario) : "there is no such strategy";
    if (problem) {
        KxRun.Scenario = &scenario;
        KxControl.Outcome = KX_OUTCOME::BadScenario;
        (void)RtlStringCbPrintf(KxControl.Message, sizeof KxControl.Message, "%s", problem); // cut to fit
        return;
    }
    RunAll(scenario, strategy);
}

/// Keeps of a lot what the next one overwrites.
void NoteLot() {
    KX_CONTROL& control = KxControl;
    control.Done[control.LotsDone] = {control.RunsDone, ULONG(control.TotalPoints), control.MaxPoints,
                                      ULONG(control.Switches), control.Exhausted};
    control.SpentRuns += control.RunsDone;
    control.SpentPoints += control.TotalPoints;
    control.LotsDone++;
}

/// Whether the budget pays for all of a lot, at what a run has cost so far. If not, the host decides how much of it.
bool IsPaidFor(const KX_LOT& lot) {
    const KX_CONTROL& control = KxControl;
    const ULONGLONG spent = control.SpentRuns * control.RunPrice + control.SpentPoints * control.PointPrice;
    if (spent >= control.Budget || control.SpentRuns == 0) return false;
    return (control.Budget - spent) / (spent / control.SpentRuns) >= lot.Runs;
}

/// The lot's orders become those of the next batch.
void TakeOrders(const KX_LOT& lot) {
    KX_CONTROL& control = KxControl;
    control.Strategy = lot.Strategy;
    control.Depth = lot.Depth;
    control.Seed = lot.Seed;
    control.Runs = lot.Runs;
    control.StepEstimate = lot.StepEstimate;
    control.JitterMin = lot.JitterMin;
    control.JitterMax = lot.JitterMax;
    control.Probability = lot.Probability;
}

} // namespace

void KxNoteScript() {
    if (KxRun.Tree) KxControl.ScriptLength = KxRun.Tree->Describe(KxControl.Script, KX_MAXIMUM_SCRIPT);
}

ULONG NTAPI KxExplore(const KX_SCENARIO* Scenario) {
    KX_CONTROL& control = KxControl;
    for (;;) {
        ExploreBatch(*Scenario);
        if (control.Outcome != KX_OUTCOME::None) break;
        const ULONG next = control.LotsDone;
        if (next >= KX_MAXIMUM_LOTS - 1 || next >= control.LotCount) break;
        NoteLot();
        if (!IsPaidFor(control.Lots[next])) break;
        TakeOrders(control.Lots[next]);
    }
    KxFinished[0] = 1;
    return ULONG(control.Outcome);
}

ULONG NTAPI KxDraw(ULONG Bound) {
    if (KxControl.Strategy == KX_STRATEGY::Exhaustive || KxControl.Strategy == KX_STRATEGY::Script) return 0;
    KxRandom random;
    random.Seed(~KxControl.CurrentSeed); // the schedule is drawn from the seed itself
    return random.Below(Bound);
}

void NTAPI KxTrack(const volatile void* Address, ULONG Size, PCSTR Name) {
    if (!KxTheDetector.Track(reinterpret_cast<ULONG_PTR>(Address), Size, Name))
        KxNoteFailure(KX_OUTCOME::BadScenario, KxRun.Scenario->File, KxRun.Scenario->Line, "too much is tracked: %s",
                      Name);
}

void NTAPI KxExempt(const volatile void* Address, ULONG Size) {
    KxTheDetector.Exempt(reinterpret_cast<ULONG_PTR>(Address), Size);
}
