// NtQuerySystemInformation: the machine, its memory, the time, and all processes with their threads.
//
// The list of processes is a chain of entries in the caller's buffer: process, its threads, its name. Each is gathered in a block of pool
// under the process's lock, and copied then. When the buffer is full, the rest is only counted.
// Locks: KPROCESS::ProcessLock, one at a time. IRQL: PASSIVE_LEVEL.
// In the books: "system processes", "performance counters". SYS-01, PRC-03
#include "ps/systeminformation.h"
#include "rtl/capture.h"
#include "ke.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/layout.h"
#include "ps/psp.h"
#include "ps/services.h"
#include "rtl/string.h"
#include "rtl/useraccess.h"

namespace {

constexpr ULONG INFORMATION_TAG = EX_TAG("Psin");
constexpr ULONG SLACK = 4; ///< threads that may come while a block is allocated

LARGE_INTEGER TimeOf(ULONG ticks) { return {.QuadPart = LONGLONG(ticks) * KeQueryTimeIncrement()}; }

// ---- structures of a fixed size

SYSTEM_BASIC_INFORMATION Machine() {
    return {.Reserved = 0,
            .TimerResolution = KeQueryTimeIncrement(),
            .PageSize = PAGE_SIZE,
            .NumberOfPhysicalPages = MmNumberOfPhysicalPages,
            .LowestPhysicalPageNumber = 1,
            .HighestPhysicalPageNumber = ULONG(MmHighestPhysicalPage),
            .AllocationGranularity = MM_ALLOCATION_GRANULARITY,
            .MinimumUserModeAddress = MM_LOWEST_USER_ADDRESS,
            .MaximumUserModeAddress = MM_USER_PROBE_ADDRESS - 1,
            .ActiveProcessorsAffinityMask = KeQueryActiveProcessors(),
            .NumberOfProcessors = ULONG(KeNumberProcessors)};
}

SYSTEM_PERFORMANCE_INFORMATION Performance() {
    SYSTEM_PERFORMANCE_INFORMATION told = {};
    ULONG idle = 0;
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++) {
        const KPRCB& prcb = *KiProcessorBlock[number];
        idle += prcb.IdleThread->KernelTime;
        told.ContextSwitches += prcb.ContextSwitches;
    }
    told.IdleProcessTime = TimeOf(idle);
    told.AvailablePages = MmQueryFreePages();
    MmQueryCommitment(&told.CommittedPages, &told.CommitLimit, &told.PeakCommitment);
    told.PageFaultCount = ULONG(MmInfoCounters.PageFaultCount);
    told.CopyOnWriteCount = ULONG(MmInfoCounters.CopyOnWriteCount);
    told.TransitionCount = ULONG(MmInfoCounters.TransitionCount);
    told.DemandZeroCount = ULONG(MmInfoCounters.DemandZeroCount);
    told.PageReadCount = ULONG(MmInfoCounters.PageReadCount);
    told.PageReadIoCount = ULONG(MmInfoCounters.PageReadIoCount);
    return told;
}

SYSTEM_TIMEOFDAY_INFORMATION Times() {
    SYSTEM_TIMEOFDAY_INFORMATION told = {};
    KeQuerySystemTime(&told.CurrentTime);
    told.BootTime.QuadPart = told.CurrentTime.QuadPart - LONGLONG(KeQueryInterruptTime());
    return told; // UTC: no bias
}

// ---- processes

/// An entry as it is gathered.
struct ENTRY {
    SYSTEM_PROCESS_INFORMATION Process;
    SYSTEM_THREAD_INFORMATION Threads[1];
};

