// The services on processes and threads: what programs call.
//
// A Zw form is the same call in the name of kernel mode. Pointers are the caller's; from user mode they may be anything:
// STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT. IRQL: PASSIVE_LEVEL.
// In the books: "flow of CreateProcess", "flow of CreateThread", "process and thread termination". PRC-05, PRC-07, PRC-12
#pragma once

#include "ob/names.h"
#include "ps/information.h"
#include "ps/peb.h"
#include "ps/rights.h"
#include "ps/systeminformation.h"
#include "rtl/exception.h"

/// Of NtCreateProcessEx: the child gets the parent's handles that are inheritable (documented value).
constexpr ULONG PROCESS_CREATE_FLAGS_INHERIT_HANDLES = 0x04;

extern "C" {
/// Makes a process with an image and without threads. @param ObjectAttributes of the handle; may be nullptr. @param SectionHandle of an
/// image section. @param DebugPort a debug object; nullptr: the parent's, if it has one. @param ExceptionPort nullptr. @param JobMemberLevel 0. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER;
/// STATUS_OBJECT_NAME_INVALID: processes have no names; STATUS_NOT_SUPPORTED: without a section, with an exception port; STATUS_DEBUGGER_INACTIVE; STATUS_QUOTA_EXCEEDED: the parent's job is full; STATUS_SECTION_NOT_IMAGE;
/// STATUS_DLL_NOT_FOUND: there is no system library; STATUS_CONFLICTING_ADDRESSES: the image cannot move; STATUS_INSUFFICIENT_RESOURCES,
/// STATUS_COMMITMENT_LIMIT, STATUS_NO_MEMORY; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtCreateProcessEx(HANDLE* ProcessHandle, ACCESS_MASK DesiredAccess,
                                             POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ParentProcess, ULONG Flags,
                                             HANDLE SectionHandle, HANDLE DebugPort, HANDLE ExceptionPort,
                                             ULONG JobMemberLevel);
/// The same with one flag. @returns as NtCreateProcessEx
NTKERNELAPI NTSTATUS NTAPI NtCreateProcess(HANDLE* ProcessHandle, ACCESS_MASK DesiredAccess,
                                           POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ParentProcess,
                                           BOOLEAN InheritObjectTable, HANDLE SectionHandle, HANDLE DebugPort,
                                           HANDLE ExceptionPort);
/// Makes a thread in a process with an image. @param ClientId receives the IDs; may be nullptr. @param ThreadContext its registers once
/// the system library has initialized it. @param InitialTeb its stack. @returns STATUS_SUCCESS; STATUS_PROCESS_IS_TERMINATING;
/// STATUS_OBJECT_NAME_INVALID: threads have no names; STATUS_INSUFFICIENT_RESOURCES, STATUS_COMMITMENT_LIMIT, STATUS_NO_MEMORY; as
/// ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtCreateThread(HANDLE* ThreadHandle, ACCESS_MASK DesiredAccess,
                                          POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                                          PCLIENT_ID ClientId, CONTEXT* ThreadContext, PINITIAL_TEB InitialTeb,
                                          BOOLEAN CreateSuspended);
NTKERNELAPI NTSTATUS NTAPI ZwCreateThread(HANDLE* ThreadHandle, ACCESS_MASK DesiredAccess,
                                          POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                                          PCLIENT_ID ClientId, CONTEXT* ThreadContext, PINITIAL_TEB InitialTeb,
                                          BOOLEAN CreateSuspended);
