// Processes and threads of the executive: ETHREAD, EPROCESS, system threads.
//
// In this slice there are two processes: Idle (PID 0) and System (PID 4). Every system thread belongs to System.
// In the books: "process and thread internals", "system processes". SYS-01, SYS-02
#pragma once

#include "ke.h"
#include "ob.h"
#include "ps/peb.h"
#include "ps/process.h"
#include "rtl/ustring.h"

struct MM_BACKING;

/// A thread of the executive: the scheduler's part, its ID, its name and what it began with. An object of PsThreadType.
struct ETHREAD {
    KTHREAD Tcb;
    ULONG UniqueThreadId;
    EPROCESS* ThreadsProcess; ///< referenced
    PKSTART_ROUTINE StartAddress;
    LIST_ENTRY TerminationLink; ///< on the reaper's list once ended
    NTSTATUS ExitStatus;        ///< STATUS_PENDING while it runs
    TEB* Teb;                   ///< that the kernel has made for it and frees; nullptr: none
    volatile LONG Terminating;  ///< it ends, or was told to; interlocked
    KAPC StartApc;              ///< of user mode: leads to the system library's loader
    KAPC ExitApc;               ///< of user mode: the first thread to set Terminating queues it
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER ExitTime;
    BOOLEAN DebugKnown; ///< the debugger was told of it; under the debugging framework's lock
    CHAR ThreadName[16];
};
using PETHREAD = ETHREAD*;

// Rights (documented values).
constexpr ACCESS_MASK THREAD_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0x3FF;
constexpr ACCESS_MASK THREAD_TERMINATE = 0x001;
constexpr ACCESS_MASK THREAD_SUSPEND_RESUME = 0x002;
constexpr ACCESS_MASK THREAD_ALERT = 0x004;
constexpr ACCESS_MASK THREAD_GET_CONTEXT = 0x008;
constexpr ACCESS_MASK THREAD_SET_CONTEXT = 0x010;
constexpr ACCESS_MASK THREAD_SET_INFORMATION = 0x020;
constexpr ACCESS_MASK THREAD_QUERY_INFORMATION = 0x040;

extern "C" {
NTKERNELAPI extern EPROCESS* PsInitialSystemProcess;
NTKERNELAPI extern EPROCESS* PsIdleProcess;
NTKERNELAPI extern LIST_ENTRY PsActiveProcessHead;
NTKERNELAPI extern POBJECT_TYPE PsProcessType;
NTKERNELAPI extern POBJECT_TYPE PsThreadType;

NTKERNELAPI BOOLEAN NTAPI PsInitSystem(ULONG Phase);
/// Makes a process without image, threads and handles; threads attach to it (KeStackAttachProcess). @param Name for debuggers, cut
/// after 15 characters. @param Process receives it, referenced. @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PspCreateProcess(PCSTR Name, EPROCESS** Process);
/// Ends it, with its handles and all its memory, and gives the reference back. Its threads have ended or will, which it waits for; no
/// thread is attached. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI PspDeleteProcess(EPROCESS* Process);
/// Makes a system thread and starts it. @param Thread receives a referenced object (PsDereferenceThread); may be
/// nullptr. @param Priority 1..31. @param Name at most 15 characters, for debuggers. @returns STATUS_SUCCESS;
/// STATUS_INVALID_PARAMETER: the priority; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsStartSystemThread(PETHREAD* Thread, PCSTR Name, KPRIORITY Priority,
                                               PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// The same in a process of its own address space, for as long as no process has threads in user mode.
/// @returns also STATUS_PROCESS_IS_TERMINATING. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PspStartProcessThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority,
                                                 PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// Makes a file the system library ntdll.dll, which each process with an image gets from now on. @param File nullptr: there is none any
/// more. @returns STATUS_SUCCESS; STATUS_CONFLICTING_ADDRESSES: not at its own base; as MmCreateSection and nt::PeFindExport: a routine is
/// missing. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsInitializeSystemDll(MM_BACKING* File);
/// Starts a program: a process with an image, with parameters and a first thread. @param Name of the file, for the parameters.
/// @param ProcessHandle receives a kernel handle. @returns STATUS_SUCCESS; STATUS_NAME_TOO_LONG; as NtCreateSection, NtCreateProcessEx and
/// NtCreateThread. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PspStartProgram(MM_BACKING* File, PCUNICODE_STRING Name, PCUNICODE_STRING CommandLine,
                                           HANDLE* ProcessHandle);
