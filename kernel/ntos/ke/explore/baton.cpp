// The baton: what happens at a point, and how it goes from one processor to the next.
//
// Interrupts are off from the point to the moment at which this processor goes on, so an interrupt that was sent to it is
// taken only by a processor that has the baton: at the first instruction after the point. A processor with nothing to do
// gives the baton away and really halts; the interrupt that wakes it leads to a point before anything else.
// Locks: none. IRQL: any.
// In the books: none. SYH-01
#include "kx.h"

#include "nt/interrupts.h"

KX_RUN KxRun;
KxDetector KxTheDetector;

namespace {

constexpr ULONG PATIENCE = 1000;          ///< points in a row after which a processor gives way
constexpr ULONG STEPS_BETWEEN_TICKS = 8;  ///< the clock's actor is offered so often: else all ticks come at the start
constexpr ULONG DEVICE_LEVELS = ~0u << 3; ///< of KPCR::IRR

constexpr ULONG Bit(ULONG processor) { return 1u << processor; }

/// So many questions need not be asked now.
ULONG Quota() {
    const KX_RUN& run = KxRun;
    if (run.Trace || run.Step >= run.StepLimit || (run.Fair && run.SinceSwitch >= PATIENCE)) return 0;
    ULONG quota = run.Strategy->Stay(run.Step);
    if (quota > run.StepLimit - run.Step) quota = run.StepLimit - run.Step;
    if (run.Fair && quota > PATIENCE - run.SinceSwitch) quota = PATIENCE - run.SinceSwitch;
    const ULONG beforeTick = (STEPS_BETWEEN_TICKS - run.Step % STEPS_BETWEEN_TICKS) % STEPS_BETWEEN_TICKS;
    if (run.TicksLeft != 0 && quota > beforeTick) quota = beforeTick;
    return quota;
}

} // namespace

void KxDetect(KX_POINT kind, ULONG_PTR object, ULONG size, ULONG_PTR pc, ULONG_PTR frame) {
    const ULONG self = KeGetPcr()->Number;
    constexpr ULONG_PTR interrupts = 0xFFFFFF00; // an object for each processor that is interrupted, where no memory is
    switch (kind) {
    case KX_POINT::Load:
    case KX_POINT::Store:
        KxTheDetector.Access(
            {self, KxRun.Step + KxRun.Granted - KxRun.Quota, object, size, kind == KX_POINT::Store, pc, frame});
        break;
    case KX_POINT::Interlocked: KxTheDetector.Interlocked(self, object); break;
    case KX_POINT::Acquired: KxTheDetector.Acquire(self, object); break;
    case KX_POINT::Release: KxTheDetector.Release(self, object); break;
    case KX_POINT::IpiSend:
        for (ULONG p = 0; p < KX_PROCESSORS; p++) {
            if (object & Bit(p)) KxTheDetector.Release(self, interrupts + 8 * p);
        }
        break;
    case KX_POINT::IpiEntry: KxTheDetector.Acquire(self, interrupts + 8 * self); break;
    default: break;
    }
}

void KxSettle() {
    KX_RUN& run = KxRun;
    const ULONG used = run.Granted - run.Quota;
    run.Quota = run.Granted = 0;
    if (used == 0) return;
    if (const ULONG most = Quota(); used > most) { // the strategy is as it was: it would say the same again
        KxNoteFailure(KX_OUTCOME::CheckFailed, run.Scenario->File, run.Scenario->Line,
                      "%u points went by, of which the explorer had allowed %u: somebody writes over what it keeps",
                      used, most);
    }
    run.Step += used;
    if (run.Fair) run.SinceSwitch += used;
    run.Strategy->Skip(used);
    KxControl.CurrentStep = run.Step;
}

namespace {

/// @returns the processor that goes on, KX_NOBODY if none can.
ULONG Decide(ULONG self, bool yield) {
    KX_RUN& run = KxRun;
    const bool tickNow = run.TicksLeft != 0 && run.Step % STEPS_BETWEEN_TICKS == 0;
    const ULONG clock = tickNow ? Bit(KX_CONDUCTOR) : 0;
    const ULONG runnable = (run.Participants & (~run.Idle | run.Pending)) | clock;
    if (runnable == 0) return KX_NOBODY;
    if (run.Fair && ++run.SinceSwitch > PATIENCE) yield = true;
    const ULONG next = run.Strategy->Choose({run.Step, self, runnable, yield});
    KxControl.CurrentStep = ++run.Step;
    if (next != self) run.SinceSwitch = 0;
    return next;
}

/// After a bugcheck: this processor has no part in it any more. It waits where it can be frozen.
[[noreturn]] void Surrender() {
    if (KeGetCurrentIrql() < SYNCH_LEVEL) (void)KfRaiseIrql(SYNCH_LEVEL);
    KiEnableInterrupts();
    for (;;)
        YieldProcessor();
}

/// Between two runs: a Setup or a Check may change memory that this processor remembers, and waits until it has forgotten it.
void ServePacket() {
    if ((KeGetCurrentPrcb()->RequestSummary & IPI_PACKET_READY) == 0) return;
    __atomic_fetch_add(&KxRun.Serving, 1, __ATOMIC_SEQ_CST);
    KxTakeInterrupts();
    __atomic_fetch_sub(&KxRun.Serving, 1, __ATOMIC_SEQ_CST);
}

} // namespace

