// Taking a processor's registers and stack trace.
#include "processorview.h"
#include "kdp.h"
#include "ke/ipi.h"
#include "ke/irql.h"
#include "ps.h"
#include "rtl/string.h"

namespace {

void CopyThread(const KTHREAD* thread, KD_PROCESSOR_VIEW& view) {
    const ETHREAD* const outer = CONTAINING_RECORD(thread, const ETHREAD, Tcb);
    view.Thread = thread;
    view.ThreadId = outer->UniqueThreadId;
    memcpy(view.ThreadName, outer->ThreadName, sizeof(view.ThreadName));
    view.ThreadName[sizeof(view.ThreadName) - 1] = 0;
}

void CopyCallers(KD_PROCESSOR_VIEW& view) {
    ULONG_PTR low, high;
    KeQueryStackBounds(view.Context.Ebp, &low, &high);
    view.CallerCount = RtlWalkFrames(view.Callers, KD_PROCESSOR_FRAMES, view.Context.Ebp, low, high);
}

void Copy(const KPRCB& prcb, KD_PROCESSOR_VIEW& view) {
    CopyThread(prcb.CurrentThread, view);
    view.Answered = prcb.IpiFrozen == TARGET_FROZEN;
    view.Irql = prcb.DebuggerSavedIRQL;
    view.Context = prcb.ProcessorState.ContextFrame;
    if (view.Answered) CopyCallers(view);
}

void CopyHere(const KD_SESSION& session, KIRQL irql, KD_PROCESSOR_VIEW& view) {
    CopyThread(KeGetCurrentPrcb()->CurrentThread, view);
    view.Here = view.Answered = true;
    view.Irql = irql;
    if (session.Stopped()) {
        view.Context = *session.Stopped();
    } else {
        RtlCaptureContext(&view.Context);
    }
    CopyCallers(view);
}

} // namespace

bool KdpViewProcessor(const KD_SESSION& session, ULONG number, KD_PROCESSOR_VIEW* view) {
    const KPRCB* const prcb = number < MAXIMUM_PROCESSORS ? KiProcessorBlock[number] : nullptr;
    if (!prcb) return false;
    *view = {};
    const KIRQL irql = KeGetCurrentIrql();
    const nt::IrqlGuard still(HIGH_LEVEL); // "this processor" stays the same one
    if (prcb == KeGetCurrentPrcb()) {
        CopyHere(session, irql, *view);
    } else if (session.Stopped()) {
        Copy(*prcb, *view);
    } else {
        KeFreezeExecution();
        Copy(*prcb, *view);
        KeThawExecution();
    }
    return true;
}

void KdpPrintProcessorStack(KD_SESSION& session, const KD_PROCESSOR_VIEW& view) {
    KdpPrintFrame(session, 0, view.Context.Eip);
    for (ULONG i = 0; i < view.CallerCount && view.Callers[i]; i++)
        KdpPrintFrame(session, i + 1, reinterpret_cast<ULONG_PTR>(view.Callers[i]));
}
