// stack: who called whom: in the stopped code, in the monitor's own thread, or in a thread that does not run.
//
// A thread that does not run has its registers on its stack, where the context switch put them; KernelStack points
// there. Its EBP is the link to its callers.
#include "kd/kdp.h"
#include "kd/names.h"
#include "kd/processorview.h"
#include "kd/threadview.h"
#include "kd/commands.h"

namespace {

constexpr ULONG FRAMES = 32;

void PrintChain(KD_SESSION& session, ULONG_PTR eip, ULONG_PTR frame, ULONG_PTR low, ULONG_PTR high) {
    PVOID callers[FRAMES];
    const ULONG count = RtlWalkFrameChain(callers, FRAMES, frame, low, high);
    KdpPrintFrame(session, 0, eip);
    for (ULONG i = 0; i < count && callers[i]; i++)
        KdpPrintFrame(session, i + 1, reinterpret_cast<ULONG_PTR>(callers[i]));
}

void PrintSaved(KD_SESSION& session, const KD_THREAD_VIEW& view) {
    const auto low = reinterpret_cast<ULONG_PTR>(view.Thread->StackLimit);
    const auto high = reinterpret_cast<ULONG_PTR>(view.Thread->InitialStack);
    const auto saved = reinterpret_cast<ULONG_PTR>(view.Thread->KernelStack);
    if (saved < low || saved + (KD_SWITCH_FRAME_EBP + 2) * sizeof(ULONG_PTR) > high) {
        session.Print("its saved stack pointer %p is not on its stack\n", view.Thread->KernelStack);
        return;
    }
    const auto* const words = reinterpret_cast<const ULONG_PTR*>(saved);
    PrintChain(session, words[KD_SWITCH_FRAME_EBP + 1], words[KD_SWITCH_FRAME_EBP], low, high);
}

void PrintHere(KD_SESSION& session) {
    CONTEXT here;
    if (!session.Stopped()) RtlCaptureContext(&here);
    const CONTEXT& context = session.Stopped() ? *session.Stopped() : here;
    ULONG_PTR low;
    ULONG_PTR high;
    KeQueryStackBounds(context.Ebp, &low, &high);
    PrintChain(session, context.Eip, context.Ebp, low, high);
}

} // namespace

KD_COMMAND(stack, "[thread]", "stack trace; a thread by ID or address") {
    ULONG which;
    if (!session.NextNumber(&which)) {
        PrintHere(session);
    } else if (const KD_THREAD_VIEW* const view = KdpFindThread(session, which)) {
        session.Print("thread %u %s, %s\n", view->Id, view->Name, KdpStateName(view->State));
        KD_PROCESSOR_VIEW processor;
        if (view->Thread == KeGetCurrentThread()) {
            PrintHere(session);
        } else if (view->State == KTHREAD_STATE::Running && KdpViewProcessor(session, view->Processor, &processor)) {
            KdpPrintProcessorStack(session, processor);
        } else {
            PrintSaved(session, *view);
        }
    }
}
