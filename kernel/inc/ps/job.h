// Jobs: processes that are limited and ended together (documented layouts).
//
// A process joins a job once and stays in it; the processes that it creates are in the job, too.
// Invariants: a process is in one job at most. A job lives while a handle or a process refers to it.
// IRQL: PASSIVE_LEVEL. In the books: "job objects". PRC-05, PRC-12, DSP-11
#pragma once

#include "ob/names.h"

// Rights to a job (documented values).
constexpr ACCESS_MASK JOB_OBJECT_ASSIGN_PROCESS = 0x01;
constexpr ACCESS_MASK JOB_OBJECT_SET_ATTRIBUTES = 0x02;
constexpr ACCESS_MASK JOB_OBJECT_QUERY = 0x04;
constexpr ACCESS_MASK JOB_OBJECT_TERMINATE = 0x08;
constexpr ACCESS_MASK JOB_OBJECT_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0x1F;

// Which limits count (documented values).
constexpr ULONG JOB_OBJECT_LIMIT_PROCESS_TIME = 0x2;
constexpr ULONG JOB_OBJECT_LIMIT_JOB_TIME = 0x4;
constexpr ULONG JOB_OBJECT_LIMIT_ACTIVE_PROCESS = 0x8;
constexpr ULONG JOB_OBJECT_LIMIT_PROCESS_MEMORY = 0x100;
constexpr ULONG JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000;

/// What is asked of a job, or changed (documented values).
enum class JOBOBJECTINFOCLASS : LONG {
    JobObjectBasicAccountingInformation = 1,
    JobObjectBasicLimitInformation = 2,
    JobObjectExtendedLimitInformation = 9
};

/// What the processes of a job have used, those that have ended, too. Times in 100 ns.
struct JOBOBJECT_BASIC_ACCOUNTING_INFORMATION {
    LARGE_INTEGER TotalUserTime;
    LARGE_INTEGER TotalKernelTime;
    LARGE_INTEGER ThisPeriodTotalUserTime;   ///< as TotalUserTime
    LARGE_INTEGER ThisPeriodTotalKernelTime; ///< as TotalKernelTime
    ULONG TotalPageFaultCount;
    ULONG TotalProcesses; ///< that were in the job at any time
    ULONG ActiveProcesses;
    ULONG TotalTerminatedProcesses; ///< because of a limit
};
PUBLIC_SIZE(JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, 48);

/// Limits of a job.
struct JOBOBJECT_BASIC_LIMIT_INFORMATION {
    LARGE_INTEGER PerProcessUserTimeLimit; ///< 100 ns
    LARGE_INTEGER PerJobUserTimeLimit;     ///< 100 ns, all processes together
    ULONG LimitFlags;                      ///< JOB_OBJECT_LIMIT_*
    SIZE_T MinimumWorkingSetSize;          ///< not used, as all fields that no flag names
    SIZE_T MaximumWorkingSetSize;
    ULONG ActiveProcessLimit;
    ULONG_PTR Affinity;
    ULONG PriorityClass;
    ULONG SchedulingClass;
};
PUBLIC_SIZE(JOBOBJECT_BASIC_LIMIT_INFORMATION, 48);

/// Limits of a job, and more of them.
struct JOBOBJECT_EXTENDED_LIMIT_INFORMATION {
    JOBOBJECT_BASIC_LIMIT_INFORMATION BasicLimitInformation;
    ULONGLONG IoInfo[6];       ///< not used
    SIZE_T ProcessMemoryLimit; ///< bytes that one process may commit
    SIZE_T JobMemoryLimit;     ///< not used
    SIZE_T PeakProcessMemoryUsed;
    SIZE_T PeakJobMemoryUsed; ///< not used
};
PUBLIC_SIZE(JOBOBJECT_EXTENDED_LIMIT_INFORMATION, 112);

extern "C" {
/// Makes a job without processes, or opens it with OBJ_OPENIF. @returns as NtCreateEvent
NTKERNELAPI NTSTATUS NTAPI NtCreateJobObject(HANDLE* JobHandle, ACCESS_MASK DesiredAccess,
                                             POBJECT_ATTRIBUTES ObjectAttributes);
/// Opens a job by its name. @returns as NtOpenEvent
NTKERNELAPI NTSTATUS NTAPI NtOpenJobObject(HANDLE* JobHandle, ACCESS_MASK DesiredAccess,
                                           POBJECT_ATTRIBUTES ObjectAttributes);
/// Puts a process into a job. @returns STATUS_SUCCESS; STATUS_ACCESS_DENIED: it is in a job, or the system's own;
/// STATUS_QUOTA_EXCEEDED: the job has as many as it may; STATUS_PROCESS_IS_TERMINATING; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtAssignProcessToJobObject(HANDLE JobHandle, HANDLE ProcessHandle);
/// Ends all processes of a job. @returns STATUS_SUCCESS; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtTerminateJobObject(HANDLE JobHandle, NTSTATUS ExitStatus);
/// Changes the limits. A process beyond a limit of time ends within about a second, with STATUS_QUOTA_EXCEEDED.
/// @returns STATUS_SUCCESS; STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; STATUS_NOT_SUPPORTED: a flag that is not named above;
/// STATUS_INVALID_PARAMETER: a time below 0, or a flag of the extended class in the basic one; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtSetInformationJobObject(HANDLE JobHandle, JOBOBJECTINFOCLASS JobInformationClass,
                                                     PVOID JobInformation, ULONG JobInformationLength);
/// Tells about a job. @param JobHandle nullptr: that of the caller's process. @returns STATUS_SUCCESS; STATUS_ACCESS_DENIED: the caller is
/// in none; STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtQueryInformationJobObject(HANDLE JobHandle, JOBOBJECTINFOCLASS JobInformationClass,
                                                       PVOID JobInformation, ULONG JobInformationLength,
                                                       ULONG* ReturnLength);
/// Whether a process is in a job. @param JobHandle nullptr: in any. @returns STATUS_PROCESS_IN_JOB; STATUS_PROCESS_NOT_IN_JOB; as
/// ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtIsProcessInJob(HANDLE ProcessHandle, HANDLE JobHandle);
}