/// The same of a boot file. @returns also STATUS_OBJECT_NAME_NOT_FOUND. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsCreateInitialUserProcess(PCUNICODE_STRING BootFileName, PCUNICODE_STRING CommandLine,
                                                      HANDLE* ProcessHandle);
/// Makes a thread that runs in user mode, and starts it. @param Context its first registers there; flags and selectors are those of
/// user mode. @param Teb where fs leads; nullptr: nowhere. An exception that nobody handles ends the thread with its code.
/// @returns as PspStartProcessThread. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PspStartUserThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority,
                                              CONTEXT* Context, PVOID Teb);
/// The same as drivers know it: a thread of priority 8 with a handle.
/// @param ThreadHandle receives a handle, which ZwClose gives back. @param ObjectAttributes whether it is a kernel handle; may be
/// nullptr. @param ProcessHandle nullptr: the System process. @param ClientId receives the IDs; may be nullptr.
/// @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE; STATUS_OBJECT_TYPE_MISMATCH; STATUS_PROCESS_IS_TERMINATING;
/// STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsCreateSystemThread(HANDLE* ThreadHandle, ULONG DesiredAccess,
                                                POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                                                PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext);
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

/// Charges a process for pool, or gives a charge back. The System process is not charged. @returns STATUS_SUCCESS;
/// STATUS_QUOTA_EXCEEDED. @irql <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsChargeProcessPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount);
NTKERNELAPI void NTAPI PsReturnPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount);

/// Alerts a thread in the caller's mode (KeAlertThread). @returns STATUS_SUCCESS; as ObReferenceObjectByHandle. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtAlertThread(HANDLE ThreadHandle);
/// Queues a user APC. @param ApcRoutine an address of the thread's process. @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE: also a system
/// thread's; STATUS_THREAD_IS_TERMINATING; STATUS_INSUFFICIENT_RESOURCES; as ObReferenceObjectByHandle. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI NtQueueApcThread(HANDLE ThreadHandle, PKNORMAL_ROUTINE ApcRoutine, PVOID ApcArgument1,
                                            PVOID ApcArgument2, PVOID ApcArgument3);

/// Finds a process by its ID. @param Process receives it, referenced. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS* Process);
/// Finds a thread that runs, by its ID. @returns as PsLookupProcessByProcessId. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD* Thread);
/// The same by both IDs. @param ClientId without a process: any. @param Process may be nullptr. @returns STATUS_SUCCESS;
/// STATUS_INVALID_CID. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI PsLookupProcessThreadByCid(PCLIENT_ID ClientId, PEPROCESS* Process, PETHREAD* Thread);
/// The process whose address space the calling thread runs in. @irql any
NTKERNELAPI PEPROCESS NTAPI PsGetCurrentProcess();
/// The IDs of the calling thread and of the process that it belongs to. @irql any
NTKERNELAPI HANDLE NTAPI PsGetCurrentProcessId();
NTKERNELAPI HANDLE NTAPI PsGetCurrentThreadId();
NTKERNELAPI HANDLE NTAPI PsGetThreadId(const ETHREAD* Thread);
NTKERNELAPI HANDLE NTAPI PsGetProcessId(const EPROCESS* Process);
NTKERNELAPI BOOLEAN NTAPI PsIsSystemThread(const ETHREAD* Thread);
/// The release of NT whose interface this is. Each may be nullptr. @returns whether it is a checked build. @irql any
NTKERNELAPI BOOLEAN NTAPI PsGetVersion(ULONG* MajorVersion, ULONG* MinorVersion, ULONG* BuildNumber,
                                       PUNICODE_STRING CSDVersion);
}
