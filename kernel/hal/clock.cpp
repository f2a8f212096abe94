// The clock interrupt: one interval of system time has passed. HAL-07
#include "halp.h"

/// Length of the clock's interval in 100 ns, as the hardware was really programmed.
static ULONG HalpTimeIncrement;

void HalpStartClock() {
    HalpTimeIncrement = HalpController->StartClock(); // interrupts are off
    KeSetTimeIncrement(HalpTimeIncrement);
}

extern "C" void NTAPI HalpClockInterrupt(KTRAP_FRAME* TrapFrame, ULONG Vector) {
    KIRQL oldIrql;
    if (!HalBeginSystemInterrupt(CLOCK_LEVEL, Vector, &oldIrql)) return;
    KeUpdateSystemTime(TrapFrame, HalpTimeIncrement);
    HalEndSystemInterrupt(oldIrql, Vector);
}
