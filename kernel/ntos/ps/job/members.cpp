// Which processes are in a job: joining, leaving, ending together, limits of time.
//
// A duty of the one-second thread ends what is beyond its time.
// Locks: PspJobLock; under it KPROCESS::ProcessLock. IRQL: PASSIVE_LEVEL, APC_LEVEL under the lock.
// In the books: "job objects". PRC-05, PRC-12, SYS-12
#include "ke.h"
#include "nt/atomic.h"
#include "ps/job/pspjob.h"

FAST_MUTEX PspJobLock;

namespace {

using MEMBERS = nt::List<&EPROCESS::JobLinks>;
using JOBS = nt::List<&EJOB::JobLinks>;

LIST_ENTRY JobListHead = {&JobListHead, &JobListHead}; // shared: PspJobLock

LONGLONG TimeOf(ULONG ticks) { return LONGLONG(ticks) * KeQueryTimeIncrement(); }

bool HasLimit(const EJOB* job, ULONG flag) { return (job->Limits.LimitFlags & flag) != 0; }

/// A process of the job that nobody has told to end yet, referenced; nullptr: there is none. The lock is held.
EPROCESS* NextMember(EJOB* job) {
    for (EPROCESS* process : MEMBERS(job->ProcessListHead))
        if (!process->Exiting && ObReferenceObjectSafe(process)) return process;
    return nullptr;
}

bool IsOverTime(const EJOB* job, EPROCESS* process) {
    ULONG kernel, user;
    if (!HasLimit(job, JOB_OBJECT_LIMIT_PROCESS_TIME)) return false;
    PspQueryRuntime(process, &kernel, &user);
    return TimeOf(user) > job->Limits.PerProcessUserTimeLimit.QuadPart;
}

bool IsOverTime(EJOB* job) {
    if (!HasLimit(job, JOB_OBJECT_LIMIT_JOB_TIME)) return false;
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION told;
    PspSumJob(job, &told);
    return told.TotalUserTime.QuadPart > job->Limits.PerJobUserTimeLimit.QuadPart;
}

/// A process that is beyond a limit of time, referenced; nullptr: there is none.
EPROCESS* NextOverTime() {
    const nt::FastMutexGuard guard(PspJobLock);
    for (EJOB* job : JOBS(JobListHead)) {
        const bool whole = IsOverTime(job);
        if (whole) (void)KeSetEvent(&job->Event, 0, FALSE);
        for (EPROCESS* process : MEMBERS(job->ProcessListHead)) {
            if (process->Exiting || (!whole && !IsOverTime(job, process))) continue;
            if (!ObReferenceObjectSafe(process)) continue;
            job->TotalTerminatedProcesses++;
            return process;
        }
    }
    return nullptr;
}

void NTAPI EndOverTime(PVOID) {
    while (EPROCESS* const process = NextOverTime()) {
        PspTerminateProcess(process, STATUS_QUOTA_EXCEEDED);
        (void)ObDereferenceObject(process);
    }
}

EX_ONE_SECOND_DUTY TimeDuty; // shared: registered once, with the first job
volatile LONG DutyIsThere;   // interlocked

void LimitMemory(const EJOB* job, EPROCESS* process) {
    process->AddressSpace.CommitChargeLimit = HasLimit(job, JOB_OBJECT_LIMIT_PROCESS_MEMORY)
                                                  ? ULONG((job->ProcessMemoryLimit + PAGE_SIZE - 1) / PAGE_SIZE)
                                                  : 0;
}

/// Ends one process. The caller's own: its other threads, and the calling one when it leaves the kernel.
void End(EPROCESS* process, NTSTATUS status) {
    PETHREAD const self = PspCurrentThread();
    PspTerminateProcess(process, status);
    if (self->ThreadsProcess == process && !self->Tcb.SystemThread) (void)PspAskThreadToEnd(self, status);
}

} // namespace

void PspListJob(EJOB* Job) {
    if (!InterlockedExchange(&DutyIsThere, TRUE)) {
        TimeDuty.Routine = EndOverTime;
        ExRegisterOneSecondDuty(&TimeDuty);
    }
    const nt::FastMutexGuard guard(PspJobLock);
    InsertTailList(&JobListHead, &Job->JobLinks);
}

NTSTATUS PspJoinJob(EPROCESS* Process, EJOB* Job) {
    const nt::FastMutexGuard guard(PspJobLock);
    if (Process->Job) return STATUS_ACCESS_DENIED;
    if (HasLimit(Job, JOB_OBJECT_LIMIT_ACTIVE_PROCESS) && Job->ActiveProcesses >= Job->Limits.ActiveProcessLimit)
        return STATUS_QUOTA_EXCEEDED;
    (void)ObReferenceObject(Job);
    Process->Job = Job;
    InsertTailList(&Job->ProcessListHead, &Process->JobLinks);
    Job->TotalProcesses++;
    Job->ActiveProcesses++;
    LimitMemory(Job, Process);
    return STATUS_SUCCESS;
}

NTSTATUS PspInheritJob(EPROCESS* Process, const EPROCESS* Parent) {
    return Parent->Job ? PspJoinJob(Process, Parent->Job) : STATUS_SUCCESS; // which it keeps
}

void PspLeaveJob(EPROCESS* Process) {
    const nt::FastMutexGuard guard(PspJobLock);
    EJOB* const job = Process->Job;
    if (!job || !Process->JobLinks.Flink) return;
    RemoveEntryList(&Process->JobLinks);
    Process->JobLinks.Flink = nullptr;
    ULONG kernel, user;
    PspQueryRuntime(Process, &kernel, &user);
    job->ActiveProcesses--;
    job->EndedKernelTicks += kernel;
    job->EndedUserTicks += user;
    job->EndedPageFaults += Process->AddressSpace.Vm.PageFaultCount;
    if (job->PeakProcessMemory < SIZE_T(Process->AddressSpace.CommitChargePeak))
        job->PeakProcessMemory = SIZE_T(Process->AddressSpace.CommitChargePeak);
}

void PspTerminateJob(EJOB* Job, NTSTATUS ExitStatus) {
    for (;;) {
        EPROCESS* process;
        {
            const nt::FastMutexGuard guard(PspJobLock);
            process = NextMember(Job);
        }
        if (!process) return;
        End(process, ExitStatus);
        (void)ObDereferenceObject(process);
    }
}

void PspSumJob(EJOB* Job, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION* Told) {
    ULONG kernelTicks = Job->EndedKernelTicks, userTicks = Job->EndedUserTicks;
    *Told = {};
    Told->TotalPageFaultCount = Job->EndedPageFaults;
    for (EPROCESS* process : MEMBERS(Job->ProcessListHead)) {
        ULONG kernel, user;
        PspQueryRuntime(process, &kernel, &user);
        kernelTicks += kernel;
        userTicks += user;
        Told->TotalPageFaultCount += process->AddressSpace.Vm.PageFaultCount;
    }
    Told->TotalUserTime.QuadPart = Told->ThisPeriodTotalUserTime.QuadPart = TimeOf(userTicks);
    Told->TotalKernelTime.QuadPart = Told->ThisPeriodTotalKernelTime.QuadPart = TimeOf(kernelTicks);
    Told->TotalProcesses = Job->TotalProcesses;
    Told->ActiveProcesses = Job->ActiveProcesses;
    Told->TotalTerminatedProcesses = Job->TotalTerminatedProcesses;
}

void PspLimitJobMemory(EJOB* Job) {
    for (EPROCESS* process : MEMBERS(Job->ProcessListHead))
        LimitMemory(Job, process);
}
