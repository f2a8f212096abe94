// The balance-set manager: the thread that looks after the system once a second.
//
// In this slice it relieves starved threads; the memory manager's working sets become its second duty.
// Locks: none of its own. IRQL: PASSIVE_LEVEL.
// In the books: "balance set manager", "priority boosts for CPU starvation". SCH-19
#include "ke/ki.h"

void NTAPI KeBalanceSetManager(PVOID) {
    constexpr LONG periodMilliseconds = 1000;
    KTIMER timer;
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    (void)KeSetTimerEx(&timer, KeRelativeMilliseconds(periodMilliseconds), periodMilliseconds, nullptr);
    for (;;) {
        (void)KeWaitForSingleObject(&timer, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++)
            (void)KiScanReadyQueues(KiProcessorBlock[number]);
    }
}
