// What NtQuerySystemInformation tells: documented layouts.
//
// In the books: "system processes", "performance counters". SYS-01, PRC-03
#pragma once

#include "ps/peb.h"

/// What is asked of the system (documented values).
enum class SYSTEM_INFORMATION_CLASS : LONG {
    SystemBasicInformation = 0,
    SystemPerformanceInformation = 2,
    SystemTimeOfDayInformation = 3,
    SystemProcessInformation = 5
};

/// The machine.
struct SYSTEM_BASIC_INFORMATION {
    ULONG Reserved;
    ULONG TimerResolution; ///< in 100 ns
    ULONG PageSize;
    ULONG NumberOfPhysicalPages;
    ULONG LowestPhysicalPageNumber;
    ULONG HighestPhysicalPageNumber;
    ULONG AllocationGranularity;
    ULONG_PTR MinimumUserModeAddress;
    ULONG_PTR MaximumUserModeAddress;
    ULONG_PTR ActiveProcessorsAffinityMask;
    ULONG NumberOfProcessors;
};
PUBLIC_SIZE(SYSTEM_BASIC_INFORMATION, 44);

/// Memory, faults and switches since boot. What is not counted is 0.
struct SYSTEM_PERFORMANCE_INFORMATION {
    LARGE_INTEGER IdleProcessTime; ///< of all processors, in 100 ns
    LARGE_INTEGER IoTransferCounts[3];
    ULONG IoOperationCounts[3];
    ULONG AvailablePages;
    ULONG CommittedPages;
    ULONG CommitLimit;
    ULONG PeakCommitment;
    ULONG PageFaultCount;
    ULONG CopyOnWriteCount;
    ULONG TransitionCount;
    ULONG CacheTransitionCount;
    ULONG DemandZeroCount;
    ULONG PageReadCount;
    ULONG PageReadIoCount;
    ULONG NotCounted[52];
    ULONG ContextSwitches;
    ULONG FirstLevelTbFills;
    ULONG SecondLevelTbFills;
    ULONG SystemCalls;
};
PUBLIC_SIZE(SYSTEM_PERFORMANCE_INFORMATION, 312);

/// Times in 100 ns since 1601.
struct SYSTEM_TIMEOFDAY_INFORMATION {
    LARGE_INTEGER BootTime;
    LARGE_INTEGER CurrentTime;
    LARGE_INTEGER TimeZoneBias;
    ULONG TimeZoneId;
    ULONG Reserved;
    ULONGLONG BootTimeBias;
    ULONGLONG SleepTimeBias;
};
PUBLIC_SIZE(SYSTEM_TIMEOFDAY_INFORMATION, 48);

/// A thread of a process that is told.
struct SYSTEM_THREAD_INFORMATION {
    LARGE_INTEGER KernelTime;
    LARGE_INTEGER UserTime;
    LARGE_INTEGER CreateTime;
    ULONG WaitTime; ///< tick when it began to wait, or became ready
    PVOID StartAddress;
    CLIENT_ID ClientId;
    LONG Priority;
    LONG BasePriority;
    ULONG ContextSwitches;
    ULONG ThreadState; ///< KTHREAD_STATE
    ULONG WaitReason;  ///< KWAIT_REASON
    ULONG Reserved;
};
PUBLIC_SIZE(SYSTEM_THREAD_INFORMATION, 64);

/// A process; its threads follow, then the text of its name.
struct SYSTEM_PROCESS_INFORMATION {
    ULONG NextEntryOffset; ///< bytes from this entry to the next; 0: the last
    ULONG NumberOfThreads;
    LARGE_INTEGER Reserved[3];
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER UserTime;
    LARGE_INTEGER KernelTime;
    UNICODE_STRING ImageName;
    LONG BasePriority;
    HANDLE UniqueProcessId;
    HANDLE InheritedFromUniqueProcessId;
    ULONG HandleCount;
    ULONG SessionId;
    ULONG_PTR PageDirectoryBase;
    SIZE_T PeakVirtualSize;
    SIZE_T VirtualSize;
    ULONG PageFaultCount;
    SIZE_T PeakWorkingSetSize;
    SIZE_T WorkingSetSize;
    SIZE_T QuotaPeakPagedPoolUsage;
    SIZE_T QuotaPagedPoolUsage;
    SIZE_T QuotaPeakNonPagedPoolUsage;
    SIZE_T QuotaNonPagedPoolUsage;
    SIZE_T PagefileUsage;
    SIZE_T PeakPagefileUsage;
    SIZE_T PrivatePageCount;
    LARGE_INTEGER IoCounters[6]; ///< not counted
};
PUBLIC_SIZE(SYSTEM_PROCESS_INFORMATION, 184);
