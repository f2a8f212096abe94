// raise: an exception, to see which debugger and handlers are asked, and in which order.
//
// No handler takes it: the debugger sees it first (`sx on`), then no frame wants it, then the debugger has its second
// chance, then it is a bugcheck. EXC-02
#include "kd/commands.h"
#include "rtl/exception.h"

KD_COMMAND(raise, "[status]", "raise an exception that nobody handles") {
    ULONG status = ULONG(STATUS_UNSUCCESSFUL);
    (void)session.NextNumber(&status);
    RtlRaiseStatus(static_cast<NTSTATUS>(status));
}
