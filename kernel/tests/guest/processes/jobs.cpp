// Jobs: processes that are limited and ended together. PRC-05, PRC-12, SYS-12
#include "hal.h"
#include "mm/section.h"
#include "ob/sync.h"
#include "programs.h"
#include "ps/job.h"

namespace {

/// A job, its handle closed at the end at the latest.
class JOB {
public:
    JOB() { GUEST_EQUAL(STATUS_SUCCESS, NtCreateJobObject(&m_handle, JOB_OBJECT_ALL_ACCESS, nullptr)); }
    ~JOB() { Close(); }
    JOB(const JOB&) = delete;
    JOB& operator=(const JOB&) = delete;

    HANDLE Handle() const { return m_handle; }
    void Close() {
        if (m_handle) GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_handle));
        m_handle = nullptr;
    }
    NTSTATUS Assign(const PROGRAM& program) { return NtAssignProcessToJobObject(m_handle, program.Handle()); }
    NTSTATUS Limit(const JOBOBJECT_EXTENDED_LIMIT_INFORMATION& limits) {
        return NtSetInformationJobObject(m_handle, JOBOBJECTINFOCLASS::JobObjectExtendedLimitInformation,
                                         const_cast<JOBOBJECT_EXTENDED_LIMIT_INFORMATION*>(&limits), sizeof(limits));
    }
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION Look() {
        JOBOBJECT_BASIC_ACCOUNTING_INFORMATION told = {};
        GUEST_EQUAL(STATUS_SUCCESS,
                    NtQueryInformationJobObject(m_handle, JOBOBJECTINFOCLASS::JobObjectBasicAccountingInformation,
                                                &told, sizeof(told), nullptr));
        return told;
    }

private:
    HANDLE m_handle = nullptr;
};

JOBOBJECT_EXTENDED_LIMIT_INFORMATION LimitOf(ULONG flag) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {};
    limits.BasicLimitInformation.LimitFlags = flag;
    return limits;
}

/// A child of a program, of the same image, without threads. @param child receives its handle
NTSTATUS CreateChild(const PROGRAM& parent, HANDLE* child) {
    HANDLE section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(parent.Get()->SectionObject, 0, nullptr, SECTION_ALL_ACCESS,
                                                      MmSectionObjectType, KernelMode, &section));
    const NTSTATUS status =
        NtCreateProcessEx(child, PROCESS_ALL_ACCESS, nullptr, parent.Handle(), 0, section, nullptr, nullptr, 0);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    return status;
}

} // namespace

// PRC-05, PRC-12: a child is in its parent's job; all end together
GUEST_TEST(AJobEndsItsProcesses) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait"), other(programs, u"spin"), outside(programs, u"wait");
    JOB job, second;
    HANDLE child = nullptr;
    GUEST_EQUAL(STATUS_PROCESS_NOT_IN_JOB, NtIsProcessInJob(program.Handle(), nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(program));
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(other));
    GUEST_EQUAL(STATUS_ACCESS_DENIED, second.Assign(program)); // it stays where it is
    GUEST_EQUAL(STATUS_ACCESS_DENIED, NtAssignProcessToJobObject(job.Handle(), NtCurrentProcess()));
    GUEST_EQUAL(STATUS_SUCCESS, CreateChild(program, &child));
    GUEST_EQUAL(STATUS_PROCESS_IN_JOB, NtIsProcessInJob(child, job.Handle()));
    GUEST_EQUAL(STATUS_PROCESS_NOT_IN_JOB, NtIsProcessInJob(child, second.Handle()));
    GUEST_EQUAL(3, job.Look().ActiveProcesses);
    GUEST_EQUAL(STATUS_SUCCESS, NtTerminateJobObject(job.Handle(), STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, program.Await());
    GUEST_EQUAL(STATUS_ABANDONED, other.Await());
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(child, FALSE, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(child));
    GUEST_EQUAL(0, job.Look().ActiveProcesses);
    GUEST_EQUAL(3, job.Look().TotalProcesses);
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING, second.Assign(other));
    GUEST_EQUAL(STATUS_PENDING, outside.Get()->ExitStatus);
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(outside.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, outside.Await());
}

// PRC-12: the last handle ends the processes, if that was asked for
GUEST_TEST(AJobThatIsClosedEndsItsProcesses) {
    PROGRAMS programs;
    PROGRAM killed(programs, u"spin"), kept(programs, u"wait");
    JOB job, plain;
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(killed));
    GUEST_EQUAL(STATUS_SUCCESS, plain.Assign(kept));
    GUEST_EQUAL(STATUS_SUCCESS, job.Limit(LimitOf(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)));
    job.Close();
    plain.Close();
    GUEST_EQUAL(STATUS_SUCCESS, killed.Await());
    GUEST_EQUAL(STATUS_PENDING, kept.Get()->ExitStatus);
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(kept.Handle(), STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, kept.Await());
}

