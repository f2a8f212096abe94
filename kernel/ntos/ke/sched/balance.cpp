// The balance-set manager: what the kernel layer has done once a second (a duty of the one-second thread).
//
// It relieves starved threads, and from time to time has the swapper take the stacks of threads that wait long. Working sets are
// the memory manager's concern (mm/ws/shortage.cpp).
// Locks: none of its own. IRQL: PASSIVE_LEVEL.
// In the books: "balance set manager", "priority boosts for CPU starvation". SCH-19, SYS-14
#include "ke/ki.h"

void NTAPI KeBalanceSetManager(PVOID) {
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++)
        (void)KiScanReadyQueues(KiProcessorBlock[number]);
    static constinit ULONG seconds = 0; // shared: the one-second thread's
    if (++seconds % KI_SWAP_PERIOD == 0) KeRequestStackOutSwap(KI_LONG_WAIT);
}
