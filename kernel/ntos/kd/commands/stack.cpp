// stack: which routine called which: in the stopped code, in the monitor's own thread, or in a thread that does not run.
#include "kd/kdp.h"
#include "kd/names.h"
#include "kd/processorview.h"
#include "kd/threadview.h"
#include "kd/commands.h"

namespace {

void PrintHere(KD_SESSION& session) {
    CONTEXT here;
    if (!session.Stopped()) RtlCaptureContext(&here);
    const CONTEXT& context = session.Stopped() ? *session.Stopped() : here;
    ULONG_PTR low;
    ULONG_PTR high;
    KeQueryStackBounds(context.Ebp, &low, &high);
    KdpPrintChain(session, context.Eip, context.Ebp, low, high);
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
            KdpPrintStackOf(session, view->Thread);
        }
    }
}