SYSTEM_THREAD_INFORMATION ThreadOf(const KTHREAD* kernel) {
    const auto* const thread = CONTAINING_RECORD(kernel, ETHREAD, Tcb);
    return {.KernelTime = TimeOf(kernel->KernelTime),
            .UserTime = TimeOf(kernel->UserTime),
            .CreateTime = thread->CreateTime,
            .WaitTime = kernel->WaitTime,
            .StartAddress = reinterpret_cast<PVOID>(thread->StartAddress),
            .ClientId = PspClientIdOf(thread),
            .Priority = kernel->Priority,
            .BasePriority = kernel->BasePriority,
            .ContextSwitches = kernel->ContextSwitches,
            .ThreadState = ULONG(kernel->State),
            .WaitReason = ULONG(KWAIT_REASON(kernel->WaitReason)),
            .Reserved = 0};
}

/// Tells the threads, as many as there is room for. @returns their number
ULONG Threads(EPROCESS* process, SYSTEM_THREAD_INFORMATION* told, ULONG room) {
    if (process == PsIdleProcess) return 0; // its threads are no objects
    ULONG count = 0;
    const nt::SpinLockGuard guard(process->Pcb.ProcessLock);
    for (const KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
        if (count < room) told[count++] = ThreadOf(thread);
    }
    return count;
}

SYSTEM_PROCESS_INFORMATION ProcessOf(EPROCESS* process) {
    const VM_COUNTERS memory = PspVmCountersOf(process);
    ULONG kernel, user;
    PspQueryRuntime(process, &kernel, &user);
    SYSTEM_PROCESS_INFORMATION told = {};
    told.CreateTime = process->CreateTime;
    told.UserTime = TimeOf(user);
    told.KernelTime = TimeOf(kernel);
    told.BasePriority = process->Pcb.BasePriority;
    told.UniqueProcessId = PsGetProcessId(process);
    told.InheritedFromUniqueProcessId = reinterpret_cast<HANDLE>(ULONG_PTR(process->InheritedFromUniqueProcessId));
    told.HandleCount = process == PsIdleProcess ? 0 : ObCountHandles(process);
    told.PageDirectoryBase = process->Pcb.DirectoryTableBase[0];
    told.PeakVirtualSize = memory.PeakVirtualSize;
    told.VirtualSize = memory.VirtualSize;
    told.PageFaultCount = memory.PageFaultCount;
    told.PeakWorkingSetSize = memory.PeakWorkingSetSize;
    told.WorkingSetSize = memory.WorkingSetSize;
    told.QuotaPeakPagedPoolUsage = memory.QuotaPeakPagedPoolUsage;
    told.QuotaPagedPoolUsage = memory.QuotaPagedPoolUsage;
    told.QuotaPeakNonPagedPoolUsage = memory.QuotaPeakNonPagedPoolUsage;
    told.QuotaNonPagedPoolUsage = memory.QuotaNonPagedPoolUsage;
    told.PagefileUsage = memory.PagefileUsage;
    told.PeakPagefileUsage = memory.PeakPagefileUsage;
    told.PrivatePageCount = memory.PagefileUsage;
    return told;
}

/// The chain in the caller's buffer.
class CHAIN {
public:
    CHAIN(KPROCESSOR_MODE mode, PVOID buffer, ULONG length)
        : m_mode(mode), m_buffer(static_cast<UCHAR*>(buffer)), m_length(length) {}

