// The local APIC: each processor's own interrupt controller and timer.
#pragma once

#include "nt/types.h"

constexpr ULONG LOCAL_APIC_SPURIOUS_VECTOR = 0xFF;

/// Maps the registers (the same address on every processor). @returns false if they cannot be mapped.
bool HalpMapLocalApic(ULONG physicalAddress);
/// Switches this processor's local APIC on, with every local source masked but the NMI pin.
void HalpInitializeLocalApic();
UCHAR HalpLocalApicId();
void HalpLocalApicEndOfInterrupt();
/// Whether an interrupt of this vector is in service.
bool HalpLocalApicInService(ULONG vector);
/// Starts the timer counting down from its maximum without interrupting, for calibration.
void HalpStartLocalApicCounter();
/// Counts since then.
ULONG HalpReadLocalApicCounter();
/// An interrupt every `counts`.
void HalpStartLocalApicTimer(ULONG vector, ULONG counts);
