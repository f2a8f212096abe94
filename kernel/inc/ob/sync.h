// Dispatcher objects with handles: events, mutants, semaphores, timers, and waiting for what handles lead to.
//
// The body of each is the dispatcher object itself, so kernel code that has the object calls the Ke routines. A wait looks for the
// dispatcher header where the type says: at the body's start, somewhere in the body, or, for a type whose objects nobody can wait for,
// in an event that is always signaled.
// Pointers are the caller's. A Zw form is the same call in the name of kernel mode. IRQL: PASSIVE_LEVEL.
// In the books: "dispatcher objects", "synchronization mechanisms exported as services". DSP-22, OBJ-10, OBJ-12
#pragma once

#include "ke.h"
#include "ob/handles.h"

// Rights (documented values).
constexpr ACCESS_MASK EVENT_QUERY_STATE = 0x1;
constexpr ACCESS_MASK EVENT_MODIFY_STATE = 0x2;
constexpr ACCESS_MASK EVENT_ALL_ACCESS = STANDARD_RIGHTS_ALL | 0x3;
constexpr ACCESS_MASK MUTANT_QUERY_STATE = 0x1;
constexpr ACCESS_MASK MUTANT_ALL_ACCESS = STANDARD_RIGHTS_ALL | 0x1;
constexpr ACCESS_MASK SEMAPHORE_QUERY_STATE = 0x1;
constexpr ACCESS_MASK SEMAPHORE_MODIFY_STATE = 0x2;
constexpr ACCESS_MASK SEMAPHORE_ALL_ACCESS = STANDARD_RIGHTS_ALL | 0x3;
constexpr ACCESS_MASK TIMER_QUERY_STATE = 0x1;
constexpr ACCESS_MASK TIMER_MODIFY_STATE = 0x2;
constexpr ACCESS_MASK TIMER_ALL_ACCESS = STANDARD_RIGHTS_ALL | 0x3;
constexpr ACCESS_MASK KEYEDEVENT_WAIT = 0x1;
constexpr ACCESS_MASK KEYEDEVENT_WAKE = 0x2;
constexpr ACCESS_MASK KEYEDEVENT_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | 0x3;

/// What NtQueryEvent tells.
enum class EVENT_INFORMATION_CLASS : LONG { EventBasicInformation };
/// What NtQueryMutant tells.
enum class MUTANT_INFORMATION_CLASS : LONG { MutantBasicInformation };
/// What NtQuerySemaphore tells.
enum class SEMAPHORE_INFORMATION_CLASS : LONG { SemaphoreBasicInformation };
/// What NtQueryTimer tells.
enum class TIMER_INFORMATION_CLASS : LONG { TimerBasicInformation };

/// An event.
struct EVENT_BASIC_INFORMATION {
    EVENT_TYPE EventType;
    LONG EventState; ///< 0: not signaled
};
/// A mutant.
struct MUTANT_BASIC_INFORMATION {
    LONG CurrentCount; ///< 1: free; 0, -1 ...: owned once, twice ...
    BOOLEAN OwnedByCaller;
    BOOLEAN AbandonedState;
};
/// A semaphore.
struct SEMAPHORE_BASIC_INFORMATION {
    LONG CurrentCount;
    LONG MaximumCount;
};
/// A timer.
struct TIMER_BASIC_INFORMATION {
    LARGE_INTEGER RemainingTime; ///< 100 ns units; negative: it has expired so long ago
    BOOLEAN TimerState;          ///< whether it is signaled
};

using PTIMER_APC_ROUTINE = PVOID; ///< of user mode

#define OB_SERVICE(name, ...)                         \
    NTKERNELAPI NTSTATUS NTAPI Nt##name(__VA_ARGS__); \
    NTKERNELAPI NTSTATUS NTAPI Zw##name(__VA_ARGS__)

