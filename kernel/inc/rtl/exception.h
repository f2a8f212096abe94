// Structured exceptions: records, contexts, frame-based dispatch and unwind, stack traces.
//
// Registration records form a chain from fs:[0], innermost first, on the current stack. Dispatch asks each handler in
// turn; a handler that takes the exception unwinds to its frame and does not return. The rules for code inside __try
// are in kernel/ntos/rtl/README.md: user memory only through out-of-line accessors.
// In the books: "exception dispatching". EXC-01..03
#pragma once

#include "ntstatus.h"

constexpr ULONG EXCEPTION_NONCONTINUABLE = 0x01;
constexpr ULONG EXCEPTION_UNWINDING = 0x02;
constexpr ULONG EXCEPTION_EXIT_UNWIND = 0x04;
constexpr ULONG EXCEPTION_STACK_INVALID = 0x08;
constexpr ULONG EXCEPTION_NESTED_CALL = 0x10;
constexpr ULONG EXCEPTION_UNWIND = EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND;
constexpr ULONG EXCEPTION_MAXIMUM_PARAMETERS = 15;

constexpr int EXCEPTION_EXECUTE_HANDLER = 1;
constexpr int EXCEPTION_CONTINUE_SEARCH = 0;
constexpr int EXCEPTION_CONTINUE_EXECUTION = -1;

#if defined(__i386__)
/// What a filter, an __except block and a __finally block may ask.
#define GetExceptionCode() static_cast<NTSTATUS>(_exception_code())
#define GetExceptionInformation() static_cast<EXCEPTION_POINTERS*>(_exception_info())
#define AbnormalTermination() _abnormal_termination()
#endif

/// What happened: the code of an exception, where, and with which details.
struct EXCEPTION_RECORD {
    NTSTATUS ExceptionCode;
    ULONG ExceptionFlags;
    EXCEPTION_RECORD* ExceptionRecord;
    PVOID ExceptionAddress;
    ULONG NumberParameters;
    ULONG_PTR ExceptionInformation[EXCEPTION_MAXIMUM_PARAMETERS]; ///< access violation: [0] 0 read 1 write, [1] address
};
using PEXCEPTION_RECORD = EXCEPTION_RECORD*;

constexpr ULONG CONTEXT_i386 = 0x00010000;
constexpr ULONG CONTEXT_CONTROL = CONTEXT_i386 | 0x01;
constexpr ULONG CONTEXT_INTEGER = CONTEXT_i386 | 0x02;
constexpr ULONG CONTEXT_SEGMENTS = CONTEXT_i386 | 0x04;
constexpr ULONG CONTEXT_FLOATING_POINT = CONTEXT_i386 | 0x08;
constexpr ULONG CONTEXT_DEBUG_REGISTERS = CONTEXT_i386 | 0x10;
constexpr ULONG CONTEXT_EXTENDED_REGISTERS = CONTEXT_i386 | 0x20; ///< as fxsave writes them
constexpr ULONG CONTEXT_FULL = CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_SEGMENTS;

/// The registers of a thread at one moment (documented layout).
struct CONTEXT {
    ULONG ContextFlags;
    ULONG Dr0, Dr1, Dr2, Dr3, Dr6, Dr7;
    UCHAR FloatSave[112];
    ULONG SegGs, SegFs, SegEs, SegDs;
    ULONG Edi, Esi, Ebx, Edx, Ecx, Eax;
    ULONG Ebp, Eip, SegCs, EFlags, Esp, SegSs;
    UCHAR ExtendedRegisters[512];
};
using PCONTEXT = CONTEXT*;
static_assert(offsetof(CONTEXT, Edi) == 0x9C && offsetof(CONTEXT, Eip) == 0xB8 && sizeof(CONTEXT) == 0x2CC);

/// What a filter may look at: the exception, and the registers at its moment.
struct EXCEPTION_POINTERS {
    EXCEPTION_RECORD* ExceptionRecord;
    CONTEXT* ContextRecord;
};

/// What a frame's handler has decided.
enum class EXCEPTION_DISPOSITION : int {
    ExceptionContinueExecution,
    ExceptionContinueSearch,
    ExceptionNestedException,
    ExceptionCollidedUnwind
};

struct EXCEPTION_REGISTRATION_RECORD;
using EXCEPTION_ROUTINE = EXCEPTION_DISPOSITION CDECL(EXCEPTION_RECORD* Record, PVOID EstablisherFrame,
                                                      CONTEXT* Context, PVOID DispatcherContext);
/// A frame's entry in the chain of exception handlers, which begins at fs:0.
struct EXCEPTION_REGISTRATION_RECORD {
    EXCEPTION_REGISTRATION_RECORD* Next;
    EXCEPTION_ROUTINE* Handler;
};

extern "C" {
/// Raises an exception at the caller: debugger, frame handlers, debugger, bugcheck (EXC-02). Returns if a handler
/// continues execution. Sets ExceptionAddress.
NTKERNELAPI void NTAPI RtlRaiseException(EXCEPTION_RECORD* ExceptionRecord);
/// Raises `Status` as an exception that cannot be continued.
[[noreturn]] NTKERNELAPI void NTAPI RtlRaiseStatus(NTSTATUS Status);
/// The names under which drivers raise: the same, an access violation, a misaligned address. Supplied by the executive.
[[noreturn]] NTKERNELAPI void NTAPI ExRaiseStatus(NTSTATUS Status);
[[noreturn]] NTKERNELAPI void NTAPI ExRaiseAccessViolation();
[[noreturn]] NTKERNELAPI void NTAPI ExRaiseDatatypeMisalignment();
/// Walks the registration chain. @returns whether a handler continued execution (with `Context`, maybe changed).
NTKERNELAPI BOOLEAN NTAPI RtlDispatchException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context);
/// Calls the termination handlers of every frame below `TargetFrame` (nullptr: of all), takes those frames off the
/// chain and returns, with EBX, ESI, EDI as they were. `TargetIp` is for debuggers.
NTKERNELAPI void NTAPI RtlUnwind(PVOID TargetFrame, PVOID TargetIp, EXCEPTION_RECORD* ExceptionRecord,
                                 PVOID ReturnValue);
/// The registers as they are when this call returns. @irql any
NTKERNELAPI void NTAPI RtlCaptureContext(CONTEXT* Context);
/// Goes on with these registers, on a kernel stack (segments stay as they are).
[[noreturn]] NTKERNELAPI void NTAPI RtlRestoreContext(const CONTEXT* Context);
/// The stack that `Address` lies on, as far as this processor knows it: the current thread's, the DPC stack, the boot
/// stack. Supplied by the kernel layer. @irql any
NTKERNELAPI void NTAPI KeQueryStackBounds(ULONG_PTR Address, ULONG_PTR* StackLow, ULONG_PTR* StackHigh);

/// The frame chain: follows saved EBPs from `Frame` upwards within [StackLow, StackHigh) and stores return addresses.
/// Stops at a frame that is misaligned, outside the stack or not above the one before; never faults on a bad chain.
/// @returns the number of addresses stored. @irql any
NTKERNELAPI ULONG NTAPI RtlWalkFrames(PVOID* Callers, ULONG Count, ULONG_PTR Frame, ULONG_PTR StackLow,
                                      ULONG_PTR StackHigh);
/// The same from the caller upwards, as drivers call it: Callers[0] is where this call returns to.
/// @param Flags 0: the kernel stack; 1: the user stack, which no thread has yet. @returns the number of addresses stored. @irql any
NTKERNELAPI ULONG NTAPI RtlWalkFrameChain(PVOID* Callers, ULONG Count, ULONG Flags);
}