/// Ends all threads of a process, and so the process. @param ProcessHandle nullptr: of the caller's process all threads but the caller.
/// @returns STATUS_SUCCESS: they will end, without a handle have ended; not at all, if the caller is one of them;
/// STATUS_USER_APC: without a handle, the caller was told to end, too; STATUS_PROCESS_IS_TERMINATING;
/// STATUS_ACCESS_DENIED: a process of the system's; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus);
NTKERNELAPI NTSTATUS NTAPI ZwTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus);
/// Ends a thread of user mode. @param ThreadHandle nullptr: the caller. @returns STATUS_SUCCESS: it will end; not at all, if it is the
/// caller; STATUS_INVALID_HANDLE: a system thread; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtTerminateThread(HANDLE ThreadHandle, NTSTATUS ExitStatus);
/// Stops a thread of user mode, once more. @param PreviousSuspendCount receives how often it was stopped before; may be nullptr.
/// @returns STATUS_SUCCESS; STATUS_SUSPEND_COUNT_EXCEEDED; STATUS_THREAD_IS_TERMINATING; STATUS_INVALID_HANDLE: also a system thread's; as
/// ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtSuspendThread(HANDLE ThreadHandle, ULONG* PreviousSuspendCount);
/// Takes one stop back; the thread goes on after the last. @returns STATUS_SUCCESS; as NtSuspendThread
NTKERNELAPI NTSTATUS NTAPI NtResumeThread(HANDLE ThreadHandle, ULONG* PreviousSuspendCount);
/// The same, and alerts the thread. @returns STATUS_SUCCESS; as NtSuspendThread
NTKERNELAPI NTSTATUS NTAPI NtAlertResumeThread(HANDLE ThreadHandle, ULONG* PreviousSuspendCount);
/// Tells about a process. @param ProcessInformationLength exactly the structure's. @param ReturnLength may be nullptr.
/// @returns STATUS_SUCCESS; STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                                                     PVOID ProcessInformation, ULONG ProcessInformationLength,
                                                     ULONG* ReturnLength);
/// Tells about a thread. @returns as NtQueryInformationProcess
NTKERNELAPI NTSTATUS NTAPI NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                                                    PVOID ThreadInformation, ULONG ThreadInformationLength,
                                                    ULONG* ReturnLength);
/// Opens a process by its ID, or by that of a thread. @param ClientId not nullptr: there are no names. @returns STATUS_SUCCESS;
/// STATUS_INVALID_CID; STATUS_INVALID_PARAMETER_MIX; STATUS_OBJECT_NAME_INVALID; as ObOpenObjectByPointer
NTKERNELAPI NTSTATUS NTAPI NtOpenProcess(HANDLE* ProcessHandle, ACCESS_MASK DesiredAccess,
                                         POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
/// Opens a thread that runs, by its ID. @returns as NtOpenProcess
NTKERNELAPI NTSTATUS NTAPI NtOpenThread(HANDLE* ThreadHandle, ACCESS_MASK DesiredAccess,
                                        POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
/// Tells a thread's registers of user mode. @param ThreadContext in: ContextFlags, which parts. @returns STATUS_SUCCESS;
/// STATUS_UNSUCCESSFUL: the thread has ended; STATUS_INVALID_HANDLE: also a system thread's; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtGetContextThread(HANDLE ThreadHandle, CONTEXT* ThreadContext);
/// Changes them; flags and selectors stay those of user mode. @returns as NtGetContextThread
NTKERNELAPI NTSTATUS NTAPI NtSetContextThread(HANDLE ThreadHandle, CONTEXT* ThreadContext);
/// Changes a process: base priority, priority class, processors. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the value;
/// STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; STATUS_ACCESS_DENIED: also the system's own; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                                                   PVOID ProcessInformation, ULONG ProcessInformationLength);
/// Changes a thread: priority, distance to its process's, processors. @returns as NtSetInformationProcess
NTKERNELAPI NTSTATUS NTAPI NtSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                                                  PVOID ThreadInformation, ULONG ThreadInformationLength);
/// Tells about the system. @param SystemInformationLength exactly the structure's; for processes at least what they need.
/// @param ReturnLength receives what is needed; may be nullptr. @returns STATUS_SUCCESS; STATUS_INVALID_INFO_CLASS;
/// STATUS_INFO_LENGTH_MISMATCH; STATUS_INSUFFICIENT_RESOURCES
NTKERNELAPI NTSTATUS NTAPI NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS SystemInformationClass,
                                                    PVOID SystemInformation, ULONG SystemInformationLength,
                                                    ULONG* ReturnLength);
}
