// The services on jobs, and their type.
//
// Locks: PspJobLock. IRQL: PASSIVE_LEVEL. In the books: "job objects". PRC-05, PRC-12, OBJ-03, TRP-06
#include "rtl/capture.h"
#include "ke.h"
#include "ps/job/pspjob.h"
#include "rtl/string.h"

POBJECT_TYPE PsJobType;

namespace {

constexpr ULONG BASIC_LIMITS =
    JOB_OBJECT_LIMIT_PROCESS_TIME | JOB_OBJECT_LIMIT_JOB_TIME | JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
constexpr ULONG ALL_LIMITS = BASIC_LIMITS | JOB_OBJECT_LIMIT_PROCESS_MEMORY | JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;

void NTAPI CloseJob(EPROCESS*, PVOID body, ACCESS_MASK, ULONG, ULONG systemHandleCount) {
    auto* const job = static_cast<EJOB*>(body);
    if (systemHandleCount == 1 && (job->Limits.LimitFlags & JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE))
        PspTerminateJob(job, STATUS_SUCCESS);
}

void NTAPI DeleteJob(PVOID body) {
    auto* const job = static_cast<EJOB*>(body);
    const nt::FastMutexGuard guard(PspJobLock);
    if (job->JobLinks.Flink) RemoveEntryList(&job->JobLinks);
}

/// The limits that a caller sets. @param extended the class
NTSTATUS Check(const JOBOBJECT_EXTENDED_LIMIT_INFORMATION& wanted, bool extended) {
    const JOBOBJECT_BASIC_LIMIT_INFORMATION& basic = wanted.BasicLimitInformation;
    if (basic.LimitFlags & ~ALL_LIMITS) return STATUS_NOT_SUPPORTED;
    if (!extended && (basic.LimitFlags & ~BASIC_LIMITS)) return STATUS_INVALID_PARAMETER;
    if (basic.PerProcessUserTimeLimit.QuadPart < 0 || basic.PerJobUserTimeLimit.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

NTSTATUS CaptureLimits(JOBOBJECTINFOCLASS which, const void* information, ULONG length,
                       JOBOBJECT_EXTENDED_LIMIT_INFORMATION* wanted) {
    const bool extended = which == JOBOBJECTINFOCLASS::JobObjectExtendedLimitInformation;
    if (!extended && which != JOBOBJECTINFOCLASS::JobObjectBasicLimitInformation) return STATUS_INVALID_INFO_CLASS;
    const ULONG bytes = extended ? sizeof(*wanted) : sizeof(wanted->BasicLimitInformation);
    if (length != bytes) return STATUS_INFO_LENGTH_MISMATCH;
    RtlZeroMemory(wanted, sizeof(*wanted));
    NT_TRY(RtlCaptureFromCaller(ExGetPreviousMode(), wanted, information, bytes, alignof(ULONG)));
    return Check(*wanted, extended);
}

/// What a class tells, in a structure that holds any of them.
union TOLD {
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION Accounting;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION Limits; ///< begins with the basic ones
};

NTSTATUS Describe(EJOB* job, JOBOBJECTINFOCLASS which, TOLD* told) {
    const nt::FastMutexGuard guard(PspJobLock);
    if (which == JOBOBJECTINFOCLASS::JobObjectBasicAccountingInformation) {
        PspSumJob(job, &told->Accounting);
        return STATUS_SUCCESS;
    }
    told->Limits.BasicLimitInformation = job->Limits;
    told->Limits.ProcessMemoryLimit = job->ProcessMemoryLimit;
    told->Limits.PeakProcessMemoryUsed = job->PeakProcessMemory * PAGE_SIZE;
    return STATUS_SUCCESS;
}

/// @returns 0: there is no such class
ULONG SizeOf(JOBOBJECTINFOCLASS which) {
    switch (which) {
    case JOBOBJECTINFOCLASS::JobObjectBasicAccountingInformation: return sizeof(JOBOBJECT_BASIC_ACCOUNTING_INFORMATION);
    case JOBOBJECTINFOCLASS::JobObjectBasicLimitInformation: return sizeof(JOBOBJECT_BASIC_LIMIT_INFORMATION);
    case JOBOBJECTINFOCLASS::JobObjectExtendedLimitInformation: return sizeof(JOBOBJECT_EXTENDED_LIMIT_INFORMATION);
    default: return 0;
    }
}

/// The job of a handle, or the caller's own.
NTSTATUS OpenForQuery(nt::ObjectRef<EJOB>& job, HANDLE handle, EJOB** found) {
    if (!handle) {
        *found = PspCurrentThread()->ThreadsProcess->Job; // which it keeps
        return *found ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
    }
    NT_TRY(job.Open(handle, JOB_OBJECT_QUERY, PsJobType, ExGetPreviousMode()));
    *found = job.Get();
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS PspInitializeJobs() {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"Job");
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = {STANDARD_RIGHTS_READ | JOB_OBJECT_QUERY,
                           STANDARD_RIGHTS_WRITE | JOB_OBJECT_ASSIGN_PROCESS | JOB_OBJECT_SET_ATTRIBUTES |
                               JOB_OBJECT_TERMINATE,
                           STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, JOB_OBJECT_ALL_ACCESS},
        .ValidAccessMask = JOB_OBJECT_ALL_ACCESS,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(EJOB)),
        .CloseProcedure = CloseJob,
        .DeleteProcedure = DeleteJob,
    };
    static_assert(offsetof(EJOB, Event) == 0, "a wait for the object waits for its event");
    ExInitializeFastMutex(&PspJobLock);
    return ObCreateObjectType(&name, &info, nullptr, &PsJobType);
}

extern "C" {

NTSTATUS NTAPI NtCreateJobObject(HANDLE* JobHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    PVOID body;
    HANDLE made;
    NT_TRY(nt::Probe(mode, JobHandle));
    NT_TRY(ObCreateObject(mode, PsJobType, ObjectAttributes, mode, nullptr, sizeof(EJOB), 0, 0, &body));
    auto* const job = static_cast<EJOB*>(body);
    RtlZeroMemory(job, sizeof(*job));
    KeInitializeEvent(&job->Event, NotificationEvent, FALSE);
    InitializeListHead(&job->ProcessListHead);
    PspListJob(job);
    const NTSTATUS status = ObInsertObject(job, nullptr, DesiredAccess, 0, nullptr, &made);
    NT_TRY(status);
    NT_TRY(nt::Tell(mode, JobHandle, made));
    return status; // STATUS_OBJECT_NAME_EXISTS tells more
}

NTSTATUS NTAPI NtOpenJobObject(HANDLE* JobHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE opened;
    NT_TRY(nt::Probe(mode, JobHandle));
    NT_TRY(ObOpenObjectByName(ObjectAttributes, PsJobType, mode, nullptr, DesiredAccess, nullptr, &opened));
    return nt::Tell(mode, JobHandle, opened);
}

NTSTATUS NTAPI NtAssignProcessToJobObject(HANDLE JobHandle, HANDLE ProcessHandle) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    nt::ObjectRef<EJOB> job;
    nt::ObjectRef<EPROCESS> process;
    NT_TRY(job.Open(JobHandle, JOB_OBJECT_ASSIGN_PROCESS, PsJobType, mode));
    NT_TRY(process.Open(ProcessHandle, PROCESS_SET_QUOTA | PROCESS_TERMINATE, PsProcessType, mode));
    if (!process->EndsWithLastThread) return STATUS_ACCESS_DENIED; // the system's own
    // Its end waits for this: a process that joins will leave.
    if (!ExAcquireRundownProtection(&process->RundownProtect)) return STATUS_PROCESS_IS_TERMINATING;
    const NTSTATUS status = PspJoinJob(process.Get(), job.Get());
    ExReleaseRundownProtection(&process->RundownProtect);
    return status;
}

NTSTATUS NTAPI NtTerminateJobObject(HANDLE JobHandle, NTSTATUS ExitStatus) {
    nt::ObjectRef<EJOB> job;
    NT_TRY(job.Open(JobHandle, JOB_OBJECT_TERMINATE, PsJobType, ExGetPreviousMode()));
    PspTerminateJob(job.Get(), ExitStatus);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtSetInformationJobObject(HANDLE JobHandle, JOBOBJECTINFOCLASS JobInformationClass, PVOID JobInformation,
                                         ULONG JobInformationLength) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION wanted;
    NT_TRY(CaptureLimits(JobInformationClass, JobInformation, JobInformationLength, &wanted));
    nt::ObjectRef<EJOB> job;
    NT_TRY(job.Open(JobHandle, JOB_OBJECT_SET_ATTRIBUTES, PsJobType, ExGetPreviousMode()));
    const nt::FastMutexGuard guard(PspJobLock);
    const bool extended = JobInformationClass == JOBOBJECTINFOCLASS::JobObjectExtendedLimitInformation;
    const ULONG kept = extended ? 0 : job->Limits.LimitFlags & ~BASIC_LIMITS; // the basic class says nothing of them
    job->Limits = wanted.BasicLimitInformation;
    job->Limits.LimitFlags |= kept;
    if (extended) job->ProcessMemoryLimit = wanted.ProcessMemoryLimit;
    PspLimitJobMemory(job.Get());
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtQueryInformationJobObject(HANDLE JobHandle, JOBOBJECTINFOCLASS JobInformationClass,
                                           PVOID JobInformation, ULONG JobInformationLength, ULONG* ReturnLength) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    const ULONG bytes = SizeOf(JobInformationClass);
    if (bytes == 0) return STATUS_INVALID_INFO_CLASS;
    if (JobInformationLength != bytes) return STATUS_INFO_LENGTH_MISMATCH;
    NT_TRY(RtlProbeCaller(mode, JobInformation, bytes, alignof(ULONG)));
    NT_TRY(nt::ProbeOptional(mode, ReturnLength));
    nt::ObjectRef<EJOB> job;
    EJOB* found;
    TOLD told;
    RtlZeroMemory(&told, sizeof(told));
    NT_TRY(OpenForQuery(job, JobHandle, &found));
    NT_TRY(Describe(found, JobInformationClass, &told));
    NT_TRY(RtlTellCaller(mode, JobInformation, &told, bytes));
    return nt::TellOptional(mode, ReturnLength, bytes);
}

NTSTATUS NTAPI NtIsProcessInJob(HANDLE ProcessHandle, HANDLE JobHandle) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    nt::ObjectRef<EPROCESS> process;
    nt::ObjectRef<EJOB> job;
    NT_TRY(process.Open(ProcessHandle, PROCESS_QUERY_INFORMATION, PsProcessType, mode));
    if (JobHandle) NT_TRY(job.Open(JobHandle, JOB_OBJECT_QUERY, PsJobType, mode));
    const bool inside = process->Job && (!JobHandle || process->Job == job.Get());
    return inside ? STATUS_PROCESS_IN_JOB : STATUS_PROCESS_NOT_IN_JOB;
}
}
