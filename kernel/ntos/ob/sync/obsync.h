// Private to ob/sync: what the services on dispatcher objects share.
#pragma once

#include "rtl/capture.h"
#include "ke.h"
#include "ob/obp.h"
#include "ob/sync.h"
#include "rtl/exception.h"
#include "rtl/string.h"

/// Makes an object, initializes its body, and gives it to the caller by a handle.
template <typename T, typename INITIALIZE>
NTSTATUS ObpCreateWaitable(HANDLE* handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, POBJECT_TYPE type,
                           INITIALIZE initialize) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    PVOID object;
    HANDLE made;
    NT_TRY(nt::Probe(mode, handle));
    NT_TRY(ObCreateObject(mode, type, attributes, mode, nullptr, sizeof(T), 0, 0, &object));
    initialize(static_cast<T*>(object));
    const NTSTATUS status = ObInsertObject(object, nullptr, access, 0, nullptr, &made);
    NT_TRY(status);
    NT_TRY(nt::Tell(mode, handle, made));
    return status; // STATUS_OBJECT_NAME_EXISTS tells more
}

/// Opens a named object for the caller.
inline NTSTATUS ObpOpenWaitable(HANDLE* handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, POBJECT_TYPE type) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE opened;
    NT_TRY(nt::Probe(mode, handle));
    NT_TRY(ObOpenObjectByName(attributes, type, mode, nullptr, access, nullptr, &opened));
    return nt::Tell(mode, handle, opened);
}

/// Calls a routine with the object of a handle; its result, a number, goes to the caller if it wants it.
template <typename T, typename RESULT, typename CHANGE>
NTSTATUS ObpChangeWaitable(HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, RESULT* callers, CHANGE change) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    NT_TRY(nt::ProbeOptional(mode, callers));
    nt::ObjectRef<T> object;
    NT_TRY(object.Open(handle, access, type, mode));
    RESULT result = {};
    NT_TRY(change(object.Get(), &result));
    return nt::TellOptional(mode, callers, result);
}

/// Describes the object of a handle, class 0.
template <typename T, typename INFORMATION, typename DESCRIBE>
NTSTATUS ObpQueryWaitable(HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, LONG informationClass, PVOID callers,
                          ULONG length, ULONG* returnLength, DESCRIBE describe) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    if (informationClass != 0) return STATUS_INVALID_INFO_CLASS;
    if (length != sizeof(INFORMATION)) return STATUS_INFO_LENGTH_MISMATCH;
    NT_TRY(RtlProbeCaller(mode, callers, sizeof(INFORMATION), alignof(ULONG)));
    NT_TRY(nt::ProbeOptional(mode, returnLength));
    nt::ObjectRef<T> object;
    NT_TRY(object.Open(handle, access, type, mode));
    INFORMATION told;
    RtlZeroMemory(&told, sizeof(told)); // padding tells nothing of the stack
    describe(object.Get(), &told);
    NT_TRY(RtlTellCaller(mode, callers, &told, sizeof(told)));
    return nt::TellOptional(mode, returnLength, ULONG(sizeof(told)));
}

/// Makes the type KeyedEvent, and the one of callers without a handle.
NTSTATUS ObpInitializeKeyedEvents();
/// Releases a mutant or adds units to a semaphore; what the Ke routine raises becomes a status. @param previous receives the count
NTSTATUS ObpReleaseMutant(PKMUTANT mutant, LONG* previous, bool wait);
NTSTATUS ObpReleaseSemaphore(PKSEMAPHORE semaphore, LONG count, LONG* previous, bool wait);
