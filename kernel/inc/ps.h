// Processes and threads of the executive: ETHREAD, EPROCESS, system threads.
//
// In this slice there are two processes: Idle (PID 0) and System (PID 4). Every system thread belongs to System.
// In the books: "process and thread internals", "system processes". SYS-01, SYS-02
#pragma once

#include "ke.h"

/// A process of the executive: the scheduler's part, its ID and its name.
struct EPROCESS {
    KPROCESS Pcb;
    ULONG UniqueProcessId;
    LIST_ENTRY ActiveProcessLinks; ///< on PsActiveProcessHead
    CHAR ImageFileName[16];
};
using PEPROCESS = EPROCESS*;

/// A thread of the executive: the scheduler's part, its ID, its name and what it began with.
struct ETHREAD {
    KTHREAD Tcb;
    ULONG UniqueThreadId;
    EPROCESS* ThreadsProcess;
    PKSTART_ROUTINE StartAddress;
    LIST_ENTRY TerminationLink; ///< on the reaper's list once ended
    NTSTATUS ExitStatus;
    volatile LONG PointerCount; ///< references; the last one frees it
    CHAR ThreadName[16];
};
using PETHREAD = ETHREAD*;

extern "C" {
NTKERNELAPI extern EPROCESS* PsInitialSystemProcess;
NTKERNELAPI extern EPROCESS* PsIdleProcess;
NTKERNELAPI extern LIST_ENTRY PsActiveProcessHead;

NTKERNELAPI BOOLEAN NTAPI PsInitSystem(ULONG Phase);
/// Makes a system thread and starts it. @param Thread receives a referenced object (PsDereferenceThread); may be
/// nullptr. @param Priority 1..31. @param Name at most 15 characters, for debuggers. @returns STATUS_SUCCESS;
/// STATUS_INVALID_PARAMETER: the priority; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsCreateSystemThread(PETHREAD* Thread, PCSTR Name, KPRIORITY Priority,
                                                PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// Ends the calling system thread. In a critical or guarded region that is a bugcheck (KERNEL_APC_PENDING_DURING_EXIT).
/// @irql PASSIVE_LEVEL
[[noreturn]] NTKERNELAPI void NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus);
/// Makes a thread end as soon as it is safe: outside of critical regions and APCs; also one that is suspended or waits.
/// What it has allocated stays: it must be a thread that can be ended. Wait for the thread object to know that it has.
/// @param Thread referenced; the caller itself does not return. @returns STATUS_SUCCESS; STATUS_THREAD_IS_TERMINATING;
/// STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PspTerminateThreadByPointer(PETHREAD Thread, NTSTATUS ExitStatus);
/// Keeps the thread object in existence. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI PsReferenceThread(PETHREAD Thread);
/// Gives a reference back; the last one frees the object. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI PsDereferenceThread(PETHREAD Thread);
}
