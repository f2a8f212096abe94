// NtSetInformationProcess and NtSetInformationThread: priorities and processors.
//
// Locks: those of the Ke routines. IRQL: PASSIVE_LEVEL.
// In the books: "thread priorities", "priority classes", "affinity and ideal processor". PRC-04, PRC-07, SCH-09
#include "rtl/capture.h"
#include "ke.h"
#include "ps/psp.h"
#include "ps/services.h"

namespace {

/// Base priorities of the classes (documented values), by PROCESS_PRIORITY_CLASS_*.
constexpr KPRIORITY CLASS_PRIORITY[] = {0, 4, 8, 13, 24, 6, 10};

constexpr LONG MOST_INCREMENT = 2;       ///< of a thread above or below its process
constexpr LONG SATURATED_INCREMENT = 15; ///< to the end of the class (documented: TIME_CRITICAL, IDLE)
constexpr LONG LOWEST_REALTIME_INCREMENT = -7, MOST_REALTIME_INCREMENT = 6;

/// Reads the caller's value, of exactly its size.
template <typename T> NTSTATUS Take(PVOID information, ULONG length, T* value) {
    if (length != sizeof(T)) return STATUS_INFO_LENGTH_MISMATCH;
    return nt::Capture(ExGetPreviousMode(), value, static_cast<const T*>(information));
}

bool IsPriority(LONG priority) { return priority > LOW_PRIORITY && priority <= HIGH_PRIORITY; }

/// Whether processors may be chosen out of those that there are.
bool IsChoice(KAFFINITY chosen, KAFFINITY all) { return chosen != 0 && (chosen & ~all) == 0; }

// ---- processes

NTSTATUS SetClass(EPROCESS* process, PVOID information, ULONG length) {
    PROCESS_PRIORITY_CLASS wanted;
    NT_TRY(Take(information, length, &wanted));
    if (wanted.PriorityClass == PROCESS_PRIORITY_CLASS_UNKNOWN ||
        wanted.PriorityClass > PROCESS_PRIORITY_CLASS_ABOVE_NORMAL)
        return STATUS_INVALID_PARAMETER;
    process->PriorityClass = wanted.PriorityClass;
    (void)KeSetPriorityProcess(&process->Pcb, CLASS_PRIORITY[wanted.PriorityClass]);
    return STATUS_SUCCESS;
}

NTSTATUS SetBase(EPROCESS* process, PVOID information, ULONG length) {
    LONG base;
    NT_TRY(Take(information, length, &base));
    if (!IsPriority(base)) return STATUS_INVALID_PARAMETER;
    (void)KeSetPriorityProcess(&process->Pcb, base);
    return STATUS_SUCCESS;
}

NTSTATUS SetProcessors(EPROCESS* process, PVOID information, ULONG length) {
    KAFFINITY processors;
    NT_TRY(Take(information, length, &processors));
    if (!IsChoice(processors, KeQueryActiveProcessors())) return STATUS_INVALID_PARAMETER;
    (void)KeSetAffinityProcess(&process->Pcb, processors);
    return STATUS_SUCCESS;
}

// ---- threads

NTSTATUS SetPriority(PETHREAD thread, PVOID information, ULONG length) {
    LONG priority;
    NT_TRY(Take(information, length, &priority));
    if (!IsPriority(priority)) return STATUS_INVALID_PARAMETER;
    (void)KeSetPriorityThread(&thread->Tcb, priority);
    return STATUS_SUCCESS;
}

bool IsIncrement(LONG increment, KPRIORITY processBase) {
    if (increment == SATURATED_INCREMENT || increment == -SATURATED_INCREMENT) return true;
    if (processBase >= LOW_REALTIME_PRIORITY)
        return increment >= LOWEST_REALTIME_INCREMENT && increment <= MOST_REALTIME_INCREMENT;
    return increment >= -MOST_INCREMENT && increment <= MOST_INCREMENT;
}

NTSTATUS SetIncrement(PETHREAD thread, PVOID information, ULONG length) {
    LONG increment;
    NT_TRY(Take(information, length, &increment));
    if (!IsIncrement(increment, thread->ThreadsProcess->Pcb.BasePriority)) return STATUS_INVALID_PARAMETER;
    (void)KeSetBasePriorityThread(&thread->Tcb, increment);
    return STATUS_SUCCESS;
}

NTSTATUS SetAffinity(PETHREAD thread, PVOID information, ULONG length) {
    KAFFINITY processors;
    NT_TRY(Take(information, length, &processors));
    if (!IsChoice(processors, thread->ThreadsProcess->Pcb.Affinity & KeQueryActiveProcessors()))
        return STATUS_INVALID_PARAMETER;
    (void)KeSetAffinityThread(&thread->Tcb, processors);
    return STATUS_SUCCESS;
}

NTSTATUS SetIdealProcessor(PETHREAD thread, PVOID information, ULONG length) {
    ULONG number;
    NT_TRY(Take(information, length, &number));
    if (number >= ULONG(KeNumberProcessors)) return STATUS_INVALID_PARAMETER;
    (void)KeSetIdealProcessorThread(&thread->Tcb, UCHAR(number));
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                                       PVOID ProcessInformation, ULONG ProcessInformationLength) {
    nt::ObjectRef<EPROCESS> process;
    NT_TRY(process.Open(ProcessHandle, PROCESS_SET_INFORMATION, PsProcessType, ExGetPreviousMode()));
    if (!process->EndsWithLastThread) return STATUS_ACCESS_DENIED; // the system's own
    switch (ProcessInformationClass) {
    case PROCESSINFOCLASS::ProcessBasePriority:
        return SetBase(process.Get(), ProcessInformation, ProcessInformationLength);
    case PROCESSINFOCLASS::ProcessPriorityClass:
        return SetClass(process.Get(), ProcessInformation, ProcessInformationLength);
    case PROCESSINFOCLASS::ProcessAffinityMask:
        return SetProcessors(process.Get(), ProcessInformation, ProcessInformationLength);
    default: return STATUS_INVALID_INFO_CLASS;
    }
}

NTSTATUS NTAPI NtSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                                      PVOID ThreadInformation, ULONG ThreadInformationLength) {
    nt::ObjectRef<ETHREAD> thread;
    NT_TRY(thread.Open(ThreadHandle, THREAD_SET_INFORMATION, PsThreadType, ExGetPreviousMode()));
    if (thread->Tcb.SystemThread) return STATUS_ACCESS_DENIED;
    switch (ThreadInformationClass) {
    case THREADINFOCLASS::ThreadPriority: return SetPriority(thread.Get(), ThreadInformation, ThreadInformationLength);
    case THREADINFOCLASS::ThreadBasePriority:
        return SetIncrement(thread.Get(), ThreadInformation, ThreadInformationLength);
    case THREADINFOCLASS::ThreadAffinityMask:
        return SetAffinity(thread.Get(), ThreadInformation, ThreadInformationLength);
    case THREADINFOCLASS::ThreadIdealProcessor:
        return SetIdealProcessor(thread.Get(), ThreadInformation, ThreadInformationLength);
    default: return STATUS_INVALID_INFO_CLASS;
    }
}
}
