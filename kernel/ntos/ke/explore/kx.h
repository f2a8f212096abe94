// Private to the explorer: the run in progress, and what each processor does in it.
//
// Invariant: while KxActive, exactly the processor KxRun.Baton executes; every other one waits in KxAwait with interrupts
// off, halts in the idle loop, or does not take part. So the fields of KxRun have one user at a time and need no lock; only
// Baton itself is read by those that wait.
// IRQL: any, with interrupts off where it says so.
// In the books: none. SYH-01
#pragma once

#include "detector.h"
#include "ke/ki.h"
#include "ke/ki/ipi.h"
#include "strategy.h"

constexpr ULONG KX_NOBODY = 0xFF;
constexpr ULONG KX_CONDUCTOR = 0; ///< the processor that conducts and keeps the time

/// Why the conductor has the baton.
enum class KX_ERRAND : ULONG {
    Turn,  ///< the strategy chose it: a tick, or an interrupt is pending for it
    Quiet, ///< no actor can go on
    Stop,  ///< the run has failed in a way that it cannot go on from
};

/// Where a processor stands: for the stacks of a failure.
struct KX_STAND {
    ULONG_PTR Pc;
    ULONG_PTR Frame;
};

/// Bytes around what the explorer keeps, which no code uses: a routine that reads them looks for what lies between, and the
/// host is told of it (grader/guest/running.py).
constexpr ULONG KX_GUARD = 8192;

/// The run that is explored now.
/// shared: the baton's holder owns all of it; Baton is read by those that wait, Serving is interlocked
struct KX_RUN {
    UCHAR GuardBefore[KX_GUARD];
    ULONG Quota; ///< so many of the next ordinary points need no question: the strategy would stay (baton.cpp)
    volatile ULONG Baton;
    volatile ULONG Serving; ///< processors that take an interrupt between two runs
    ULONG Participants;     ///< processors of the run; one more joins when it is interrupted
    ULONG Idle;             ///< of these: nothing to do, or not begun, or ended
    ULONG Pending;          ///< an inter-processor interrupt was sent to it and not taken yet
    ULONG Actors;           ///< have an actor
    ULONG Started;          ///< of these
    ULONG Ended;            ///< of these
    KX_ERRAND Errand;
    ULONG TicksLeft; ///< of the clock's actor
    ULONG TicksMade;
    ULONG Step;        ///< questions asked of the strategy
    ULONG StepLimit;   ///< more is no progress
    ULONG SinceSwitch; ///< points in a row of one processor
    ULONG Granted;     ///< Quota as it was given; the difference is not in Step and SinceSwitch yet
    bool Detect;
    bool Trace;
    bool Fair; ///< an actor that runs long while others could gives way (not under the stock timer)
    KxStrategy* Strategy;
    KxTree* Tree; ///< Strategy, if it is the bounded search; else nullptr
    const KX_SCENARIO* Scenario;
    KX_OUTCOME Outcome;
    KX_STAND Stand[KX_PROCESSORS];
    UCHAR GuardBehind[KX_GUARD];
};
extern KX_RUN KxRun;

/// Room for any strategy: the one that a batch uses is made there as the batch begins. So no word of it has a value before, and it lies in
/// .bss, where the order of the objects (LAYOUT in kernel/build.mk) moves it far. All of .data is a few pages.
/// shared: the baton's holder
struct KX_STRATEGIES {
    UCHAR GuardBefore[KX_GUARD];
    alignas(KxTree) alignas(KxTimer) UCHAR Room[sizeof(KxTree)];
    UCHAR GuardBehind[KX_GUARD];
};
extern KX_STRATEGIES KxStrategies;
inline void* operator new(SIZE_T, KX_STRATEGIES& place) noexcept { return place.Room; }
extern KxDetector KxTheDetector;

/// What a point tells the race detector.
void KxDetect(KX_POINT kind, ULONG_PTR object, ULONG size, ULONG_PTR pc, ULONG_PTR frame);

