// Debug objects: how one process follows another one (documented layouts).
//
// A process has a debug port: the debug object that its events go to. A thread that makes an event stops all others of its process and
// waits; the debugger takes the event (NtWaitForDebugEvent), looks at the process as long as it likes, and lets it go on
// (NtDebugContinue).
//
//     debuggee: event -> queue of the debug object ........................ goes on
//     debugger:          NtWaitForDebugEvent, memory, registers, NtDebugContinue
//
// Invariants: a process has at most one event that the debugger has taken and not continued. The last handle of a debug object that is
// closed frees its processes, or ends them (DEBUG_KILL_ON_CLOSE).
// IRQL: PASSIVE_LEVEL. In the books: "user-mode debugging framework", "exception dispatching". EXC-04, EXC-05, PRC-04
#pragma once

#include "ob/names.h"
#include "ps/peb.h"
#include "rtl/exception.h"

// Rights to a debug object (documented values).
constexpr ACCESS_MASK DEBUG_READ_EVENT = 0x1;
constexpr ACCESS_MASK DEBUG_PROCESS_ASSIGN = 0x2;
constexpr ACCESS_MASK DEBUG_SET_INFORMATION = 0x4;
constexpr ACCESS_MASK DEBUG_QUERY_INFORMATION = 0x8;
constexpr ACCESS_MASK DEBUG_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0xF;

constexpr ULONG DEBUG_KILL_ON_CLOSE = 0x1; ///< of NtCreateDebugObject (documented value)
/// Of NtCreateProcessEx: the new process's own children do not get its debug port (documented value).
constexpr ULONG PROCESS_CREATE_FLAGS_NO_DEBUG_INHERIT = 0x02;

/// What has happened (documented values).
enum class DBG_STATE : LONG {
    DbgIdle,
    DbgReplyPending,
    DbgCreateThreadStateChange,
    DbgCreateProcessStateChange,
    DbgExitThreadStateChange,
    DbgExitProcessStateChange,
    DbgExceptionStateChange,
    DbgBreakpointStateChange,
    DbgSingleStepStateChange,
    DbgLoadDllStateChange,
    DbgUnloadDllStateChange
};

/// An exception of user mode.
struct DBGKM_EXCEPTION {
    EXCEPTION_RECORD ExceptionRecord;
    ULONG FirstChance; ///< 0: the program did not handle it
};
/// A thread that begins.
struct DBGKM_CREATE_THREAD {
    ULONG SubSystemKey; ///< 0
    PVOID StartAddress;
};
/// A process that begins, with its first thread.
struct DBGKM_CREATE_PROCESS {
    ULONG SubSystemKey; ///< 0
    HANDLE FileHandle;  ///< nullptr: sections do not keep their file
    PVOID BaseOfImage;
    ULONG DebugInfoFileOffset; ///< 0
    ULONG DebugInfoSize;       ///< 0
    DBGKM_CREATE_THREAD InitialThread;
};
/// A thread that ends.
struct DBGKM_EXIT_THREAD {
    NTSTATUS ExitStatus;
};
/// A process that ends, with its last thread.
struct DBGKM_EXIT_PROCESS {
    NTSTATUS ExitStatus;
};
/// An image that was mapped.
struct DBGKM_LOAD_DLL {
    HANDLE FileHandle; ///< nullptr
    PVOID BaseOfDll;
    ULONG DebugInfoFileOffset; ///< 0
    ULONG DebugInfoSize;       ///< 0
    PVOID NamePointer;         ///< where the process has a pointer to the name; nullptr: nowhere
};
/// An image that was unmapped.
struct DBGKM_UNLOAD_DLL {
    PVOID BaseAddress;
};
/// With the handle that the debugger gets.
struct DBGUI_CREATE_THREAD {
    HANDLE HandleToThread;
    DBGKM_CREATE_THREAD NewThread;
};
/// With the handles that the debugger gets.
struct DBGUI_CREATE_PROCESS {
    HANDLE HandleToProcess;
    HANDLE HandleToThread;
    DBGKM_CREATE_PROCESS NewProcess;
};

/// What a debugger is told of an event.
struct DBGUI_WAIT_STATE_CHANGE {
    DBG_STATE NewState;
    CLIENT_ID AppClientId; ///< the thread that waits for NtDebugContinue
    union {
        DBGKM_EXCEPTION Exception; ///< also of breakpoints and single steps
        DBGUI_CREATE_THREAD CreateThread;
        DBGUI_CREATE_PROCESS CreateProcessInfo;
        DBGKM_EXIT_THREAD ExitThread;
        DBGKM_EXIT_PROCESS ExitProcess;
        DBGKM_LOAD_DLL LoadDll;
        DBGKM_UNLOAD_DLL UnloadDll;
    } StateInfo;
};
using PDBGUI_WAIT_STATE_CHANGE = DBGUI_WAIT_STATE_CHANGE*;
PUBLIC_SIZE(DBGUI_WAIT_STATE_CHANGE, 96);

/// What NtSetInformationDebugObject changes (documented values).
enum class DEBUGOBJECTINFOCLASS : LONG {
    DebugObjectFlags = 1 ///< ULONG: DEBUG_KILL_ON_CLOSE or 0
};

extern "C" {
/// Makes a debug object. @param Flags DEBUG_KILL_ON_CLOSE or 0. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the flags; as NtCreateEvent
NTKERNELAPI NTSTATUS NTAPI NtCreateDebugObject(HANDLE* DebugObjectHandle, ACCESS_MASK DesiredAccess,
                                               POBJECT_ATTRIBUTES ObjectAttributes, ULONG Flags);
/// Makes a debug object the port of a process that runs. What is there already is told as events: the process, its threads, its images.
/// @returns STATUS_SUCCESS; STATUS_ACCESS_DENIED: also the caller's own process and the system's; STATUS_PORT_ALREADY_SET;
/// STATUS_PROCESS_IS_TERMINATING; STATUS_DEBUGGER_INACTIVE; STATUS_INSUFFICIENT_RESOURCES; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtDebugActiveProcess(HANDLE ProcessHandle, HANDLE DebugObjectHandle);
/// Lets a process go: its events that wait are continued. @returns STATUS_SUCCESS; STATUS_PORT_NOT_SET: it is not the process's port; as
/// ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtRemoveProcessDebug(HANDLE ProcessHandle, HANDLE DebugObjectHandle);
/// Takes the next event. @param Timeout nullptr: for ever. @returns STATUS_SUCCESS; STATUS_TIMEOUT; STATUS_ALERTED, STATUS_USER_APC;
/// STATUS_DEBUGGER_INACTIVE; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtWaitForDebugEvent(HANDLE DebugObjectHandle, BOOLEAN Alertable, LARGE_INTEGER* Timeout,
                                               PDBGUI_WAIT_STATE_CHANGE WaitStateChange);
/// Lets the thread of an event go on. @param ContinueStatus DBG_CONTINUE; of an exception also DBG_EXCEPTION_HANDLED,
/// DBG_EXCEPTION_NOT_HANDLED, DBG_TERMINATE_THREAD, DBG_TERMINATE_PROCESS. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the status,
/// or no event of that thread was taken; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtDebugContinue(HANDLE DebugObjectHandle, PCLIENT_ID ClientId, NTSTATUS ContinueStatus);
/// Changes what happens to processes when the debug object's last handle is closed. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the
/// flags; STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtSetInformationDebugObject(HANDLE DebugObjectHandle,
                                                       DEBUGOBJECTINFOCLASS DebugObjectInformationClass,
                                                       PVOID DebugInformation, ULONG DebugInformationLength,
                                                       ULONG* ReturnLength);
}
