// NtQueryInformationProcess.
//
// Locks: none; numbers that change are as they were at some moment. IRQL: PASSIVE_LEVEL.
// In the books: "process internals". PRC-03, PRC-04
#include "ps/answer.h"
#include "ps/psp.h"
#include "rtl/string.h"

namespace {

/// Clock ticks in 100 ns.
LARGE_INTEGER TimeOf(ULONG ticks) { return {.QuadPart = LONGLONG(ticks) * KeQueryTimeIncrement()}; }

PROCESS_BASIC_INFORMATION BasicOf(const EPROCESS* process) {
    return {.ExitStatus = process->ExitStatus,
            .PebBaseAddress = process->Peb,
            .AffinityMask = process->Pcb.Affinity & KeActiveProcessors,
            .BasePriority = process->Pcb.BasePriority,
            .UniqueProcessId = PsGetProcessId(process),
            .InheritedFromUniqueProcessId = reinterpret_cast<HANDLE>(ULONG_PTR(process->InheritedFromUniqueProcessId))};
}

KERNEL_USER_TIMES TimesOf(EPROCESS* process) {
    ULONG kernel, user;
    PspQueryRuntime(process, &kernel, &user);
    return {.CreateTime = process->CreateTime,
            .ExitTime = process->ExitTime,
            .KernelTime = TimeOf(kernel),
            .UserTime = TimeOf(user)};
}

} // namespace

void PspQueryRuntime(EPROCESS* Process, ULONG* KernelTicks, ULONG* UserTicks) {
    const nt::SpinLockGuard guard(Process->Pcb.ProcessLock);
    *KernelTicks = Process->Pcb.KernelTime; // of threads that have ended
    *UserTicks = Process->Pcb.UserTime;
    for (const KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(Process->Pcb.ThreadListHead)) {
        *KernelTicks += thread->KernelTime;
        *UserTicks += thread->UserTime;
    }
}

VM_COUNTERS PspVmCountersOf(const EPROCESS* Process) {
    const MM_ADDRESS_SPACE& space = Process->AddressSpace;
    VM_COUNTERS told = {};
    told.PeakVirtualSize = space.PeakVirtualSize;
    told.VirtualSize = space.VirtualSize;
    told.PageFaultCount = space.Vm.PageFaultCount;
    told.PeakWorkingSetSize = SIZE_T(space.Vm.PeakWorkingSetSize) * PAGE_SIZE;
    told.WorkingSetSize = SIZE_T(space.Vm.WorkingSetSize) * PAGE_SIZE;
    if (const EPROCESS_QUOTA_BLOCK* const quota = Process->Objects.QuotaBlock) {
        told.QuotaPeakNonPagedPoolUsage = SIZE_T(quota->Peak[ULONG(NonPagedPool)]);
        told.QuotaNonPagedPoolUsage = SIZE_T(quota->Usage[ULONG(NonPagedPool)]);
        told.QuotaPeakPagedPoolUsage = SIZE_T(quota->Peak[ULONG(PagedPool)]);
        told.QuotaPagedPoolUsage = SIZE_T(quota->Usage[ULONG(PagedPool)]);
    }
    told.PagefileUsage = SIZE_T(space.CommitCharge) * PAGE_SIZE;
    told.PeakPagefileUsage = SIZE_T(space.CommitChargePeak) * PAGE_SIZE;
    return told;
}

extern "C" NTSTATUS NTAPI NtQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                                                    PVOID ProcessInformation, ULONG ProcessInformationLength,
                                                    ULONG* ReturnLength) {
    PSP_ANSWER answer(ProcessInformation, ProcessInformationLength, ReturnLength);
    const auto ask = [&](auto describe) {
        return answer.Give<EPROCESS>(ProcessHandle, PROCESS_QUERY_INFORMATION, PsProcessType, describe);
    };
    switch (ProcessInformationClass) {
    case PROCESSINFOCLASS::ProcessBasicInformation: return ask([](EPROCESS* p) { return BasicOf(p); });
    case PROCESSINFOCLASS::ProcessVmCounters: return ask([](EPROCESS* p) { return PspVmCountersOf(p); });
    case PROCESSINFOCLASS::ProcessTimes: return ask([](EPROCESS* p) { return TimesOf(p); });
    case PROCESSINFOCLASS::ProcessPriorityClass:
        return ask(
            [](EPROCESS* p) { return PROCESS_PRIORITY_CLASS{.Foreground = FALSE, .PriorityClass = p->PriorityClass}; });
    case PROCESSINFOCLASS::ProcessHandleCount: return ask([](EPROCESS* p) { return ObCountHandles(p); });
    case PROCESSINFOCLASS::ProcessSessionInformation: return ask([](EPROCESS*) { return ULONG(0); });
    default: return STATUS_INVALID_INFO_CLASS;
    }
}
