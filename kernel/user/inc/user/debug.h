// Messages and breakpoints of programs, and what debuggers call.
//
// A thread that debugs has a debug object, which its TEB names (DbgSsReserved[1]); the DbgUi routines use that one.
// In the books: "native applications", "user-mode debugging framework". TOL-07, EXC-04
#pragma once

#include "ntstatus.h"
#include "ps/debug.h"

extern "C" {
/// Prints on the system's console (NtDisplayString): at most 512 characters at a time. The format is that of RtlStringCbPrintf.
/// @returns a status
NTKERNELAPI ULONG CDECL DbgPrint(PCSTR Format, ...) __attribute__((format(printf, 1, 2)));
/// Raises STATUS_BREAKPOINT.
NTKERNELAPI void NTAPI DbgBreakPoint();

/// Makes the calling thread's debug object, if it has none; its processes end with it. @returns STATUS_SUCCESS; as NtCreateDebugObject
NTKERNELAPI NTSTATUS NTAPI DbgUiConnectToDbg();
/// @returns it; nullptr: there is none
NTKERNELAPI HANDLE NTAPI DbgUiGetThreadDebugObject();
/// The thread uses this one from now on.
NTKERNELAPI void NTAPI DbgUiSetThreadDebugObject(HANDLE DebugObject);
/// Takes the next event. @returns as NtWaitForDebugEvent
NTKERNELAPI NTSTATUS NTAPI DbgUiWaitStateChange(DBGUI_WAIT_STATE_CHANGE* StateChange, LARGE_INTEGER* Timeout);
/// Answers an event. @returns as NtDebugContinue
NTKERNELAPI NTSTATUS NTAPI DbgUiContinue(CLIENT_ID* AppClientId, NTSTATUS ContinueStatus);
/// Debugs a process that runs, and makes it stop. @returns as NtDebugActiveProcess, RtlCreateUserThread
NTKERNELAPI NTSTATUS NTAPI DbgUiDebugActiveProcess(HANDLE Process);
/// Lets a process go. @returns as NtRemoveProcessDebug
NTKERNELAPI NTSTATUS NTAPI DbgUiStopDebugging(HANDLE Process);
/// Makes a process stop: a thread of its own meets a breakpoint. @returns as RtlCreateUserThread
NTKERNELAPI NTSTATUS NTAPI DbgUiIssueRemoteBreakin(HANDLE Process);
/// What that thread runs.
NTKERNELAPI NTSTATUS NTAPI DbgUiRemoteBreakin(PVOID Context);
}
