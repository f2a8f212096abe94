// Threads in user mode: what the running one has, how one begins and ends.
//
// In the books: "thread environment block", "thread creation". PRC-04, PRC-08
#pragma once

#include "ntstatus.h"
#include "ps/peb.h"
#include "ps/services.h"

/// What a thread runs. @returns its exit status
using USER_THREAD_START_ROUTINE = NTSTATUS NTAPI(PVOID Parameter);
using PUSER_THREAD_START_ROUTINE = USER_THREAD_START_ROUTINE*;

/// The running thread's block.
inline TEB* NtCurrentTeb() {
    TEB* teb;
    __asm__("movl %%fs:0x18, %0" : "=r"(teb));
    return teb;
}
/// The block of the process.
inline PEB* NtCurrentPeb() { return NtCurrentTeb()->ProcessEnvironmentBlock; }

extern "C" {
/// Where a thread begins in user mode: eax is the routine, ebx its parameter. A program's first thread has the program's entry point and
/// the PEB there. The thread ends with what the routine returns. An exception that no frame handles ends the process with its code.
/// Nobody calls it: it stands in the CONTEXT of a new thread.
[[noreturn]] NTKERNELAPI void NTAPI RtlUserThreadStart();
/// Makes a thread with a stack of its own, and starts it. @param ThreadSecurityDescriptor, StackZeroBits not looked at. @param
/// MaximumStackSize, CommittedStackSize in bytes; 0: as the program's header says. @param Thread receives a handle, ClientId the IDs; may be
/// nullptr. @returns STATUS_SUCCESS; as NtAllocateVirtualMemory, NtCreateThread
NTKERNELAPI NTSTATUS NTAPI RtlCreateUserThread(HANDLE Process, PVOID ThreadSecurityDescriptor, BOOLEAN CreateSuspended,
                                               ULONG StackZeroBits, SIZE_T MaximumStackSize, SIZE_T CommittedStackSize,
                                               PUSER_THREAD_START_ROUTINE StartAddress, PVOID Parameter, HANDLE* Thread,
                                               CLIENT_ID* ClientId);
/// Ends the running thread. @param ExitStatus of the thread, and of the process if it is the last one
[[noreturn]] NTKERNELAPI void NTAPI RtlExitUserThread(NTSTATUS ExitStatus);
/// Ends the process: its other threads, then its DLLs are told.
[[noreturn]] NTKERNELAPI void NTAPI RtlExitUserProcess(NTSTATUS ExitStatus);
}
