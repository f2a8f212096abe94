// Jobs: what the rest of ps tells them, and what their files share.
#pragma once

#include "ps/job.h"
#include "ps/psp.h"

/// Processes that are limited and ended together. An object of PsJobType.
/// shared: all but the event itself under PspJobLock
struct EJOB {
    KEVENT Event;               ///< signaled once the job's time is over
    LIST_ENTRY JobLinks;        ///< on the list of all jobs
    LIST_ENTRY ProcessListHead; ///< EPROCESS::JobLinks of those that have not ended
    ULONG TotalProcesses;
    ULONG ActiveProcesses;
    ULONG TotalTerminatedProcesses;
    ULONG EndedKernelTicks; ///< of processes that have ended
    ULONG EndedUserTicks;
    ULONG EndedPageFaults;
    SIZE_T PeakProcessMemory; ///< pages
    JOBOBJECT_BASIC_LIMIT_INFORMATION Limits;
    SIZE_T ProcessMemoryLimit; ///< bytes
};

extern POBJECT_TYPE PsJobType;
/// Guards jobs, and which processes are in them.
extern FAST_MUTEX PspJobLock;

/// Makes the type. Boot.
NTSTATUS PspInitializeJobs();
/// A new job comes onto the list of all jobs.
void PspListJob(EJOB* Job);
/// Puts a process into a job. It cannot end meanwhile. @returns STATUS_SUCCESS; STATUS_ACCESS_DENIED: it is in one;
/// STATUS_QUOTA_EXCEEDED. @irql PASSIVE_LEVEL, as all here
NTSTATUS PspJoinJob(EPROCESS* Process, EJOB* Job);
/// A new process joins the job that its parent is in, if it is in one. @returns as PspJoinJob
NTSTATUS PspInheritJob(EPROCESS* Process, const EPROCESS* Parent);
/// A process has ended: no thread is in it any more.
void PspLeaveJob(EPROCESS* Process);
/// Ends the processes of a job. The caller's own ends when the calling thread leaves the kernel.
void PspTerminateJob(EJOB* Job, NTSTATUS ExitStatus);
/// What the processes of a job use. The lock is held.
void PspSumJob(EJOB* Job, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION* Told);
/// Limits the memory of the processes that are in the job. The lock is held.
void PspLimitJobMemory(EJOB* Job);
