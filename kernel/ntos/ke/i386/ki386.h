// Private to ke/i386: descriptor tables, traps, the processor block.
#pragma once

#include "i386/cpu.h"
#include "i386/descriptor.h"
#include "i386/trap.h"
#include "ke.h"
#include "ke/options.h"
#include "ke/service.h"
#include "rtl/string.h"

constexpr ULONG KI_TASK_STACK_SIZE = 12 * 1024;
constexpr ULONG KI_STEP_STACK_SIZE = 2048;

/// Everything that a processor has for itself and that must not move. The first processor's is static; another's is
/// allocated before it starts.
/// shared: no, it belongs to its processor
struct alignas(16) KI_PROCESSOR {
    KPCR Pcr;
    KGDTENTRY Gdt[KGDT_LENGTH / sizeof(KGDTENTRY)];
    alignas(16)
        UCHAR StepStack[KI_STEP_STACK_SIZE]; ///< right below Tss: a single step into a service ends here (service.S)
    KTSS Tss;                                ///< of the kernel
    KTSS DoubleFaultTss;                     ///< behind the task gate of vector 8
    KTSS NmiTss;                             ///< behind the task gate of vector 2
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
void KiSystemService();

/// Goes on with what a frame of this thread's stack says. Interrupts off or on.
[[noreturn]] void NTAPI KiLeaveThroughFrame(KTRAP_FRAME* TrapFrame);
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
/// Makes sysenter lead to KiFastCallEntry, on this processor, if it has that.
void KiInitializeFastCall(const KPCR& pcr);
/// @returns whether this single step of kernel mode is user mode's, over its sysenter. Post: the frame goes on so that user mode gets it.
bool KiIsStepIntoService(KTRAP_FRAME& frame);
/// @returns whether an exception of kernel mode is that user mode's arguments could not be read. Post: the service returns the code.
bool KiServiceArgumentFault(KTRAP_FRAME& frame, NTSTATUS code);
/// What KeSetUserEntryPoints was told.
extern KUSER_ENTRY_POINTS KiUserEntryPoints;
/// Puts bytes on the stack of a frame of user mode, below what is there, aligned to four. Raises where the stack cannot be written, inside
/// a __try. @returns where they lie
ULONG KiPushUser(KTRAP_FRAME& frame, const void* bytes, ULONG count);
/// User mode used floating-point registers that are not loaded: its own are now. Interrupts are off.
void KiLoadUserNpx();
/// Which error of the floating-point unit user mode made. Its registers are loaded.
NTSTATUS KiUserNpxError();
/// The current thread's registers of user mode, if it has used them, as part of a context, and back. @irql <= APC_LEVEL
void KiNpxToContext(CONTEXT& context);
void KiNpxFromContext(CONTEXT& context);
/// Whether the processor has the registers of SSE, and this kernel has enabled them.
bool KiHasXmmRegisters();
/// Lets this processor use the registers although no thread's are loaded, and forbids it again. @irql DISPATCH_LEVEL in between
void KiAllowNpx(bool allow);
/// Enables interrupts if the interrupted code had them enabled.
void KiGiveInterruptsBack(const KTRAP_FRAME& frame);
