// The clock interrupt: one interval of system time has passed.
//
// Every processor has a clock of its own (with APICs) and charges its own thread; the first one keeps the time.
// HAL-07, KPR-07
#include "halp.h"

/// Length of the clock's interval in 100 ns, as the hardware was really programmed.
static ULONG HalpTimeIncrement;

void HalpStartClock() {
    HalpTimeIncrement = HalpController->StartClock(); // interrupts are off
    KeSetTimeIncrement(HalpTimeIncrement, HalpTimeIncrement);
}

extern "C" void NTAPI HalpClockInterrupt(KTRAP_FRAME* TrapFrame, ULONG Vector) {
    KIRQL oldIrql;
    if (!HalBeginSystemInterrupt(CLOCK_LEVEL, Vector, &oldIrql)) return;
    if (KeGetPcr()->Number == 0) { // at CLOCK_LEVEL: the processor cannot change
        KeUpdateSystemTime(TrapFrame, HalpTimeIncrement);
    } else {
        KeUpdateRunTime(TrapFrame);
    }
    KiCheckDpcWatchdog(oldIrql);
    HalEndSystemInterrupt(oldIrql, Vector);
}
