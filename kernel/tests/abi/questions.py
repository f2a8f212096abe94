"""What is asked of the public headers and of Mica's: structures with their fields, scalar types, constants.

A field or constant of another name in Mica is a pair (the headers' name, Mica's expression).  What the headers do not have is not
asked: KTHREAD and KPROCESS are Mica's own.  KPCR's size is not asked: the headers show its first part only.  What Mica does not have is not compared; a field that a structure of Mica lacks is a difference.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, Tuple, Union

Name = Union[str, Tuple[str, str]]

STRUCTURES: "Dict[str, List[Name]]" = {
    "DISPATCHER_HEADER": ["Type", "Size", "Inserted", "SignalState", "WaitListHead"],
    "KEVENT": ["Header"],
    "KSEMAPHORE": ["Header", "Limit"],
    "KMUTANT": ["Header", "MutantListEntry", "OwnerThread", "Abandoned", "ApcDisable"],
    "KTIMER": ["Header", "DueTime", "TimerListEntry", "Dpc", "Period"],
    "KDPC": ["Type", "Importance", "Number", "DpcListEntry", "DeferredRoutine", "DeferredContext", "SystemArgument1", "SystemArgument2", "DpcData"],
    "KAPC": ["Type", "SpareByte0", "Size", "SpareByte1", "SpareLong0", "Thread", "ApcListEntry", "KernelRoutine", "RundownRoutine", "NormalRoutine",
             "NormalContext", "SystemArgument1", "SystemArgument2", "ApcStateIndex", "ApcMode", "Inserted"],
    "KAPC_STATE": ["ApcListHead", "Process", "KernelApcInProgress", "KernelApcPending", "UserApcPending"],
    "KQUEUE": ["Header", "EntryListHead", "CurrentCount", "MaximumCount", "ThreadListHead"],
    "KWAIT_BLOCK": ["WaitListEntry", "Thread", "Object", "NextWaitBlock", "WaitKey", "WaitType"],
    "KSPIN_LOCK_QUEUE": ["Next", "Lock"],
    "KLOCK_QUEUE_HANDLE": ["LockQueue", "OldIrql"],
    "KGATE": ["Header"],
    "KGUARDED_MUTEX": ["Count", "Owner", "Contention", "Gate", "KernelApcDisable", "SpecialApcDisable"],
    "FAST_MUTEX": ["Count", "Owner", "Contention", "Event", "OldIrql"],
    "ERESOURCE": ["SystemResourcesList", "OwnerTable", "ActiveCount", "Flag", "SharedWaiters", "ExclusiveWaiters", "OwnerEntry", "ContentionCount",
                  "ActiveEntries", "NumberOfSharedWaiters", "NumberOfExclusiveWaiters", "Address", "SpinLock"],
    "OWNER_ENTRY": ["OwnerThread", "OwnerCount"],
    "EX_RUNDOWN_REF": ["Count", "Ptr"],
    "WORK_QUEUE_ITEM": ["List", "WorkerRoutine", "Parameter"],
    "LIST_ENTRY": ["Flink", "Blink"],
    "SINGLE_LIST_ENTRY": ["Next"],
    "SLIST_HEADER": ["Next", "Depth", "Sequence"],
    "UNICODE_STRING": ["Length", "MaximumLength", "Buffer"],
    "ANSI_STRING": ["Length", "MaximumLength", "Buffer"],
    "RTL_BITMAP": ["SizeOfBitMap", "Buffer"],
    "KDEVICE_QUEUE": ["Type", "Size", "DeviceListHead", "Lock", "Busy"],
    "KDEVICE_QUEUE_ENTRY": ["DeviceListEntry", "SortKey", "Inserted"],
    "KBUGCHECK_CALLBACK_RECORD": ["Entry", "CallbackRoutine", "Buffer", "Length", "Component", "Checksum", "State"],
    "KBUGCHECK_REASON_CALLBACK_RECORD": ["Entry", "CallbackRoutine", "Component", "Checksum", "Reason", "State"],
    "KBUGCHECK_SECONDARY_DUMP_DATA": ["InBuffer", "InBufferLength", "MaximumAllowed", "Guid", "OutBuffer", "OutBufferLength"],
    "KFLOATING_SAVE": ["ControlWord", "Cr0NpxState", "Spare1"],
    "GENERAL_LOOKASIDE": ["ListHead", "Depth", "MaximumDepth", "TotalAllocates", "AllocateMisses", "TotalFrees", "FreeMisses", "Type", "Tag", "Size",
                          "Allocate", "Free", "ListEntry", "LastTotalAllocates", "LastAllocateMisses", "Future"],
    "RTL_BITMAP_RUN": ["StartingIndex", "NumberOfBits"],
    "ULARGE_INTEGER": ["LowPart", "HighPart", "QuadPart"],
    "GUID": ["Data1", "Data2", "Data3", "Data4"],
    "NPAGED_LOOKASIDE_LIST": ["L"],
    "PAGED_LOOKASIDE_LIST": ["L"],
    "EXCEPTION_RECORD": ["ExceptionCode", "ExceptionFlags", "ExceptionRecord", "ExceptionAddress", "NumberParameters", "ExceptionInformation"],
    "CONTEXT": ["ContextFlags", "Dr0", "Dr7", "FloatSave", "SegGs", "SegDs", "Edi", "Eax", "Ebp", "Eip", "SegCs", "EFlags", "Esp", "SegSs", "ExtendedRegisters"],
    "LARGE_INTEGER": ["LowPart", "HighPart", "QuadPart"],
    "KSYSTEM_TIME": ["LowPart", "High1Time", "High2Time"],
    "KUSER_SHARED_DATA": ["TickCountLowDeprecated", "TickCountMultiplier", "InterruptTime", "SystemTime", "TimeZoneBias", "ImageNumberLow", "ImageNumberHigh",
                          "NtSystemRoot", "MaxStackTraceDepth", "CryptoExponent", "TimeZoneId", "LargePageMinimum", "Reserved2", "NtProductType",
                          "ProductTypeIsValid", "NtMajorVersion", "NtMinorVersion", "ProcessorFeatures", "Reserved1", "Reserved3", "TimeSlip",
                          "AlternativeArchitecture", "AltArchitecturePad", "SystemExpirationDate", "SuiteMask", "KdDebuggerEnabled", "NXSupportPolicy",
                          "ActiveConsoleId", "DismountCount", "ComPlusPackage", "LastSystemRITEventTickCount", "NumberOfPhysicalPages", "SafeBootMode",
                          "TraceLogging", "DataFlagsPad", "TestRetInstruction", "SystemCall", "SystemCallReturn", "SystemCallPad", "TickCount",
                          "TickCountQuad", "Cookie", "CookiePad", "ConsoleSessionForegroundProcessId", "Wow64SharedInformation"],
    "TIME_FIELDS": ["Year", "Month", "Day", "Hour", "Minute", "Second", "Milliseconds", "Weekday"],
    "NT_TIB": ["ExceptionList", "StackBase", "StackLimit", "Self"],
    "KPCR": ["NtTib", "SelfPcr", "Prcb", "Irql", "IRR", "IrrActive", "IDR", "KdVersionBlock", "IDT", "GDT", "TSS", "MajorVersion", "MinorVersion",
             "SetMember", "StallScaleFactor", "Number"],
}

OPEN_ENDED = ("KPCR",)

SCALARS = ("KSPIN_LOCK EX_PUSH_LOCK EX_SPIN_LOCK PHYSICAL_ADDRESS BOOLEAN KIRQL KPROCESSOR_MODE EVENT_TYPE TIMER_TYPE WAIT_TYPE POOL_TYPE KWAIT_REASON "
           "WORK_QUEUE_TYPE KDPC_IMPORTANCE KINTERRUPT_MODE KAPC_ENVIRONMENT KSPIN_LOCK_QUEUE_NUMBER KAFFINITY KPRIORITY NTSTATUS WCHAR "
           "LARGE_INTEGER SIZE_T ULONG_PTR").split()

_SCOPED = {
    "KWAIT_REASON": "Executive FreePage PageIn PoolAllocation DelayExecution Suspended UserRequest WrExecutive WrFreePage WrPageIn WrPoolAllocation "
                    "WrDelayExecution WrSuspended WrUserRequest WrEventPair WrQueue WrLpcReceive WrLpcReply WrVirtualMemory WrPageOut WrRendezvous WrKeyedEvent "
                    "WrTerminated WrProcessInSwap WrCpuRateControl WrCalloutStack WrKernel WrResource WrPushLock WrMutex WrQuantumEnd WrDispatchInt WrPreempted "
                    "WrYieldExecution WrFastMutex WrGuardedMutex WrRundown",
    "KDPC_IMPORTANCE": "LowImportance MediumImportance HighImportance MediumHighImportance",
    "KINTERRUPT_MODE": "LevelSensitive Latched",
}
_PLAIN = {
    "irql": "PASSIVE_LEVEL APC_LEVEL DISPATCH_LEVEL PROFILE_LEVEL CLOCK1_LEVEL CLOCK2_LEVEL CLOCK_LEVEL IPI_LEVEL POWER_LEVEL HIGH_LEVEL",
    "objects": "NotificationEvent SynchronizationEvent NotificationTimer SynchronizationTimer WaitAll WaitAny KernelMode UserMode OriginalApcEnvironment "
               "AttachedApcEnvironment CurrentApcEnvironment InsertApcEnvironment THREAD_WAIT_OBJECTS MAXIMUM_WAIT_OBJECTS",
    "limits": "MAXIMUM_PROCESSORS LOW_PRIORITY LOW_REALTIME_PRIORITY HIGH_PRIORITY MAXIMUM_PRIORITY PAGE_SIZE PAGE_SHIFT",
    "executive": "NonPagedPool PagedPool CriticalWorkQueue DelayedWorkQueue HyperCriticalWorkQueue ResourceOwnedExclusive ResourceDisableBoost",
    "exceptions": "EXCEPTION_NONCONTINUABLE EXCEPTION_UNWINDING EXCEPTION_EXIT_UNWIND EXCEPTION_STACK_INVALID EXCEPTION_NESTED_CALL EXCEPTION_TARGET_UNWIND "
                  "EXCEPTION_COLLIDED_UNWIND EXCEPTION_MAXIMUM_PARAMETERS CONTEXT_CONTROL CONTEXT_INTEGER CONTEXT_SEGMENTS CONTEXT_FLOATING_POINT "
                  "CONTEXT_DEBUG_REGISTERS CONTEXT_FULL",
    "shareddata": "KI_USER_SHARED_DATA PROCESSOR_FEATURE_MAX MAX_WOW64_SHARED_ENTRIES PF_COMPARE_EXCHANGE_DOUBLE PF_MMX_INSTRUCTIONS_AVAILABLE "
                  "PF_XMMI_INSTRUCTIONS_AVAILABLE PF_RDTSC_INSTRUCTION_AVAILABLE PF_XMMI64_INSTRUCTIONS_AVAILABLE NtProductWinNt NtProductLanManNt NtProductServer",
    "queuedlocks": "LockQueueDispatcherLock LockQueuePfnLock LockQueueIoCancelLock LockQueueNtfsStructLock LockQueueMaximumLock",
}


def constants(root: Path) -> "Dict[str, List[Tuple[str, str]]]":
    """Groups of (the headers' name, Mica's expression).  Statuses and bugcheck codes are all of those that Mica has."""
    groups = {group: [(name, name) for name in names.split()] for group, names in _PLAIN.items()}
    groups.update({scope: [(name, f"{scope}::{name}") for name in names.split()] for scope, names in _SCOPED.items()})
    statuses = re.findall(r"MICA_STATUS\((\w+)", (root / "kernel/inc/ntstatus.h").read_text(encoding="utf-8"))
    codes = re.findall(r"constexpr ULONG (\w+) = 0x", (root / "kernel/inc/ke/bugcheck.h").read_text(encoding="utf-8"))
    groups["statuses"] = [(name, name) for name in statuses if name.startswith("STATUS_")]
    groups["bugchecks"] = [(name, name) for name in codes]
    return groups
