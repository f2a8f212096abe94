// Callback objects: drivers agree on a name, and one of them calls the routines that the others have registered.
//
// Invariant: a registration that is being called is not freed; ExUnregisterCallback returns when no thread runs the routine any more.
// Locks: CALLBACK_OBJECT::Lock. IRQL: making and registering PASSIVE_LEVEL, notifying <= DISPATCH_LEVEL.
// In the books: "callback objects". OBJ-12, EXE-01
#pragma once

#include "ke/spinlock.h"
#include "ob/names.h"

/// @irql that of the thread that notifies
using CALLBACK_FUNCTION = void NTAPI(PVOID CallbackContext, PVOID Argument1, PVOID Argument2);
using PCALLBACK_FUNCTION = CALLBACK_FUNCTION*;

/// An object with registered routines.
struct CALLBACK_OBJECT {
    KSPIN_LOCK Lock;
    LIST_ENTRY RegisteredCallbacks GUARDED_BY(Lock); ///< CALLBACK_REGISTRATION::Link
    BOOLEAN AllowMultipleCallbacks;
};
using PCALLBACK_OBJECT = CALLBACK_OBJECT*;

extern "C" {
NTKERNELAPI extern POBJECT_TYPE ExCallbackObjectType;

/// Makes the type. @irql PASSIVE_LEVEL, boot
BOOLEAN NTAPI ObInitializeCallbacks();
/// Opens a callback object by its name. @param CallbackObject receives it, referenced. @param Create makes it if there is none, or one
/// without a name; it keeps its name with OBJ_PERMANENT, as nothing has a handle to it. @param AllowMultipleCallbacks of a new one: more than one routine may be registered. @returns as
/// ObReferenceObjectByName and ObInsertObject. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ExCreateCallback(PCALLBACK_OBJECT* CallbackObject, POBJECT_ATTRIBUTES ObjectAttributes,
                                            BOOLEAN Create, BOOLEAN AllowMultipleCallbacks);
/// Registers a routine. @returns what ExUnregisterCallback wants; nullptr: one is registered already and there may be one only, or no
/// memory. @irql <= APC_LEVEL
NTKERNELAPI PVOID NTAPI ExRegisterCallback(PCALLBACK_OBJECT CallbackObject, PCALLBACK_FUNCTION CallbackFunction,
                                           PVOID CallbackContext);
/// Takes a registration back, and waits until its routine does not run any more. Not from within the routine. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI ExUnregisterCallback(PVOID CallbackRegistration);
/// Calls the registered routines, in the order of their registration. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI ExNotifyCallback(PVOID CallbackObject, PVOID Argument1, PVOID Argument2);
}
