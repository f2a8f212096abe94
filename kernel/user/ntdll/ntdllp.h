// Private to ntdll.dll: what its parts know of each other.
#pragma once

#include "ntdll.h"

/// Makes the list of vectored handlers; once.
void RtlpInitializeVectoredHandlers();
/// Asks them. @returns whether execution goes on, at `context`
bool RtlpCallVectoredHandlers(EXCEPTION_RECORD* record, CONTEXT* context);
/// The last filter of a thread. @returns for an __except: EXCEPTION_EXECUTE_HANDLER: the process ends, its message is printed
LONG RtlpUnhandledException(EXCEPTION_POINTERS* pointers);
/// Prints what it was and who called whom.
void RtlpReportException(const EXCEPTION_RECORD& record, const CONTEXT& context);

/// The process ends: its other threads are no more. A wait for what one of them has had ends the process at once.
extern bool RtlpProcessEnds;
extern NTSTATUS RtlpEndingStatus;
/// The first registers of a thread: RtlUserThreadStart, with the routine and its parameter.
void RtlpInitialContext(CONTEXT* context, PVOID stackBase, PVOID start, PVOID parameter);
/// Makes the stack of a new thread, with a guard page. @param reserve, commit in bytes. @returns as NtAllocateVirtualMemory
NTSTATUS RtlpCreateUserStack(HANDLE process, SIZE_T reserve, SIZE_T commit, INITIAL_TEB* stack);
void RtlpFreeUserStack(HANDLE process, const INITIAL_TEB& stack);

extern "C" {
/// The first chance of an exception: asks the frames of the running thread. @returns whether execution goes on, at `Context`
BOOLEAN NTAPI RtlpDispatchUserException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context);
/// The rest of RtlUserThreadStart.
[[noreturn]] void NTAPI RtlpRunThread(PUSER_THREAD_START_ROUTINE StartRoutine, PVOID Parameter);
}
