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
/// Sends a command (interrupt command register) to the processor whose local APIC has this ID, and waits until it is
/// on its way. Interrupts are off.
void HalpSendLocalApicCommand(UCHAR localApicId, ULONG command);
/// Commands: an interrupt of a vector; into the state after reset; start at a page below 1 MB.
constexpr ULONG LOCAL_APIC_FIXED = 0x4000, LOCAL_APIC_INIT = 0x4500, LOCAL_APIC_STARTUP = 0x4600;
/// Starts the timer counting down from its maximum without interrupting, for calibration.
void HalpStartLocalApicCounter();
/// Counts since then.
ULONG HalpReadLocalApicCounter();
/// The timer counts no more.
void HalpStopLocalApicTimer();
/// An interrupt every `counts`.
void HalpStartLocalApicTimer(ULONG vector, ULONG counts);
