// Private to ps.
#pragma once

#include "ex.h"
#include "mm/section.h"
#include "ps.h"
#include "ps/information.h"

constexpr ULONG PS_APC_TAG = EX_TAG("Psap");
constexpr ULONG PS_PARAMETERS_TAG = EX_TAG("Pspa");
constexpr ULONG SYSTEM_PROCESS_ID = 4;
constexpr ULONG ID_STEP = 4; ///< process and thread IDs are multiples of four

/// The next process or thread ID: both come from one sequence, so no two objects share one. @irql any
ULONG PspNextId();
/// The IDs of a thread and its process. @irql any
CLIENT_ID PspClientIdOf(const ETHREAD* Thread);

// ---- threads: thread.cpp

/// A thread object in a process that goes on existing for it, and a kernel stack, whose highest address `Stack` receives.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the priority; STATUS_PROCESS_IS_TERMINATING; STATUS_INSUFFICIENT_RESOURCES
NTSTATUS PspAllocateThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority, PVOID* Stack);
/// Lets it begin with a routine of the kernel.
void PspInitializeSystemThread(PETHREAD Thread, PVOID Stack, PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// Gives a thread back that shall not run after all.
void PspAbandonThread(PETHREAD Thread, PVOID Stack);
/// Makes an initialized thread ready. @param ToCaller receives it, referenced; nullptr: nobody keeps it.
void PspRunThread(PETHREAD Thread, KPRIORITY Priority, PVOID StartAddress, PETHREAD* ToCaller);
/// Ends the calling thread, whose exception in user mode nobody has handled, with the exception's code; a process with an image ends as a
/// whole: userthread.cpp
void NTAPI PspEndAfterException(const EXCEPTION_RECORD* Record);

// ---- the end of a thread: threadexit.cpp

/// A thread of a process comes into being. @returns STATUS_SUCCESS; STATUS_PROCESS_IS_TERMINATING. @irql <= DISPATCH_LEVEL
NTSTATUS PspJoinProcess(EPROCESS* Process);
/// A thread will not use the process's memory and handles any more. @param Ran it was a thread already. @returns whether it was the last
/// one, and cleans up. @irql <= DISPATCH_LEVEL
bool PspLeaveProcess(EPROCESS* Process, bool Ran);
/// The calling thread. @irql any
inline PETHREAD PspCurrentThread() { return CONTAINING_RECORD(KeGetCurrentThread(), ETHREAD, Tcb); }
/// Ends the calling thread. @irql PASSIVE_LEVEL
[[noreturn]] void PspExitThread(NTSTATUS ExitStatus);
/// Tells a thread of user mode to end, also the calling one: it does when it leaves the kernel. @returns STATUS_SUCCESS;
/// STATUS_THREAD_IS_TERMINATING. @irql PASSIVE_LEVEL
NTSTATUS PspAskThreadToEnd(PETHREAD Thread, NTSTATUS ExitStatus);
/// Starts the reaper, the thread that frees the stacks of ended threads (a thread cannot free the stack that it stands on).
NTSTATUS PspInitializeReaper();
/// Hands an ending thread to the reaper. Called by that thread, as its last act but KeTerminateThread.
void PspQueueToReaper(PETHREAD Thread);

// ---- processes: createprocess.cpp, imageprocess.cpp, processexit.cpp

/// Makes a process without image and threads. @param InheritHandles from the parent. @param ImageName its first 15 characters; nullptr:
/// none. @param Process receives it, referenced. @returns STATUS_SUCCESS; STATUS_PROCESS_IS_TERMINATING; STATUS_INSUFFICIENT_RESOURCES
NTSTATUS PspMakeProcess(EPROCESS* Parent, bool InheritHandles, PCUNICODE_STRING ImageName, EPROCESS** Process);
/// The same with an image. @param Section of an image. @param DebugPort may be nullptr. @returns as NtCreateProcessEx
NTSTATUS PspCreateImageProcess(EPROCESS* Parent, bool InheritHandles, SECTION* Section, DEBUG_OBJECT* DebugPort,
                               EPROCESS** Process);
/// Makes a process's threads end; without threads, ends the process here. @irql PASSIVE_LEVEL
void PspTerminateProcess(EPROCESS* Process, NTSTATUS ExitStatus);
/// The last thread's duty: handles and address space. @irql PASSIVE_LEVEL
void PspExitProcess(EPROCESS* Process, NTSTATUS ExitStatus);
void PspCleanProcess(EPROCESS* Process);
/// What attributes of a new process or thread say about its handle. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER;
/// STATUS_OBJECT_NAME_INVALID; as RtlCaptureFromCaller
NTSTATUS PspCaptureHandleAttributes(KPROCESSOR_MODE Mode, const OBJECT_ATTRIBUTES* Attributes, ULONG* Captured);
/// Attributes of a kernel handle: initialprocess.cpp
POBJECT_ATTRIBUTES PspKernelHandle();

// ---- which processes there are: createprocess.cpp, lookup.cpp

extern KSPIN_LOCK PspActiveProcessLock; ///< guards PsActiveProcessHead
/// The process behind one on the list, referenced. @param Process nullptr: the first is wanted; its reference is given back.
/// @returns nullptr: there is none more. @irql PASSIVE_LEVEL
EPROCESS* PspNextProcess(EPROCESS* Process);

// ---- user memory: usermemory.cpp, peb.cpp, teb.cpp

/// Allocates zeros in the current address space, as high as there is room. @returns as NtAllocateVirtualMemory
NTSTATUS PspAllocateUser(SIZE_T Bytes, PVOID* Memory);
void PspFreeUser(PVOID Memory);
/// Copies; the memory may have changed or gone. @returns STATUS_SUCCESS; what the access raised
NTSTATUS PspWriteUser(PVOID To, const void* From, SIZE_T Bytes);
NTSTATUS PspReadUser(PVOID To, const void* From, SIZE_T Bytes);
/// Makes EPROCESS::Peb. The image is mapped.
NTSTATUS PspCreatePeb(EPROCESS* Process);
/// Makes ETHREAD::Teb.
NTSTATUS PspCreateTeb(PETHREAD Thread, const INITIAL_TEB& Stack);
/// Frees it, and the stack if the program asks for that. The thread is the calling one, or does not run yet.
void PspDeleteTeb(PETHREAD Thread);

// ---- the system library: systemdll.cpp

/// What the kernel knows of ntdll.dll.
struct PSP_SYSTEM_DLL {
    SECTION* Section; ///< nullptr: there is none
    PVOID Base;       ///< in every process
    ULONG_PTR LdrInitializeThunk;
    ULONG_PTR RtlUserThreadStart;
};
extern PSP_SYSTEM_DLL PspSystemDll;
/// Gives a process its view of it. @returns STATUS_SUCCESS; STATUS_DLL_NOT_FOUND; as MmMapViewOfSection
NTSTATUS PspMapSystemDll(EPROCESS* Process);

// ---- what is told of processes: queryprocess.cpp

/// Clock ticks of all threads that a process has or had. @irql <= DISPATCH_LEVEL
void PspQueryRuntime(EPROCESS* Process, ULONG* KernelTicks, ULONG* UserTicks);
VM_COUNTERS PspVmCountersOf(const EPROCESS* Process);

// ---- types.cpp

/// Makes PsProcessType and PsThreadType, and tells the floors below where a process has its handles and its quota. Boot.
NTSTATUS PspCreateTypes();
/// Their delete procedures.
extern OB_DELETE_METHOD PspDeleteProcessObject;
extern OB_DELETE_METHOD PspDeleteThreadObject;
