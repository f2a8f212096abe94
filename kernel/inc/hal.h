// hal.dll: everything that differs between boards: interrupt controllers, timers, clock, ports.
//
// The rest of the kernel asks the HAL and does not know whether a PIC with a PIT or a local APIC with an I/O APIC is
// underneath; the choice is made at boot from the ACPI or MP tables (or /HAL=PIC). The HAL imports from the kernel only
// the routines that interrupts lead to.
// In the books: "hardware abstraction layer". HAL-01, HAL-03, HAL-05, HAL-07
#pragma once

#include "ke/dispatcher.h"
#include "ke/interrupt.h"
#include "ke/irql.h"
#include "ntstatus.h"
#include "rtl/time.h"

struct LOADER_PARAMETER_BLOCK;
struct KPROCESSOR_STATE;
struct KTRAP_FRAME;
struct KEXCEPTION_FRAME;

/// The bus that a device's interrupt comes from.
enum class INTERFACE_TYPE : UCHAR { Internal, Isa };

extern "C" {
NTHALAPI UCHAR NTAPI READ_PORT_UCHAR(USHORT Port);
NTHALAPI USHORT NTAPI READ_PORT_USHORT(USHORT Port);
NTHALAPI ULONG NTAPI READ_PORT_ULONG(USHORT Port);
NTHALAPI void NTAPI WRITE_PORT_UCHAR(USHORT Port, UCHAR Value);
NTHALAPI void NTAPI WRITE_PORT_USHORT(USHORT Port, USHORT Value);
NTHALAPI void NTAPI WRITE_PORT_ULONG(USHORT Port, ULONG Value);
/// Reads the port `Count` times into the buffer, or writes the buffer's units to the port one after the other. @irql any
NTHALAPI void NTAPI READ_PORT_BUFFER_UCHAR(USHORT Port, UCHAR* Buffer, ULONG Count);
NTHALAPI void NTAPI READ_PORT_BUFFER_USHORT(USHORT Port, USHORT* Buffer, ULONG Count);
NTHALAPI void NTAPI READ_PORT_BUFFER_ULONG(USHORT Port, ULONG* Buffer, ULONG Count);
NTHALAPI void NTAPI WRITE_PORT_BUFFER_UCHAR(USHORT Port, const UCHAR* Buffer, ULONG Count);
NTHALAPI void NTAPI WRITE_PORT_BUFFER_USHORT(USHORT Port, const USHORT* Buffer, ULONG Count);
NTHALAPI void NTAPI WRITE_PORT_BUFFER_ULONG(USHORT Port, const ULONG* Buffer, ULONG Count);

/// Prepares the interrupt controller of a processor; phase 0. Interrupts are off. @irql HIGH_LEVEL
NTHALAPI void NTAPI HalInitializeProcessor(ULONG Number, LOADER_PARAMETER_BLOCK* LoaderBlock);
/// Phase 0: finds controllers, calibrates, starts the clock (interrupts still off). Phase 1: what needs threads.
/// @returns false if this machine cannot be used (said on the screen).
NTHALAPI BOOLEAN NTAPI HalInitSystem(ULONG Phase, LOADER_PARAMETER_BLOCK* LoaderBlock);
/// @returns how many processors HalStartNextProcessor has left to start.
NTHALAPI ULONG NTAPI HalQueryOtherProcessors();
/// Starts the next processor that the firmware's tables name, if one is left.
/// @param ProcessorState control registers, stack pointer and first instruction (protected mode, paging on, flat
/// segments, interrupts off). @returns false if there is none, or if it does not answer. @irql PASSIVE_LEVEL, phase 1
NTHALAPI BOOLEAN NTAPI HalStartNextProcessor(LOADER_PARAMETER_BLOCK* LoaderBlock,
                                             const KPROCESSOR_STATE* ProcessorState);
/// Interrupts processors at IPI_LEVEL: each calls KiIpiServiceRoutine as soon as its IRQL allows. @irql any
NTHALAPI void NTAPI HalRequestIpi(KAFFINITY Mask);
/// "PIC" or "APIC".
NTHALAPI PCSTR NTAPI HalQueryControllerName();

/// Vector and IRQL of a bus interrupt line (ISA: 0..15). @returns the IDT vector, 0 if there is none.
NTHALAPI ULONG NTAPI HalGetInterruptVector(INTERFACE_TYPE InterfaceType, ULONG BusNumber, ULONG BusInterruptLevel,
                                           ULONG BusInterruptVector, KIRQL* Irql, KAFFINITY* Affinity);
NTHALAPI BOOLEAN NTAPI HalEnableSystemInterrupt(ULONG Vector, KIRQL Irql, KINTERRUPT_MODE Mode);
NTHALAPI void NTAPI HalDisableSystemInterrupt(ULONG Vector, KIRQL Irql);
/// First thing in a device interrupt: raises to `Irql`, or, if the processor is at or above it already, keeps the
/// interrupt pending (lazy IRQL). @returns false: spurious or held back, leave at once.
NTHALAPI BOOLEAN NTAPI HalBeginSystemInterrupt(KIRQL Irql, ULONG Vector, KIRQL* OldIrql);
/// Last thing: acknowledges and lowers to `OldIrql`. Called with interrupts off.
NTHALAPI void NTAPI HalEndSystemInterrupt(KIRQL OldIrql, ULONG Vector);

/// Makes a software interrupt (APC_LEVEL or DISPATCH_LEVEL) pending; it is delivered when the IRQL falls below.
NTHALAPI void FASTCALL HalRequestSoftwareInterrupt(KIRQL RequestIrql);
NTHALAPI void FASTCALL HalClearSoftwareInterrupt(KIRQL RequestIrql);

/// Busy-waits. @irql any
NTHALAPI void NTAPI KeStallExecutionProcessor(ULONG MicroSeconds);
/// A counter that only grows. @param PerformanceFrequency if not nullptr, receives counts per second. @irql any
NTHALAPI LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency);
/// Reads the CMOS clock. @returns false if it is not set.
NTHALAPI BOOLEAN NTAPI HalQueryRealTimeClock(TIME_FIELDS* TimeFields);
/// Waits for the next interrupt with interrupts on; returns with interrupts on. With the dispatch interrupt pending, or
/// anything above the IRQL, it does not wait. Called by the idle thread with interrupts off so that no wake-up is lost.
/// @irql DISPATCH_LEVEL
NTHALAPI void NTAPI HalProcessorIdle();
/// Halts without enabling interrupts: the end of everything but an NMI.
NTHALAPI void NTAPI HalProcessorHalt();

