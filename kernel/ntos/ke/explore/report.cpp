// What a failed run leaves in KxControl: outcome, message, where each actor stands.
//
// The first failure of a batch is kept whole; later ones are counted.
// Locks: none, the baton's holder writes. IRQL: any.
// In the books: none. SYH-01
#include "kx.h"
#include "rtl/string.h"

namespace {

/// What a thread waits for, in a word.
PCSTR NameOf(KOBJECTS type) {
    switch (type) {
    case KOBJECTS::EventNotificationObject:
    case KOBJECTS::EventSynchronizationObject: return "event";
    case KOBJECTS::MutantObject: return "mutant";
    case KOBJECTS::ProcessObject: return "process";
    case KOBJECTS::QueueObject: return "queue";
    case KOBJECTS::SemaphoreObject: return "semaphore";
    case KOBJECTS::ThreadObject: return "thread";
    case KOBJECTS::GateObject: return "gate";
    default: return "timer";
    }
}

const KPCR* ControlRegion(ULONG processor) { return CONTAINING_RECORD(KiProcessorBlock[processor], KPCR, PrcbData); }

/// A thread that does not run, or a processor that stands at a point.
void RecordStand(ULONG processor) {
    ULONG_PTR(&stack)[KX_STACK_DEPTH] = KxControl.WaitStack[processor];
    const KTHREAD* const actor = KxActorOf(processor);
    const bool switchedAway =
        actor && KiProcessorBlock[processor]->CurrentThread != actor && (KxRun.Ended & (1u << processor)) == 0;
    if (switchedAway) {
        const auto* const frame = static_cast<const KSWITCH_FRAME*>(actor->KernelStack);
        KxControl.Waiting[processor] = frame->ReturnAddress;
        KxWalkStack(frame->Ebp, reinterpret_cast<ULONG_PTR>(actor->StackBase), stack);
    } else if ((KxRun.Idle & (1u << processor)) == 0) {
        const KX_STAND& stand = KxRun.Stand[processor];
        KxControl.Waiting[processor] = stand.Pc;
        KxWalkStack(stand.Frame, reinterpret_cast<ULONG_PTR>(ControlRegion(processor)->NtTib.StackBase), stack);
    }
}

void RecordEverybody() {
    for (ULONG p = 0; p < KX_PROCESSORS; p++) {
        KxControl.Waiting[p] = 0;
        RtlZeroMemory(KxControl.WaitStack[p], sizeof KxControl.WaitStack[p]);
        if (KxRun.Participants & (1u << p)) RecordStand(p);
    }
}

/// The run's failure. @returns whether it is the batch's first, to be described
bool Begin(KX_OUTCOME outcome) {
    if (KxRun.Outcome != KX_OUTCOME::None) return false;
    KxSettle();
    KxRun.Outcome = outcome;
    KxControl.Failures++;
    if (KxControl.Outcome != KX_OUTCOME::None) return false;
    KxControl.Outcome = outcome;
    KxControl.FailedSeed = KxControl.CurrentSeed;
    KxControl.FailedRun = KxControl.CurrentRun;
    KxControl.FailedStep = KxRun.Step;
    KxControl.FailedProcessor = KeGetCurrentProcessorNumber();
    RecordEverybody();
    return true;
}

} // namespace

void KxWalkStack(ULONG_PTR frame, ULONG_PTR top, ULONG_PTR (&stack)[KX_STACK_DEPTH]) {
    ULONG depth = 0;
    for (ULONG_PTR least = 1; depth < KX_STACK_DEPTH; depth++) {
        if (frame < least || frame % sizeof(ULONG_PTR) != 0 || frame + 2 * sizeof(ULONG_PTR) > top) break;
        if (top - frame > 4 * DPC_STACK_SIZE) break; // of another stack
        const auto* const link = reinterpret_cast<const ULONG_PTR*>(frame);
        if (link[1] == 0) break;
        stack[depth] = link[1];
        least = frame + 1;
        frame = link[0];
    }
    for (; depth < KX_STACK_DEPTH; depth++)
        stack[depth] = 0;
}

void KxNoteFailure(KX_OUTCOME outcome, PCSTR file, ULONG line, PCSTR format, ...) {
    if (!Begin(outcome)) return;
    KxControl.File = file;
    KxControl.Line = line;
    va_list arguments;
    va_start(arguments, format);
    (void)RtlStringCbVPrintf(KxControl.Message, sizeof KxControl.Message, format, arguments); // cut to fit
    va_end(arguments);
}

void KxDescribeDeadlock(KX_OUTCOME outcome) {
    if (!Begin(outcome)) return;
    KxControl.File = KxRun.Scenario->File;
    KxControl.Line = KxRun.Scenario->Line;
    PSTR text = KxControl.Message;
    SIZE_T left = sizeof KxControl.Message;
    const auto append = [&](PCSTR format, ULONG number, PCSTR what) {
        if (!NT_SUCCESS(RtlStringCbPrintf(text, left, format, number, what))) return;
        const SIZE_T length = strlen(text);
        text += length;
        left -= length;
    };
    append(outcome == KX_OUTCOME::Deadlock ? "nothing can go on after %u steps%s" : "no progress in %u steps%s",
           KxRun.Step, "");
    for (ULONG p = 1; p < KX_PROCESSORS; p++) {
        if ((KxRun.Actors & ~KxRun.Ended & (1u << p)) == 0) continue;
        const KTHREAD* const actor = KxActorOf(p);
        if (actor->State == KTHREAD_STATE::Waiting && actor->WaitBlockList && actor->WaitBlockList->Object) {
            append("; actor %u waits for %s", p - 1, NameOf(actor->WaitBlockList->Object->Type));
        } else if (KiProcessorBlock[p]->CurrentThread == actor) {
            append("; actor %u runs%s", p - 1, "");
        } else {
            append("; actor %u does not run%s", p - 1, "");
        }
    }
}

void CDECL KxFail(PCSTR File, ULONG Line, PCSTR Format, ...) {
    const ULONG self = KeGetCurrentProcessorNumber();
    if (self < KX_PROCESSORS) { // its last point is behind it
        KxRun.Stand[self] = {.Pc = reinterpret_cast<ULONG_PTR>(__builtin_return_address(0)),
                             .Frame = reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0))};
    }
    if (!Begin(KX_OUTCOME::CheckFailed)) return;
    KxControl.File = File;
    KxControl.Line = Line;
    va_list arguments;
    va_start(arguments, Format);
    (void)RtlStringCbVPrintf(KxControl.Message, sizeof KxControl.Message, Format, arguments); // cut to fit
    va_end(arguments);
}

void NTAPI KxObserve(ULONG Index, ULONG Value) {
    if (Index >= KX_OBSERVATIONS) return;
    KxControl.Observations[Index] = Value;
    if (Index >= KxControl.ObservationCount) KxControl.ObservationCount = Index + 1;
}

ULONG NTAPI KxParameter(ULONG Index) { return Index < KX_PARAMETERS ? KxControl.Parameter[Index] : 0; }

__attribute__((noinline)) void NTAPI KxMark(ULONG Value) {
    KxReachPoint(KX_POINT::Mark, reinterpret_cast<const void*>(ULONG_PTR(Value)));
}
