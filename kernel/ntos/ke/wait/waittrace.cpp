// Which objects a wait is for: one event each, when the thread's ring of wait blocks is complete.
//
// Locks: as for the change of state that it is part of. IRQL: SYNCH_LEVEL.
// In the books: "wait blocks". TOL-03, DSP-12
#include "ke/ki.h"

void KiTraceWaitObjects(const KTHREAD* Thread) {
    const KWAIT_BLOCK* block = Thread->WaitBlockList;
    for (ULONG i = 0; i <= MAXIMUM_WAIT_OBJECTS && block && block->Thread == Thread; i++) {
        if (block->Object != &Thread->Timer.Header) { // that is the time-out
            EtwTraceEvent(ETW_EVENT::WaitObject, reinterpret_cast<ULONG_PTR>(Thread),
                          reinterpret_cast<ULONG_PTR>(block->Object), block->WaitKey, ULONG_PTR(block->Object->Type));
        }
        block = block->NextWaitBlock;
        if (block == Thread->WaitBlockList) return;
    }
}