extern "C" {
NTKERNELAPI extern POBJECT_TYPE ExEventObjectType;
NTKERNELAPI extern POBJECT_TYPE ExMutantObjectType;
NTKERNELAPI extern POBJECT_TYPE ExSemaphoreObjectType;
NTKERNELAPI extern POBJECT_TYPE ExTimerObjectType;
extern POBJECT_TYPE ExKeyedEventObjectType;

/// Makes the types. @irql PASSIVE_LEVEL, boot
BOOLEAN NTAPI ObInitializeDispatcherTypes();

/// Makes an event. @returns as ObCreateObject and ObInsertObject; STATUS_INVALID_PARAMETER: the type
OB_SERVICE(CreateEvent, HANDLE* EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           EVENT_TYPE EventType, BOOLEAN InitialState);
/// @returns as ObOpenObjectByName, as the other NtOpen services
OB_SERVICE(OpenEvent, HANDLE* EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/// Change an event, by the Ke routine of that name. @param PreviousState may be nullptr
OB_SERVICE(SetEvent, HANDLE EventHandle, LONG* PreviousState);
OB_SERVICE(ResetEvent, HANDLE EventHandle, LONG* PreviousState);
OB_SERVICE(PulseEvent, HANDLE EventHandle, LONG* PreviousState);
OB_SERVICE(ClearEvent, HANDLE EventHandle);
/// @returns STATUS_SUCCESS; STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH, as the other query services
OB_SERVICE(QueryEvent, HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass, PVOID EventInformation,
           ULONG EventInformationLength, ULONG* ReturnLength);

/// Makes a mutant. @param InitialOwner the calling thread owns it
OB_SERVICE(CreateMutant, HANDLE* MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           BOOLEAN InitialOwner);
OB_SERVICE(OpenMutant, HANDLE* MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/// Releases one level of ownership. @returns also STATUS_MUTANT_NOT_OWNED
OB_SERVICE(ReleaseMutant, HANDLE MutantHandle, LONG* PreviousCount);
OB_SERVICE(QueryMutant, HANDLE MutantHandle, MUTANT_INFORMATION_CLASS MutantInformationClass, PVOID MutantInformation,
           ULONG MutantInformationLength, ULONG* ReturnLength);

/// Makes a semaphore. @returns also STATUS_INVALID_PARAMETER: counts
OB_SERVICE(CreateSemaphore, HANDLE* SemaphoreHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           LONG InitialCount, LONG MaximumCount);
OB_SERVICE(OpenSemaphore, HANDLE* SemaphoreHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/// Adds units. @returns also STATUS_SEMAPHORE_LIMIT_EXCEEDED; STATUS_INVALID_PARAMETER: ReleaseCount
OB_SERVICE(ReleaseSemaphore, HANDLE SemaphoreHandle, LONG ReleaseCount, LONG* PreviousCount);
OB_SERVICE(QuerySemaphore, HANDLE SemaphoreHandle, SEMAPHORE_INFORMATION_CLASS SemaphoreInformationClass,
           PVOID SemaphoreInformation, ULONG SemaphoreInformationLength, ULONG* ReturnLength);

/// Makes a timer that does not run. @returns also STATUS_INVALID_PARAMETER: the type
OB_SERVICE(CreateTimer, HANDLE* TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           TIMER_TYPE TimerType);
OB_SERVICE(OpenTimer, HANDLE* TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/// Starts a timer. @param TimerApcRoutine nullptr: user APCs come with user mode. @param WakeTimer not looked at: the machine does
/// not sleep. @param Period in milliseconds; 0: once. @param PreviousState receives whether it was signaled; may be nullptr.
/// @returns also STATUS_NOT_SUPPORTED: a TimerApcRoutine; STATUS_INVALID_PARAMETER: Period
OB_SERVICE(SetTimer, HANDLE TimerHandle, LARGE_INTEGER* DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext,
           BOOLEAN WakeTimer, LONG Period, BOOLEAN* PreviousState);
/// Stops it. @param CurrentState receives whether it is signaled; may be nullptr
OB_SERVICE(CancelTimer, HANDLE TimerHandle, BOOLEAN* CurrentState);
OB_SERVICE(QueryTimer, HANDLE TimerHandle, TIMER_INFORMATION_CLASS TimerInformationClass, PVOID TimerInformation,
           ULONG TimerInformationLength, ULONG* ReturnLength);

/// Makes a keyed event. @param Flags 0. @returns also STATUS_INVALID_PARAMETER_4
OB_SERVICE(CreateKeyedEvent, HANDLE* KeyedEventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           ULONG Flags);
OB_SERVICE(OpenKeyedEvent, HANDLE* KeyedEventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/// Meet at a key: each waits until a thread of the same process calls the other with the same key. One release lets one thread go on.
/// @param KeyedEventHandle nullptr: an event that all processes have. @param Key even; most callers take an address.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER_1: Key; as KeWaitForSingleObject
OB_SERVICE(WaitForKeyedEvent, HANDLE KeyedEventHandle, PVOID Key, BOOLEAN Alertable, LARGE_INTEGER* Timeout);
OB_SERVICE(ReleaseKeyedEvent, HANDLE KeyedEventHandle, PVOID Key, BOOLEAN Alertable, LARGE_INTEGER* Timeout);

/// Waits for the object of a handle that has the SYNCHRONIZE right. @param Timeout as of KeWaitForSingleObject. @returns as that
OB_SERVICE(WaitForSingleObject, HANDLE Handle, BOOLEAN Alertable, LARGE_INTEGER* Timeout);
/// Waits for one of several objects, or for all. @param Count 1..MAXIMUM_WAIT_OBJECTS. @returns as KeWaitForMultipleObjects;
/// STATUS_INVALID_PARAMETER_1: Count; STATUS_INVALID_PARAMETER_3: WaitType; STATUS_INVALID_PARAMETER_MIX: all, and one object twice
OB_SERVICE(WaitForMultipleObjects, ULONG Count, HANDLE* Handles, WAIT_TYPE WaitType, BOOLEAN Alertable,
           LARGE_INTEGER* Timeout);
/// Signals an event, a mutant or a semaphore, and waits for another object. @returns also STATUS_OBJECT_TYPE_MISMATCH
OB_SERVICE(SignalAndWaitForSingleObject, HANDLE SignalHandle, HANDLE WaitHandle, BOOLEAN Alertable,
           LARGE_INTEGER* Timeout);
}

#undef OB_SERVICE