// PRC-05, POL-05: how many processes, and how much memory each of them
GUEST_TEST(AJobLimitsProcessesAndMemory) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait"), other(programs, u"wait");
    program.AwaitBeginning();
    JOB job;
    HANDLE child = nullptr;
    auto limits = LimitOf(JOB_OBJECT_LIMIT_ACTIVE_PROCESS | JOB_OBJECT_LIMIT_PROCESS_MEMORY);
    limits.BasicLimitInformation.ActiveProcessLimit = 1;
    limits.ProcessMemoryLimit = (program.Get()->AddressSpace.CommitCharge + 4) * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS, job.Limit(limits));
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(program));
    GUEST_EQUAL(STATUS_QUOTA_EXCEEDED, job.Assign(other));
    GUEST_EQUAL(STATUS_QUOTA_EXCEEDED, CreateChild(program, &child));
    PVOID base = nullptr;
    SIZE_T size = 8 * PAGE_SIZE;
    const auto allocate = [&] {
        return NtAllocateVirtualMemory(program.Handle(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    };
    GUEST_EQUAL(STATUS_PAGEFILE_QUOTA_EXCEEDED, allocate());
    size = 2 * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS, allocate());
    GUEST_EQUAL(STATUS_SUCCESS, job.Limit(LimitOf(0)));
    base = nullptr;
    size = 8 * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS, allocate()); // without a limit
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(other));
    GUEST_EQUAL(STATUS_SUCCESS, NtTerminateJobObject(job.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
    GUEST_EQUAL(STATUS_SUCCESS, other.Await());
}

// PRC-12, SYS-12: who is beyond the time ends; who waits does not
GUEST_TEST(AJobLimitsTime) {
    PROGRAMS programs;
    PROGRAM spins(programs, u"spin"), waits(programs, u"wait");
    JOB job;
    auto limits = LimitOf(JOB_OBJECT_LIMIT_PROCESS_TIME);
    limits.BasicLimitInformation.PerProcessUserTimeLimit.QuadPart = 200'000; // 20 ms
    GUEST_EQUAL(STATUS_SUCCESS, job.Limit(limits));
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(spins));
    GUEST_EQUAL(STATUS_SUCCESS, job.Assign(waits));
    GUEST_EQUAL(STATUS_QUOTA_EXCEEDED, spins.Await());
    const auto told = job.Look();
    GUEST_EQUAL(1, told.TotalTerminatedProcesses);
    GUEST_TRUE(told.TotalUserTime.QuadPart > limits.BasicLimitInformation.PerProcessUserTimeLimit.QuadPart);
    GUEST_EQUAL(STATUS_PENDING, waits.Get()->ExitStatus);
    limits = LimitOf(JOB_OBJECT_LIMIT_JOB_TIME); // of all together, also of the one that has ended
    GUEST_EQUAL(STATUS_SUCCESS, job.Limit(limits));
    GUEST_EQUAL(STATUS_QUOTA_EXCEEDED, waits.Await());
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(job.Handle(), FALSE, nullptr));
}

// TRP-06: what is refused
GUEST_TEST(WrongCallsOfJobsAreRefused) {
    PROGRAMS programs;
    JOB job;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION told = {};
    auto limits = LimitOf(0x10); // affinity
    GUEST_EQUAL(STATUS_NOT_SUPPORTED, job.Limit(limits));
    limits = LimitOf(JOB_OBJECT_LIMIT_JOB_TIME);
    limits.BasicLimitInformation.PerJobUserTimeLimit.QuadPart = -1;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, job.Limit(limits));
    limits = LimitOf(JOB_OBJECT_LIMIT_PROCESS_MEMORY);
    GUEST_EQUAL(STATUS_INVALID_PARAMETER,
                NtSetInformationJobObject(job.Handle(), JOBOBJECTINFOCLASS::JobObjectBasicLimitInformation, &limits,
                                          sizeof(limits.BasicLimitInformation)));
    GUEST_EQUAL(
        STATUS_INFO_LENGTH_MISMATCH,
        NtSetInformationJobObject(job.Handle(), JOBOBJECTINFOCLASS::JobObjectBasicLimitInformation, &limits, 4));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                NtSetInformationJobObject(job.Handle(), JOBOBJECTINFOCLASS::JobObjectBasicAccountingInformation,
                                          &limits, sizeof(limits)));
    GUEST_EQUAL(STATUS_ACCESS_DENIED,
                NtQueryInformationJobObject(nullptr, JOBOBJECTINFOCLASS::JobObjectExtendedLimitInformation, &told,
                                            sizeof(told), nullptr)); // the system is in none
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                NtQueryInformationJobObject(job.Handle(), JOBOBJECTINFOCLASS(77), &told, sizeof(told), nullptr));
    GUEST_EQUAL(STATUS_INVALID_HANDLE, NtTerminateJobObject(nullptr, STATUS_SUCCESS));
}
