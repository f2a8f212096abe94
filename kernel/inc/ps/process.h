// A process of the executive: parts of several components in one structure.
//
// Each component knows its part; the structure stands on the memory manager's floor (grader/style/layers.py), so that the
// memory manager gets from the scheduler's part, which the processor leads to, to the address space.
// In the books: "process and thread internals". SYS-01, POL-06
#pragma once

#include "ex/rundown.h"
#include "ke/thread.h"
#include "mm/addressspace.h"
#include "ob/handles.h"
#include "ps/rights.h"

struct DEBUG_OBJECT;
struct EJOB;
struct PEB;
struct SECTION;

/// A process of the executive: the scheduler's part, its ID and its name, its address space, its handles. An object of PsProcessType.
struct EPROCESS {
    KPROCESS Pcb;
    ULONG UniqueProcessId;
    LIST_ENTRY ActiveProcessLinks; ///< on PsActiveProcessHead
    CHAR ImageFileName[16];
    EX_RUNDOWN_REF ThreadRundown;  ///< held by each of its threads until no processor is in its stack and address space
    EX_RUNDOWN_REF RundownProtect; ///< held by threads of other processes while they use its address space
    MM_ADDRESS_SPACE AddressSpace;
    OB_PROCESS Objects; ///< handles and quota
    // The life of a process; the first four under Pcb.ProcessLock
    ULONG ActiveThreads;        ///< that may use its memory and handles
    BOOLEAN Exiting;            ///< it gets no thread any more
    BOOLEAN Exited;             ///< its handles and its address space have gone, or go
    NTSTATUS ExitStatus;        ///< STATUS_PENDING while it runs
    BOOLEAN EndsWithLastThread; ///< it has an image; others stay without threads. Fixed before the first thread
    SECTION* SectionObject;     ///< of its image, referenced; nullptr: it has none
    UCHAR PriorityClass;        ///< PROCESS_PRIORITY_CLASS_*, as it was chosen
    PVOID SectionBaseAddress;   ///< where its image lies
    PEB* Peb;                   ///< in its own memory
    ULONG InheritedFromUniqueProcessId;
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER ExitTime;
    ULONG EndingThreads; ///< of ActiveThreads those that have begun to end; under Pcb.ProcessLock
    // Debugging, under the debugging framework's lock
    DEBUG_OBJECT* volatile DebugPort; ///< referenced; nullptr: no debugger. Others may look whether there is one
    BOOLEAN DebugKnown;               ///< the debugger was told of the process
    BOOLEAN NoDebugInherit;           ///< its children do not get its debug port
    EJOB* volatile Job;               ///< referenced; nullptr: none. Set once, under the jobs' lock
    LIST_ENTRY JobLinks;              ///< on the job's list; Flink nullptr: not, or no longer. Under the jobs' lock
};
using PEPROCESS = EPROCESS*;

/// The process whose address space the calling thread runs in: PsGetCurrentProcess for the floors below ps. @irql any
inline EPROCESS* MmCurrentProcess() { return CONTAINING_RECORD(KeGetCurrentThread()->ApcState.Process, EPROCESS, Pcb); }
