// Private to ke/i386: descriptor tables, traps, the processor block.
#pragma once

#include "i386/cpu.h"
#include "i386/descriptor.h"
#include "i386/trap.h"
#include "ke.h"
#include "ke/options.h"
#include "rtl/string.h"

constexpr ULONG KI_TASK_STACK_SIZE = 12 * 1024;

/// Everything that a processor has for itself and that must not move. The first processor's is static; another's is
/// allocated before it starts.
/// shared: no, it belongs to its processor
struct alignas(16) KI_PROCESSOR {
    KPCR Pcr;
    KGDTENTRY Gdt[KGDT_LENGTH / sizeof(KGDTENTRY)];
    KTSS Tss;            ///< of the kernel
    KTSS DoubleFaultTss; ///< behind the task gate of vector 8
    KTSS NmiTss;         ///< behind the task gate of vector 2
    alignas(16) UCHAR DoubleFaultStack[KI_TASK_STACK_SIZE];
    alignas(16) UCHAR NmiStack[KI_TASK_STACK_SIZE];
};

/// Fills the GDT, with the TSSs and the segment that fs selects.
void KiInitializeGdt(KI_PROCESSOR& processor);
/// Fills the IDT, once for all processors.
void KiInitializeIdt(KI_PROCESSOR& processor);
/// Make the tables those of this processor, and load its segment registers.
void KiLoadGdt(const KPCR& pcr);
void KiLoadIdt(const KPCR& pcr);

extern "C" {
extern const ULONG_PTR KiVectorEntry[MAXIMUM_IDTVECTOR + 1];
void KiDoubleFaultEntry();
void KiNmiEntry();

/// Every trap and interrupt, from trap.S. Interrupts are off.
void NTAPI KiTrap(KTRAP_FRAME* TrapFrame, ULONG Vector);
/// A double fault or an NMI, on a stack of its own.
[[noreturn]] void NTAPI KiTaskGateTrap(ULONG Vector);
}

/// Vectors of PRIMARY_VECTOR_BASE and above.
void KiDispatchInterruptVector(KTRAP_FRAME& frame, ULONG vector);
/// Vector 14. CR2 was read before interrupts were enabled.
void KiPageFault(KTRAP_FRAME& frame, ULONG_PTR address);
/// Builds the record of an exception at the frame's Eip and dispatches it, with the interrupt flag of the
/// interrupted code.
void KiDispatchTrapException(KTRAP_FRAME& frame, NTSTATUS code, ULONG parameters = 0, ULONG_PTR parameter0 = 0,
                             ULONG_PTR parameter1 = 0, ULONG_PTR parameter2 = 0);
/// Whether the instruction that user mode was stopped at is one that only the kernel may execute. @irql PASSIVE_LEVEL
bool KiIsPrivilegedInstruction(const KTRAP_FRAME& frame);
/// Gives an exception of user mode to those who may handle it. Returns if the frame says how the thread goes on; else the thread ends.
/// @irql PASSIVE_LEVEL
void KiDispatchUserException(EXCEPTION_RECORD* Record, KTRAP_FRAME* TrapFrame, BOOLEAN FirstChance);
/// Enables interrupts if the interrupted code had them enabled.
void KiGiveInterruptsBack(const KTRAP_FRAME& frame);
