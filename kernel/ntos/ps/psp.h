// Private to ps.
#pragma once

#include "ex.h"
#include "ps.h"

constexpr ULONG PS_APC_TAG = EX_TAG("Psap");
constexpr ULONG SYSTEM_PROCESS_ID = 4;
constexpr ULONG ID_STEP = 4; ///< process and thread IDs are multiples of four

/// The next process or thread ID: both come from one sequence, so no two objects share one. @irql any
ULONG PspNextId();
/// A thread object in a process that goes on existing for it, and a kernel stack, whose highest address `Stack` receives.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the priority; STATUS_PROCESS_IS_TERMINATING; STATUS_INSUFFICIENT_RESOURCES
NTSTATUS PspAllocateThread(PETHREAD* Thread, EPROCESS* Process, PCSTR Name, KPRIORITY Priority, PVOID* Stack);
/// Lets it begin with a routine of the kernel.
void PspInitializeSystemThread(PETHREAD Thread, PVOID Stack, PKSTART_ROUTINE StartRoutine, PVOID StartContext);
/// Gives a thread back that shall not run after all.
void PspAbandonThread(PETHREAD Thread, PVOID Stack);
/// Makes an initialized thread ready. @param ToCaller receives it, referenced; nullptr: nobody keeps it.
void PspRunThread(PETHREAD Thread, KPRIORITY Priority, PVOID StartAddress, PETHREAD* ToCaller);
/// Makes PsProcessType and PsThreadType, and tells the floors below where a process has its handles and its quota. Boot.
NTSTATUS PspCreateTypes();
/// Their delete procedures.
extern OB_DELETE_METHOD PspDeleteProcessObject;
extern OB_DELETE_METHOD PspDeleteThreadObject;
/// Ends the calling thread, whose exception in user mode nobody has handled, with the exception's code.
void NTAPI PspEndAfterException(const EXCEPTION_RECORD* Record);
/// Starts the reaper, the thread that frees the stacks of ended threads (a thread cannot free the stack that it stands on).
NTSTATUS PspInitializeReaper();
/// Hands an ending thread to the reaper. Called by that thread, as its last act but KeTerminateThread.
void PspQueueToReaper(PETHREAD Thread);
