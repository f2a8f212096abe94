// Processes and threads of the executive: ETHREAD, EPROCESS, system threads.
//
// In this slice there are two processes: Idle (PID 0) and System (PID 4). Every system thread belongs to System.
// In the books: "process and thread internals", "system processes". SYS-01, SYS-02
#pragma once

#include "ke.h"

struct EPROCESS {
    KPROCESS Pcb;
    ULONG UniqueProcessId;
    LIST_ENTRY ActiveProcessLinks; ///< on PsActiveProcessHead
    CHAR ImageFileName[16];
};
using PEPROCESS = EPROCESS*;

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
/// nullptr. @param Name at most 15 characters, for debuggers. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsCreateSystemThread(PETHREAD* Thread, PCSTR Name, KPRIORITY Priority,
                                                PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// Ends the calling system thread. @irql PASSIVE_LEVEL
[[noreturn]] NTKERNELAPI void NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus);
NTKERNELAPI void NTAPI PsReferenceThread(PETHREAD Thread);
NTKERNELAPI void NTAPI PsDereferenceThread(PETHREAD Thread);
}
