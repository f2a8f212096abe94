// What NtQueryInformationProcess and NtQueryInformationThread tell, and what the services that set information take: documented layouts.
//
// In the books: "process and thread internals". PRC-03, PRC-04, PRC-07
#pragma once

#include "ps/peb.h"

/// What is asked of a process, or changed (documented values).
enum class PROCESSINFOCLASS : LONG {
    ProcessBasicInformation = 0,
    ProcessVmCounters = 3,
    ProcessTimes = 4,
    ProcessBasePriority = 5,       ///< set: KPRIORITY
    ProcessPriorityClass = 18,     ///< PROCESS_PRIORITY_CLASS
    ProcessHandleCount = 20,       ///< ULONG
    ProcessAffinityMask = 21,      ///< set: ULONG_PTR
    ProcessSessionInformation = 24 ///< ULONG: 0
};

/// Who a process is.
struct PROCESS_BASIC_INFORMATION {
    NTSTATUS ExitStatus; ///< STATUS_PENDING while it runs
    PEB* PebBaseAddress;
    ULONG_PTR AffinityMask;
    LONG BasePriority;
    HANDLE UniqueProcessId;
    HANDLE InheritedFromUniqueProcessId;
};
PUBLIC_SIZE(PROCESS_BASIC_INFORMATION, 24);

/// Memory of a process, in bytes.
struct VM_COUNTERS {
    SIZE_T PeakVirtualSize;
    SIZE_T VirtualSize;
    ULONG PageFaultCount;
    SIZE_T PeakWorkingSetSize;
    SIZE_T WorkingSetSize;
    SIZE_T QuotaPeakPagedPoolUsage;
    SIZE_T QuotaPagedPoolUsage;
    SIZE_T QuotaPeakNonPagedPoolUsage;
    SIZE_T QuotaNonPagedPoolUsage;
    SIZE_T PagefileUsage; ///< what it has committed
    SIZE_T PeakPagefileUsage;
};
PUBLIC_SIZE(VM_COUNTERS, 44);

/// Times of a process or a thread in 100 ns.
struct KERNEL_USER_TIMES {
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER ExitTime; ///< 0 while it runs
    LARGE_INTEGER KernelTime;
    LARGE_INTEGER UserTime;
};
PUBLIC_SIZE(KERNEL_USER_TIMES, 32);

// Classes of priority (documented values).
constexpr UCHAR PROCESS_PRIORITY_CLASS_UNKNOWN = 0;
constexpr UCHAR PROCESS_PRIORITY_CLASS_IDLE = 1;
constexpr UCHAR PROCESS_PRIORITY_CLASS_NORMAL = 2;
constexpr UCHAR PROCESS_PRIORITY_CLASS_HIGH = 3;
constexpr UCHAR PROCESS_PRIORITY_CLASS_REALTIME = 4;
constexpr UCHAR PROCESS_PRIORITY_CLASS_BELOW_NORMAL = 5;
constexpr UCHAR PROCESS_PRIORITY_CLASS_ABOVE_NORMAL = 6;

/// The priority of a process as programs choose it.
struct PROCESS_PRIORITY_CLASS {
    BOOLEAN Foreground;
    UCHAR PriorityClass;
};

/// What is asked of a thread, or changed (documented values).
enum class THREADINFOCLASS : LONG {
    ThreadBasicInformation = 0,
    ThreadTimes = 1,
    ThreadPriority = 2,                  ///< set: KPRIORITY
    ThreadBasePriority = 3,              ///< set: LONG, above or below the process's
    ThreadAffinityMask = 4,              ///< set: ULONG_PTR
    ThreadQuerySetWin32StartAddress = 9, ///< query: PVOID
    ThreadAmILastThread = 12,            ///< query: ULONG
    ThreadIdealProcessor = 13            ///< set: ULONG
};

/// Who a thread is.
struct THREAD_BASIC_INFORMATION {
    NTSTATUS ExitStatus; ///< STATUS_PENDING while it runs
    TEB* TebBaseAddress;
    CLIENT_ID ClientId;
    ULONG_PTR AffinityMask;
    LONG Priority;
    LONG BasePriority; ///< above or below the process's
};
PUBLIC_SIZE(THREAD_BASIC_INFORMATION, 28);