void KxAwait(ULONG self) {
    while (KxRun.Baton != self) {
        if (KxActive == 0) {
            if (KxRun.Participants == 0) Surrender();
            ServePacket();
        }
        YieldProcessor();
    }
    KxRun.Idle &= ~Bit(self);
}

void KxPass(ULONG self, bool yield) {
    KxSettle();
    ULONG next = Decide(self, yield);
    KxRun.Errand = next == KX_NOBODY ? KX_ERRAND::Quiet : KX_ERRAND::Turn;
    if (next == KX_NOBODY) next = KX_CONDUCTOR;
    if (next == self) return;
    KxControl.Switches++;
    if (KxRun.Trace) KxTracePoint(KX_POINT::Switch, 0, 0, next);
    KxRun.Baton = next;
}

void KxStop() {
    KxRun.Errand = KX_ERRAND::Stop;
    if (KeGetCurrentProcessorNumber() == KX_CONDUCTOR) KxLeave();
    KxRun.Baton = KX_CONDUCTOR;
    for (;;)
        KxAwait(KX_NOBODY - 1); // no processor has that number: it stands here until the machine is restored
}

void KxTakeInterrupts() {
    KiEnableInterrupts(); // its return is the one instruction that still runs without interrupts
    KiDisableInterrupts();
}

void KxReach(KX_POINT Kind, const volatile void* Object, ULONG Size, ULONG_PTR Pc, ULONG_PTR Frame) {
    const nt::InterruptsOff off;
    KX_RUN& run = KxRun;
    const ULONG self = KeGetPcr()->Number;
    if (self >= KX_PROCESSORS || (run.Participants & Bit(self)) == 0) return;
    run.Stand[self] = {Pc, Frame};
    KxAwait(self); // an interrupt may have woken it

    const auto object = reinterpret_cast<ULONG_PTR>(Object);
    if (run.Detect) KxDetect(Kind, object, Size, Pc, Frame);
    if (Kind == KX_POINT::Acquired && !run.Trace) return; // tells, but changes nothing
    KxSettle();                                           // before the trace names a step
    if (run.Trace) KxTracePoint(Kind, Size, Pc, object);
    switch (Kind) {
    case KX_POINT::Acquired: return;
    case KX_POINT::IpiSend:
        run.Idle |= ULONG(object) & ~run.Participants; // one that joins was halting
        run.Participants |= ULONG(object);
        run.Pending |= ULONG(object);
        return; // no other actor goes on before it is really sent
    case KX_POINT::IpiEntry: run.Pending &= ~Bit(self); break;
    case KX_POINT::Idle:
        if (KeGetPcr()->IRR & DEVICE_LEVELS) return; // an interrupt was held back: it will not halt
        if (run.Pending & Bit(self)) return;         // nor now
        run.Idle |= Bit(self);
        KxPass(self, false);
        return; // it halts without the baton
    default: break;
    }
    if (run.Step >= run.StepLimit) {
        KxDescribeDeadlock(KX_OUTCOME::NoProgress);
        KxStop();
    }
    KxPass(self, Kind == KX_POINT::Yield);
    if (run.Baton != self) KxAwait(self);
    run.Quota = run.Granted = Quota();
}

__attribute__((noinline)) void NTAPI KxReachPoint(KX_POINT Kind, const volatile void* Object) {
    const auto pc = reinterpret_cast<ULONG_PTR>(__builtin_return_address(0));
    const auto frame = reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0));
    if (!KxPassQuickly(Kind, Object, 0, pc, frame)) KxReach(Kind, Object, 0, pc, frame);
}

void NTAPI KxAbort() {
    if (KxActive != 0) {
        KxSettle();
        KxNoteScript();
    }
    KxSetActive(0);
    KxRun.Participants = 0;
}