/// Points that nothing but the strategy has an interest in (and the race detector).
constexpr bool KxIsOrdinary(KX_POINT kind) {
    return kind == KX_POINT::Load || kind == KX_POINT::Store || kind == KX_POINT::Interlocked ||
           kind == KX_POINT::RaiseIrql || kind == KX_POINT::LowerIrql || kind == KX_POINT::Acquire ||
           kind == KX_POINT::Release || kind == KX_POINT::Pending || kind == KX_POINT::Released;
}

/// @returns whether the point is passed already: the processor that runs goes on without a question. No interrupt can come
/// to it meanwhile, for only others, or it itself at another kind of point, could send one. (A processor that an interrupt has
/// woken comes to ordinary points without the baton, if the interrupt's own code has points: it waits.)
inline bool KxPassQuickly(KX_POINT kind, const volatile void* object, ULONG size, ULONG_PTR pc, ULONG_PTR frame) {
    if (KxRun.Quota == 0 || !KxIsOrdinary(kind) || KxRun.Baton != KeGetPcr()->Number) return false;
    if (KxRun.Detect) KxDetect(kind, reinterpret_cast<ULONG_PTR>(object), size, pc, frame);
    KxRun.Quota--;
    return true;
}

/// Counts the points that were passed without a question, and gives no further ones. The baton's holder calls.
void KxSettle();
/// A point: the slow half, for callers that know where it is. @param Size of a load or store
void KxReach(KX_POINT Kind, const volatile void* Object, ULONG Size, ULONG_PTR Pc, ULONG_PTR Frame);
/// Waits until this processor has the baton. Interrupts are off.
void KxAwait(ULONG self);
/// Asks the strategy and gives the baton away; does not wait. This processor may be chosen again. Interrupts are off.
void KxPass(ULONG self, bool yield);
/// Ends the run without a way on: the conductor gets the baton. Does not return, but for the conductor's own caller.
[[noreturn]] void KxStop();
/// Takes the interrupts that are pending for this processor. Interrupts are off, before and after.
void KxTakeInterrupts();

/// Time passes: one tick, with what it causes on this processor. @irql PASSIVE_LEVEL, the conductor
void KxTick();
/// Leaves nothing of the ticks of earlier runs: goes on to a time that looks the same, with all timers expired. @irql PASSIVE_LEVEL, the conductor
void KxCatchUp();
/// Whether a timer is running at all.
bool KxTimersPending();
/// Stops every processor's clock and takes the timers of others away, once and for good. @irql PASSIVE_LEVEL
void KxStopTime();

/// Brings the actors' threads to their processors and into KxAwait. @returns false if one does not come
bool KxGatherActors(ULONG count);
/// Makes the actors' threads as they were at the first run's begin.
void KxResetActors();
/// The thread of the actor on a processor.
KTHREAD* KxActorOf(ULONG processor);

/// Notes the run's failure, the first of the batch with all that is known of it.
void KxNoteFailure(KX_OUTCOME outcome, PCSTR file, ULONG line, PCSTR format, ...) __attribute__((format(printf, 4, 5)));
void KxDescribeDeadlock(KX_OUTCOME outcome);
/// An exhaustive search: its run becomes a script in KxControl, under which it can be repeated.
void KxNoteScript();
/// Return addresses from a frame up, innermost first. @param top of the stack that the frame is on
void KxWalkStack(ULONG_PTR frame, ULONG_PTR top, ULONG_PTR (&stack)[KX_STACK_DEPTH]);

void KxBeginTrace();
void KxTracePoint(KX_POINT kind, ULONG size, ULONG_PTR pc, ULONG_PTR object);

extern "C" {
/// Calls routine(argument) so that KxLeave, deeper on the same processor, can end the call. @returns whether it did
bool CDECL KxCall(void(CDECL* Routine)(PVOID), PVOID Argument);
/// Written at each load and store of instrumented code while the points are off. During a run the host watches it: a switch that was turned
/// through another mapping, where its watch on KxActive sees nothing, shows here.
extern volatile ULONG KxUnseen;
/// The only writer of KxActive: the host watches that no other code switches the points off.
void CDECL KxSetActive(ULONG Active);
[[noreturn]] void CDECL KxLeave();
}
