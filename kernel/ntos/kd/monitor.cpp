// The monitor: a prompt on COM1 through which one looks at the running or the stopped kernel.
//
// Entered from a thread it is one thread among others: it waits for input by polling and sleeping, and the kernel goes
// on. Entered with a context (breakpoint, bugcheck) the processor stays here at HIGH_LEVEL and the others are frozen, so
// what one sees does not move, and no lock is taken.
// In the books: "kernel debugging". TOL-06
#include "commands.h"
#include "io/console.h"
#include "kdp.h"
#include "ke/ipi.h"
#include "ke/irql.h"
#include "rtl/lineedit.h"

namespace {

nt::LineEditor Editor; ///< one terminal, one history

void Converse(KD_SESSION& session) {
    while (!session.IsOver()) {
        session.ReadLine(Editor);
        KdpExecuteLine(session, Editor.Line());
    }
}

} // namespace

extern "C" void NTAPI KdEnterMonitor(CONTEXT* Context) {
    KD_SESSION session(Context);
    if (Context) {
        nt::IrqlGuard still(HIGH_LEVEL);
        KeFreezeExecution();
        Converse(session);
        KeThawExecution();
    } else {
        IoLendConsoleInput(TRUE);
        Converse(session);
        IoLendConsoleInput(FALSE);
    }
}

extern "C" ULONG NTAPI KdExecuteCommand(PCSTR Line, PSTR Output, ULONG Size) {
    KD_SESSION session(nullptr, Output, Size);
    KdpExecuteLine(session, Line);
    ULONG length = 0;
    while (length < Size && Output[length])
        length++;
    return length;
}
