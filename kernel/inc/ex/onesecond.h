// The one-second thread: duties that the system has once a second, all done by one thread, one after the other.
//
// Housekeeping that needs no thread of its own registers a duty: relief of starved threads, the balance of the worker
// threads. A duty is short: the others wait for it.
// Locks: a mutant of its own, held while duties run, so a duty that was unregistered does not run any more.
// In the books: "balance set manager", "housekeeping threads". SYS-11, SYS-12
#pragma once

#include "nt/list.h"

/// A routine that the one-second thread calls every second.
/// shared: the one-second thread's mutant guards the link; the rest is fixed while it is registered
struct EX_ONE_SECOND_DUTY {
    void(NTAPI* Routine)(PVOID Context); ///< @irql PASSIVE_LEVEL
    PVOID Context;
    LIST_ENTRY Link;
};
using PEX_ONE_SECOND_DUTY = EX_ONE_SECOND_DUTY*;

extern "C" {
/// From now on the duty's routine is called once a second, after those registered before. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI ExRegisterOneSecondDuty(PEX_ONE_SECOND_DUTY Duty);
/// The routine is not called any more; if it runs now, its end is awaited (unless the duty calls this itself).
/// @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI ExUnregisterOneSecondDuty(PEX_ONE_SECOND_DUTY Duty);
}
