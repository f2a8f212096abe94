// The balance-set manager: what the kernel layer has done once a second (a duty of the one-second thread).
//
// It relieves starved threads; the memory manager's working sets become its second concern.
// Locks: none of its own. IRQL: PASSIVE_LEVEL.
// In the books: "balance set manager", "priority boosts for CPU starvation". SCH-19
#include "ke/ki.h"

void NTAPI KeBalanceSetManager(PVOID) {
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++)
        (void)KiScanReadyQueues(KiProcessorBlock[number]);
}
