// Trap frames: what the processor and the entry code save when something interrupts the instruction stream, and the
// way from a trap to the exception dispatcher.
//
// Invariants: a trap frame lies on the kernel stack of the interrupted thread. DbgEbp and DbgEip stand at its foot like
// a saved frame pointer and a return address, so that a walk along the frame chain leads through the trap into the
// interrupted code. A frame from kernel mode has no HardwareEsp and HardwareSegSs: the interrupted stack begins where
// they would be. fs:[0] is saved in ExceptionList and restored on the way out.
// In the books: "trap dispatching", "exception dispatching". TRP-03, EXC-01, EXC-02
#pragma once

#include "i386/trapframe.h"
#include "ke/dispatcher.h"
#include "rtl/exception.h"

struct KEXCEPTION_FRAME; // registers that a switch saves; i386 keeps them all in KTRAP_FRAME

/// The registers of what a trap interrupted, on the kernel stack (documented layout).
struct KTRAP_FRAME {
    ULONG DbgEbp; ///< copy of Ebp
    ULONG DbgEip; ///< copy of Eip
    ULONG DbgArgMark;
    ULONG DbgArgPointer;
    ULONG TempSegCs; ///< of a service that the kernel called: TrapFrame of the thread before
    ULONG TempEsp;   ///< not 0: return with this stack pointer (kernel mode), see KiTrapExit
    ULONG Dr0, Dr1, Dr2, Dr3, Dr6, Dr7;
    ULONG SegGs, SegEs, SegDs;
    ULONG Edx, Ecx, Eax;
    ULONG PreviousPreviousMode;
    EXCEPTION_REGISTRATION_RECORD* ExceptionList;
    ULONG SegFs;
    ULONG Edi, Esi, Ebx, Ebp;
    ULONG ErrCode; ///< the processor's, 0 where it gives none
    ULONG Eip, SegCs, EFlags;
    ULONG HardwareEsp, HardwareSegSs; ///< only if the trap came from user mode
    ULONG V86Es, V86Ds, V86Fs, V86Gs;
};
using PKTRAP_FRAME = KTRAP_FRAME*;

#if defined(__i386__)
static_assert(offsetof(KTRAP_FRAME, TempEsp) == TF_TEMP_ESP && offsetof(KTRAP_FRAME, SegGs) == TF_SEG_GS);
static_assert(offsetof(KTRAP_FRAME, Edx) == TF_EDX && offsetof(KTRAP_FRAME, ExceptionList) == TF_EXCEPTION_LIST);
static_assert(offsetof(KTRAP_FRAME, Eax) == TF_EAX && offsetof(KTRAP_FRAME, PreviousPreviousMode) == TF_PREVIOUS_MODE);
static_assert(offsetof(KTRAP_FRAME, SegFs) == TF_SEG_FS && offsetof(KTRAP_FRAME, Edi) == TF_EDI);
static_assert(offsetof(KTRAP_FRAME, Ebp) == TF_EBP && offsetof(KTRAP_FRAME, ErrCode) == TF_ERR_CODE);
static_assert(offsetof(KTRAP_FRAME, Eip) == TF_EIP && offsetof(KTRAP_FRAME, HardwareEsp) == TF_HARDWARE_ESP);
static_assert(sizeof(KTRAP_FRAME) == TF_LENGTH);
#endif

/// Kernel mode or user mode, as the saved code selector says.
inline KPROCESSOR_MODE KiPreviousMode(const KTRAP_FRAME& frame) {
    return (frame.SegCs & RPL_MASK) ? UserMode : KernelMode;
}

/// Where a vector of 0x30 and above leads. @param Vector the IDT vector. Entered with interrupts off, on the
/// interrupted thread's stack, at the interrupted IRQL; returns with interrupts off.
using KI_INTERRUPT_HANDLER = void NTAPI(KTRAP_FRAME* TrapFrame, ULONG Vector);

constexpr ULONG PRIMARY_VECTOR_BASE = 0x30; ///< first IDT vector of interrupts; those below belong to the processor

extern "C" {
/// Makes `Handler` the destination of a vector, on every processor. nullptr: back to the unexpected-interrupt handler.
/// The HAL connects its own (clock, spurious) so; drivers use interrupt objects. @irql any
NTKERNELAPI void NTAPI KiSetInterruptHandler(ULONG Vector, KI_INTERRUPT_HANDLER* Handler);
/// @returns the handler of a vector, nullptr if it is unexpected.
NTKERNELAPI KI_INTERRUPT_HANDLER* NTAPI KiQueryInterruptHandler(ULONG Vector);

/// Finds a handler for an exception: debugger, frames of the stack, debugger again, bugcheck (kernel mode). Returns if
/// execution goes on; the trap frame then holds the context to continue with.
/// @param TrapFrame may be nullptr only through KiRaiseException. EXC-02
NTKERNELAPI void NTAPI KiDispatchException(EXCEPTION_RECORD* ExceptionRecord, KEXCEPTION_FRAME* ExceptionFrame,
                                           KTRAP_FRAME* TrapFrame, KPROCESSOR_MODE PreviousMode, BOOLEAN FirstChance);
/// The same order for an exception that software raises: RtlRaiseException. Returns if a handler continued execution;
/// `Context` is then what to continue with.
NTKERNELAPI void NTAPI KiRaiseException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context);

/// Fills the parts of `Context` that Context->ContextFlags names from the frame.
NTKERNELAPI void NTAPI KeContextFromKframes(KTRAP_FRAME* TrapFrame, KEXCEPTION_FRAME* ExceptionFrame, CONTEXT* Context);
/// The way back: the parts that `ContextFlags` names. A kernel stack pointer may only move up.
NTKERNELAPI void NTAPI KeContextToKframes(KTRAP_FRAME* TrapFrame, KEXCEPTION_FRAME* ExceptionFrame, CONTEXT* Context,
                                          ULONG ContextFlags, KPROCESSOR_MODE PreviousMode);

/// KeBugCheckEx for a trap: registers and backtrace are those of `TrapFrame`. @irql any
[[noreturn]] NTKERNELAPI void NTAPI KeBugCheck2(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                                                ULONG_PTR Parameter3, ULONG_PTR Parameter4, KTRAP_FRAME* TrapFrame);
/// KeBugCheckEx for an exception that software raised: registers and backtrace are those of `Context`. @irql any
[[noreturn]] NTKERNELAPI void NTAPI KeBugCheckContext(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2,
                                                      ULONG_PTR Parameter3, ULONG_PTR Parameter4,
                                                      const CONTEXT& Context);
}
