// Taking a processor's registers.
#include "processorview.h"
#include "kdp.h"
#include "ke/ipi.h"
#include "ke/irql.h"

namespace {

constexpr ULONG FRAMES = 32;

void Copy(const KPRCB& prcb, KD_PROCESSOR_VIEW& view) {
    view.Thread = prcb.CurrentThread;
    view.Answered = prcb.IpiFrozen != 0;
    view.Irql = prcb.DebuggerSavedIRQL;
    view.Context = prcb.ProcessorState.ContextFrame;
}

void CopyHere(const KD_SESSION& session, KD_PROCESSOR_VIEW& view) {
    view.Thread = KeGetCurrentPrcb()->CurrentThread;
    view.Here = view.Answered = true;
    view.Irql = KeGetCurrentIrql();
    if (session.Stopped()) {
        view.Context = *session.Stopped();
    } else {
        RtlCaptureContext(&view.Context);
    }
}

} // namespace

bool KdpViewProcessor(const KD_SESSION& session, ULONG number, KD_PROCESSOR_VIEW* view) {
    const KPRCB* const prcb = number < MAXIMUM_PROCESSORS ? KiProcessorBlock[number] : nullptr;
    if (!prcb) return false;
    *view = {};
    if (session.Stopped()) {
        if (prcb == KeGetCurrentPrcb()) {
            CopyHere(session, *view);
        } else {
            Copy(*prcb, *view);
        }
        return true;
    }
    if (number == KeGetCurrentProcessorNumber()) {
        CopyHere(session, *view);
        return true;
    }
    const nt::IrqlGuard still(HIGH_LEVEL);
    KeFreezeExecution();
    Copy(*prcb, *view);
    KeThawExecution();
    return true;
}

void KdpPrintProcessorStack(KD_SESSION& session, const KD_PROCESSOR_VIEW& view) {
    ULONG_PTR low, high;
    PVOID callers[FRAMES];
    KeQueryStackBounds(view.Context.Ebp, &low, &high);
    const ULONG count = RtlWalkFrameChain(callers, FRAMES, view.Context.Ebp, low, high);
    KdpPrintFrame(session, 0, view.Context.Eip);
    for (ULONG i = 0; i < count && callers[i]; i++)
        KdpPrintFrame(session, i + 1, reinterpret_cast<ULONG_PTR>(callers[i]));
}
