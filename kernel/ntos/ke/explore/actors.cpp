// The actors' threads: made once, parked between the runs, led to the same state before each.
//
// A parked actor stands in KxAwait on its processor, at PASSIVE_LEVEL with interrupts off; while it is parked its processor
// counts as idle, and an interrupt that is sent to it makes it take the baton. Where other threads take part
// (KX_SCENARIO_SHARES) an actor that has ended really waits, so that its processor is free for them.
// Locks: none. IRQL: PASSIVE_LEVEL.
// In the books: none. SYH-01
#include "kx.h"

namespace {

constexpr KPRIORITY ACTOR_PRIORITY = 8;
constexpr ULONG PATIENCE = 10'000'000; ///< turns of a waiting loop, for a thread to come

/// shared: written by the actor's thread before a run, read by the conductor
struct ACTOR {
    KTHREAD* volatile Thread;
    KEVENT Wanted;
    volatile bool Parked;
} Actors[KX_MAXIMUM_ACTORS];

/// Whether the actor left the processor as it found it.
void CheckLeaving(ULONG number) {
    const KIRQL irql = KeGetCurrentIrql();
    if (irql != PASSIVE_LEVEL) {
        KxNoteFailure(KX_OUTCOME::CheckFailed, KxRun.Scenario->File, KxRun.Scenario->Line,
                      "actor %u ends at IRQL %u, not at PASSIVE_LEVEL", number, ULONG(irql));
        KfLowerIrql(PASSIVE_LEVEL);
    }
    const KTHREAD* const thread = Actors[number].Thread;
    if (thread->KernelApcDisable != 0 || thread->SpecialApcDisable != 0) {
        KxNoteFailure(KX_OUTCOME::CheckFailed, KxRun.Scenario->File, KxRun.Scenario->Line,
                      "actor %u ends in a critical or guarded region (%d, %d)", number, LONG(thread->KernelApcDisable),
                      LONG(thread->SpecialApcDisable));
    }
}

/// One run's part of an actor. Interrupts are off, before and after.
void Act(ULONG number, ULONG bit) {
    KxRun.Started |= bit;
    KiEnableInterrupts();
    KxReachPoint(KX_POINT::Begin, KxRun.Scenario);
    KxRun.Scenario->Actor[number]();
    KxReachPoint(KX_POINT::End, KxRun.Scenario);
    CheckLeaving(number);
    KiDisableInterrupts();
    KxRun.Ended |= bit;
}

/// Runs after runs. Returns, with the baton, when the actor has ended and its processor shall be free.
void Park(ULONG number) {
    const ULONG self = number + 1, bit = 1u << self;
    KiDisableInterrupts();
    Actors[number].Parked = true;
    for (;;) {
        KxAwait(self);
        if (KxRun.Pending & bit) {
            KxTakeInterrupts();
        } else if ((KxRun.Actors & ~KxRun.Started & bit) != 0) {
            Act(number, bit);
            if (KxRun.Scenario->Flags & KX_SCENARIO_SHARES) break;
        }
        if ((KxRun.Actors & ~KxRun.Started & bit) == 0) KxRun.Idle |= bit; // else it took an interrupt before it began
        KxPass(self, false);
    }
    Actors[number].Parked = false;
    KiEnableInterrupts();
}

/// Waits until `come()`. @returns false if it takes too long
template <typename Condition> bool WaitUntil(Condition come) {
    for (ULONG i = 0; i < PATIENCE; i++) {
        if (come()) return true;
        YieldProcessor();
    }
    return false;
}

/// Nothing of what ran before still goes on on the processor.
bool IsQuiet(ULONG processor) {
    const KPRCB* const prcb = KiProcessorBlock[processor];
    const volatile KPRCB* const shared = prcb;
    nt::AssumeSnapshot(shared->PrcbLock);
    const bool parked = processor <= KX_MAXIMUM_ACTORS && Actors[processor - 1].Parked;
    return parked || (shared->CurrentThread == prcb->IdleThread && !shared->NextThread &&
                      shared->DpcData.DpcQueueDepth == 0 && shared->IdleHalt);
}

} // namespace

void NTAPI KxActorThread(PVOID StartContext) {
    const auto number = ULONG(reinterpret_cast<ULONG_PTR>(StartContext));
    ACTOR& actor = Actors[number];
    KeInitializeEvent(&actor.Wanted, SynchronizationEvent, FALSE);
    actor.Thread = KeGetCurrentThread();
    for (;;) {
        (void)KeWaitForSingleObject(&actor.Wanted, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        Park(number);
    }
}

KTHREAD* KxActorOf(ULONG processor) {
    return processor >= 1 && processor <= KX_MAXIMUM_ACTORS ? Actors[processor - 1].Thread : nullptr;
}

bool KxGatherActors(ULONG count) {
    for (ULONG i = 0; i < count; i++) {
        ACTOR& actor = Actors[i];
        if (!actor.Thread) return false;
        if (actor.Parked) continue;
        const bool waits = WaitUntil([&] { return actor.Thread->State == KTHREAD_STATE::Waiting; });
        if (!waits) return false;
        if (actor.Thread->Affinity != 2u << i) (void)KeSetAffinityThread(actor.Thread, 2u << i);
        (void)KeSetEvent(&actor.Wanted, 0, FALSE);
        if (!WaitUntil([&] { return actor.Parked; })) return false;
    }
    for (ULONG p = 1; p < ULONG(KeNumberProcessors); p++) {
        if (!WaitUntil([&] { return IsQuiet(p); })) return false;
    }
    return true;
}

void KxResetActors() {
    nt::AssumeHeld(KiDispatcherLock); // every processor stands still
    for (ACTOR& actor : Actors) {
        if (!actor.Parked) continue;
        KTHREAD& thread = *actor.Thread; // the current thread of its processor, which stands still
        thread.Priority = thread.BasePriority = SCHAR(ACTOR_PRIORITY);
        thread.PriorityDecrement = thread.Saturation = 0;
        thread.Quantum = thread.QuantumReset;
        thread.Preempted = thread.DisableBoost = FALSE;
        thread.AdjustReason = ADJUST_REASON::AdjustNone;
        thread.WaitStatus = STATUS_SUCCESS;
        thread.WaitNext = thread.Alertable = FALSE;
        thread.Alerted[0] = thread.Alerted[1] = FALSE;
        thread.KernelApcDisable = thread.SpecialApcDisable = 0;
        KiProcessorBlock[thread.NextProcessor]->QuantumEnd = FALSE;
    }
}
