// processors: what each processor does; with a number (also `~number`), its stack.
#include "kd/commands.h"
#include "kd/names.h"
#include "kd/processorview.h"

namespace {

void PrintLine(KD_SESSION& session, ULONG number, const KD_PROCESSOR_VIEW& view) {
    session.Print("%c %2u  %4u  %p  %6u  %-15s  %08x%s\n", view.Here ? '>' : ' ', number, ULONG(view.Irql),
                  static_cast<const void*>(view.Thread), view.ThreadId, view.ThreadName, view.Context.Eip,
                  view.Answered ? "" : "  (does not answer)");
}

} // namespace

KD_COMMAND(processors, "[number]", "every processor: IRQL, thread, place; one's stack (~number)") {
    KD_PROCESSOR_VIEW view;
    ULONG which;
    const bool one = session.NextNumber(&which);
    if (one && !KdpViewProcessor(session, which, &view)) return session.Print("there is no processor %u\n", which);
    session.Print("  cpu  irql  thread       tid  name             eip\n");
    if (one) {
        PrintLine(session, which, view);
        KdpPrintProcessorStack(session, view);
        return;
    }
    for (ULONG number = 0; number < MAXIMUM_PROCESSORS; number++)
        if (KdpViewProcessor(session, number, &view)) PrintLine(session, number, view);
}
