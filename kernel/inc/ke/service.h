// System services: the tables of routines that user mode may call by number.
//
// A number says table and place: bits 12-13 and 0-11. Table 0 is the kernel's (kernel/services/services.def); 1 is kept for the
// windowing subsystem. A service takes its arguments from its own stack, where the dispatcher has copied them: each was one word in the
// caller's memory, read once. What they point to, a service looks at inside a __try, through rtl/useraccess.h; whether it must,
// KeGetPreviousMode says.
// In the books: "system service dispatching", "system service tables". TRP-04, TRP-05
#pragma once

#include "ntstatus.h"

constexpr ULONG NUMBER_SERVICE_TABLES = 4;

/// A table of services (documented layout).
/// shared: written once, before a thread can use it
struct KSERVICE_TABLE_DESCRIPTOR {
    const ULONG_PTR* Base; ///< addresses of the routines
    ULONG* Count;          ///< nullptr: calls are not counted
    ULONG Limit;           ///< services
    const UCHAR* Number;   ///< bytes of arguments of each
};

/// Where user mode's system library has what the kernel calls, and its ways into the kernel. One library, at one address in every process;
/// 0: there is none. What each finds on its stack, the implementations say (ke/i386/userapc.cpp, userexceptn.cpp).
struct KUSER_ENTRY_POINTS {
    ULONG_PTR KiUserApcDispatcher;
    ULONG_PTR KiUserExceptionDispatcher;
    ULONG_PTR KiRaiseUserExceptionDispatcher;
    ULONG_PTR KiFastSystemCall;    ///< edx = esp, sysenter
    ULONG_PTR KiIntSystemCall;     ///< edx = esp + 8, int 2Eh, ret
    ULONG_PTR KiFastSystemCallRet; ///< where sysexit goes to: a ret
};

struct CONTEXT;
struct EXCEPTION_RECORD;
struct UNICODE_STRING;

extern "C" {
NTKERNELAPI extern KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[NUMBER_SERVICE_TABLES];

/// Registers a table. @param Index 1 to 3. @returns FALSE: there is one. @irql PASSIVE_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeAddSystemServiceTable(const ULONG_PTR* Base, ULONG* Count, ULONG Limit, const UCHAR* Number,
                                                  ULONG Index);
/// Says where the library has its entry points, before the first thread uses them. Chooses between the two ways into the kernel by the
/// processor, and tells user mode (KUSER_SHARED_DATA::SystemCall). @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI KeSetUserEntryPoints(const KUSER_ENTRY_POINTS* EntryPoints);

/// The service that the calling thread is in shall end with an exception in user mode: KiRaiseUserExceptionDispatcher runs there, called as
/// it were where the service returns to, with the code in the TEB. @returns the code, for the service to return. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI KeRaiseUserException(NTSTATUS ExceptionCode);

// The kernel layer's own services. Each contract is in services.def; pointers of user mode give STATUS_ACCESS_VIOLATION and
// STATUS_DATATYPE_MISALIGNMENT. @irql PASSIVE_LEVEL
/// @returns STATUS_SUCCESS; STATUS_ALERTED, STATUS_USER_APC: it ended early
NTKERNELAPI NTSTATUS NTAPI NtDelayExecution(BOOLEAN Alertable, LARGE_INTEGER* DelayInterval);
/// @returns STATUS_SUCCESS; STATUS_NO_YIELD_PERFORMED
NTKERNELAPI NTSTATUS NTAPI NtYieldExecution();
/// @returns STATUS_SUCCESS; STATUS_ALERTED
NTKERNELAPI NTSTATUS NTAPI NtTestAlert();
/// Returns only if it fails, or to what the context says. @returns STATUS_INVALID_PARAMETER: the kernel calls
NTKERNELAPI NTSTATUS NTAPI NtContinue(CONTEXT* Context, BOOLEAN TestAlert);
/// Returns only if it fails. @returns STATUS_INVALID_PARAMETER: the record's parameters, or the kernel calls
NTKERNELAPI NTSTATUS NTAPI NtRaiseException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context, BOOLEAN FirstChance);
/// Shows text on the debugger's terminal. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: its lengths
NTKERNELAPI NTSTATUS NTAPI NtDisplayString(UNICODE_STRING* String);
/// @returns STATUS_SUCCESS
NTKERNELAPI NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER* SystemTime);
NTKERNELAPI NTSTATUS NTAPI NtQueryPerformanceCounter(LARGE_INTEGER* PerformanceCounter,
                                                     LARGE_INTEGER* PerformanceFrequency);
}
