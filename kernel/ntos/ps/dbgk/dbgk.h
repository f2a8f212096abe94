// The debugging framework: what the rest of ps tells it, and what its own files share.
#pragma once

#include "nt/list.h"
#include "ps/debug.h"
#include "ps/psp.h"

/// Where the events of processes wait for their debugger. An object of DbgkDebugObjectType.
/// shared: all but the event itself under DbgkpLock
struct DEBUG_OBJECT {
    KEVENT EventsPresent; ///< signaled while an event can be taken, or none will come any more
    LIST_ENTRY EventList; ///< of DEBUG_EVENT, in the order in which they came
    BOOLEAN KillOnClose;
    BOOLEAN Inactive; ///< its last handle was closed
};

using DEBUG_EVENT_INFO = decltype(DBGUI_WAIT_STATE_CHANGE::StateInfo);

/// One event. On the stack of the thread that waits for the answer; from pool if no thread waits.
/// shared: under DbgkpLock while it is in a list
struct DEBUG_EVENT {
    LIST_ENTRY EventList;
    PETHREAD Thread; ///< that the event is about; referenced if it does not wait
    BOOLEAN Waits;
    BOOLEAN Taken; ///< by the debugger
    KEVENT Answered;
    NTSTATUS Answer;
    DBG_STATE State;
    DEBUG_EVENT_INFO Info; ///< without handles
};

extern POBJECT_TYPE DbgkDebugObjectType;

// ---- for processes and threads as they come and go: report.cpp, attach.cpp

/// Makes the type, and tells the floors below who is asked about exceptions and images. Boot.
NTSTATUS DbgkInitialize();
/// The calling thread is about to go to user mode for the first time. @irql PASSIVE_LEVEL
void DbgkCreateThread(PETHREAD Thread);
/// The calling thread ends; it still counts as one of its process. @irql PASSIVE_LEVEL
void DbgkExitThread(PETHREAD Thread, NTSTATUS ExitStatus);
/// Gives a new process its debug port: the one that its creator names, or else its parent's. @param Port may be nullptr.
/// @returns STATUS_SUCCESS; STATUS_DEBUGGER_INACTIVE. @irql PASSIVE_LEVEL
NTSTATUS DbgkSetPortOfNewProcess(EPROCESS* Process, EPROCESS* Parent, DEBUG_OBJECT* Port);

// ---- for the floors below ps: report.cpp

/// What MmSetImageViewRoutine registers: the calling thread has mapped or unmapped an image.
void NTAPI DbgkReportImageView(PVOID BaseAddress, BOOLEAN Mapped);
/// What KeSetUserDebugger registers. @returns whether the debugger has handled the exception. @irql PASSIVE_LEVEL
BOOLEAN NTAPI DbgkForwardException(const EXCEPTION_RECORD* ExceptionRecord, BOOLEAN FirstChance);

// ---- among the framework's files

/// Guards the debug ports of processes, debug objects and events.
extern FAST_MUTEX DbgkpLock;

/// Takes a process's port away if it is this one, and answers its events. @returns whether it was. @irql PASSIVE_LEVEL
bool DbgkpDetach(EPROCESS* Process, DEBUG_OBJECT* Object);

// events.cpp. DbgkpLock is held.

/// Makes EventsPresent what it should be.
void DbgkpPublish(DEBUG_OBJECT* Object);
/// Puts an event behind the others.
void DbgkpQueue(DEBUG_OBJECT* Object, DEBUG_EVENT* Event);
/// Queues an event for which no thread waits. @returns STATUS_SUCCESS; STATUS_INSUFFICIENT_RESOURCES
NTSTATUS DbgkpQueueCopy(DEBUG_OBJECT* Object, PETHREAD Thread, DBG_STATE State, const DEBUG_EVENT_INFO& Info);
/// Answers all events of a process.
void DbgkpAnswerAll(DEBUG_OBJECT* Object, const EPROCESS* Process, NTSTATUS Answer);