/// Shows text on the screen (VGA text mode). @irql any
NTHALAPI void NTAPI HalDisplayString(PCSTR Text);
/// Clears the screen; text from now on has this VGA attribute (0x07 grey on black, 0x1F white on blue). @irql any
NTHALAPI void NTAPI HalClearDisplay(UCHAR Attribute);
/// Text for the debugging port: COM1. Does not use interrupts. @irql any
NTHALAPI void NTAPI HalDebugPutString(PCSTR Text);
/// @returns the next character from COM1, -1 if there is none. @irql any
NTHALAPI LONG NTAPI HalDebugGetChar();
/// Makes COM1 ask for an interrupt, on line 4, while it has a character to be read, or no longer. @irql any
NTHALAPI void NTAPI HalEnableDebugPortInterrupt(BOOLEAN Enable);
/// How the machine is to be left.
enum class FIRMWARE_REENTRY : UCHAR { HalHaltRoutine, HalPowerDownRoutine, HalRebootRoutine };
/// Stops or restarts the machine. An emulator that can return a code ends with 0.
[[noreturn]] NTHALAPI void NTAPI HalReturnToFirmware(FIRMWARE_REENTRY Routine);
}

/// Kernel routines that the HAL's interrupt handlers call.
extern "C" {
/// One clock interval has passed. @param TimeIncrement its length in 100 ns. @irql CLOCK_LEVEL
NTKERNELAPI void NTAPI KeUpdateSystemTime(KTRAP_FRAME* TrapFrame, ULONG TimeIncrement);
/// The same on a processor that does not keep the time: charges its current thread. @irql CLOCK_LEVEL
NTKERNELAPI void NTAPI KeUpdateRunTime(KTRAP_FRAME* TrapFrame);
/// Another processor has asked for something. @param OldIrql of the interrupted code. @irql IPI_LEVEL
NTKERNELAPI void NTAPI KiIpiServiceRoutine(KTRAP_FRAME* TrapFrame, KIRQL OldIrql);
/// Software interrupt at DISPATCH_LEVEL: DPCs, quantum end, switch to the standby thread. Called at DISPATCH_LEVEL.
NTKERNELAPI void NTAPI KiDispatchInterrupt();
/// Software interrupt at APC_LEVEL.
NTKERNELAPI void NTAPI KiDeliverApc(KPROCESSOR_MODE PreviousMode, KEXCEPTION_FRAME* ExceptionFrame,
                                    KTRAP_FRAME* TrapFrame);
/// System time of day at boot, set by phase 1. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI KeSetSystemTime(PLARGE_INTEGER NewTime, PLARGE_INTEGER OldTime);
}
