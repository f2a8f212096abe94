// threads: every thread of the system, a line each.
#include "kd/names.h"
#include "kd/threadview.h"
#include "kd/commands.h"

KD_COMMAND(threads, "", "every thread: state, priorities, processor, switches") {
    const KD_THREAD_VIEW* views;
    const ULONG count = KdpViewThreads(session, &views);
    session.Print("   tid  thread    name             state          pri base  cpu  switches\n");
    for (ULONG i = 0; i < count && !session.HasEnough(); i++) {
        const KD_THREAD_VIEW& view = views[i];
        session.Print("%6u  %p  %-15s  %-13s  %3d %4d  %3u  %8u%s\n", view.Id, static_cast<const void*>(view.Thread),
                      view.Name, KdpStateName(view.State), view.Priority, view.BasePriority, view.Processor,
                      view.ContextSwitches, view.StackResident ? "" : "  stack out");
    }
    session.Print("%u threads\n", count);
}