    NTSTATUS Add(EPROCESS* process) {
        const ULONG room = process->ActiveThreads + SLACK;
        const SIZE_T bytes = sizeof(ENTRY) + room * sizeof(SYSTEM_THREAD_INFORMATION);
        auto* const entry = static_cast<ENTRY*>(ExAllocatePoolWithTag(NonPagedPool, bytes, INFORMATION_TAG));
        if (!entry) return STATUS_INSUFFICIENT_RESOURCES;
        entry->Process = ProcessOf(process);
        entry->Process.NumberOfThreads = Threads(process, entry->Threads, room);
        const NTSTATUS status = Put(*entry, process);
        ExFreePoolWithTag(entry, INFORMATION_TAG);
        return status;
    }
    /// Bytes that all entries need.
    [[nodiscard]] ULONG Needed() const { return m_end; }

private:
    NTSTATUS Put(ENTRY& entry, const EPROCESS* process) {
        WCHAR name[sizeof(process->ImageFileName)] = {};
        USHORT count = 0;
        while (count < sizeof(process->ImageFileName) - 1 && process->ImageFileName[count] != 0) {
            name[count] = UCHAR(process->ImageFileName[count]);
            count++;
        }
        const ULONG threads =
            sizeof(SYSTEM_PROCESS_INFORMATION) + entry.Process.NumberOfThreads * sizeof(SYSTEM_THREAD_INFORMATION);
        const ULONG text = (count + 1u) * sizeof(WCHAR);
        const ULONG at = m_end;
        m_end = (at + threads + text + 7) & ~7u;
        if (m_end > m_length) return STATUS_SUCCESS; // it is only counted
        UCHAR* const here = m_buffer + at;
        entry.Process.ImageName = {.Length = USHORT(count * sizeof(WCHAR)),
                                   .MaximumLength = USHORT(text),
                                   .Buffer = reinterpret_cast<PWSTR>(here + threads)};
        NT_TRY(RtlTellCaller(m_mode, here, &entry, threads));
        NT_TRY(RtlTellCaller(m_mode, here + threads, name, text));
        const ULONG distance = at - m_last;
        if (at != 0) NT_TRY(RtlTellCaller(m_mode, m_buffer + m_last, &distance, sizeof(distance)));
        m_last = at;
        return STATUS_SUCCESS;
    }

    const KPROCESSOR_MODE m_mode;
    UCHAR* const m_buffer;
    const ULONG m_length;
    ULONG m_last = 0; ///< offset of the last entry that was told
    ULONG m_end = 0;  ///< bytes of all entries so far
};

NTSTATUS TellProcesses(KPROCESSOR_MODE mode, PVOID buffer, ULONG length, ULONG* returnLength) {
    CHAIN chain(mode, buffer, length);
    NTSTATUS status = STATUS_SUCCESS;
    EPROCESS* process = PspNextProcess(nullptr);
    for (; process && NT_SUCCESS(status); process = PspNextProcess(process))
        status = chain.Add(process);
    if (process) (void)ObDereferenceObject(process);
    NT_TRY(status);
    NT_TRY(nt::TellOptional(mode, returnLength, chain.Needed()));
    return chain.Needed() > length ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS;
}

/// Tells one structure, into a buffer of exactly its size.
template <typename T>
NTSTATUS TellOne(KPROCESSOR_MODE mode, PVOID buffer, ULONG length, ULONG* returnLength, T (*describe)()) {
    NT_TRY(nt::TellOptional(mode, returnLength, ULONG(sizeof(T))));
    if (length != sizeof(T)) return STATUS_INFO_LENGTH_MISMATCH;
    const T told = describe();
    return RtlTellCaller(mode, buffer, &told, sizeof(told));
}

} // namespace

extern "C" NTSTATUS NTAPI NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS SystemInformationClass,
                                                   PVOID SystemInformation, ULONG SystemInformationLength,
                                                   ULONG* ReturnLength) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    PVOID const buffer = SystemInformation;
    const ULONG length = SystemInformationLength;
    if (length != 0) NT_TRY(RtlProbeCaller(mode, buffer, length, alignof(ULONG)));
    NT_TRY(nt::ProbeOptional(mode, ReturnLength));
    switch (SystemInformationClass) {
    case SYSTEM_INFORMATION_CLASS::SystemBasicInformation: return TellOne(mode, buffer, length, ReturnLength, Machine);
    case SYSTEM_INFORMATION_CLASS::SystemPerformanceInformation:
        return TellOne(mode, buffer, length, ReturnLength, Performance);
    case SYSTEM_INFORMATION_CLASS::SystemTimeOfDayInformation:
        return TellOne(mode, buffer, length, ReturnLength, Times);
    case SYSTEM_INFORMATION_CLASS::SystemProcessInformation: return TellProcesses(mode, buffer, length, ReturnLength);
    default: return STATUS_INVALID_INFO_CLASS;
    }
}
