// Waiting for the objects of handles.
//
// The objects are referenced for as long as the thread waits: other threads may close the handles meanwhile.
// In the books: "waiting for dispatcher objects". DSP-13, DSP-16, DSP-22
#include "ob/sync/obsync.h"

namespace {

constexpr ULONG OB_WAIT_TAG = EX_TAG("ObWa");

/// The dispatcher header of an object; of one that nobody can wait for, an event that is always signaled.
PVOID WaitableOf(PVOID object) {
    PVOID const elsewhere = ObGetObjectType(object)->DefaultObject;
    const auto offset = reinterpret_cast<ULONG_PTR>(elsewhere);
    return offset < PAGE_SIZE ? static_cast<UCHAR*>(object) + offset : elsewhere; // ObWaitableAt
}

/// The caller's time-out. @param chosen receives &time, or nullptr: for ever
NTSTATUS CaptureTimeout(KPROCESSOR_MODE mode, const LARGE_INTEGER* callers, LARGE_INTEGER* time,
                        LARGE_INTEGER** chosen) {
    *chosen = callers ? time : nullptr;
    return nt::CaptureOptional(mode, time, callers);
}

/// Waits in a __try: what the Ke routine raises, a mutant that is owned too often, becomes a status.
NTSTATUS WaitForOne(PVOID object, KPROCESSOR_MODE mode, BOOLEAN alertable, LARGE_INTEGER* timeout) {
    __try {
        return KeWaitForSingleObject(WaitableOf(object), KWAIT_REASON::UserRequest, mode, alertable, timeout);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
}

NTSTATUS WaitForSeveral(ULONG count, PVOID* waitables, WAIT_TYPE type, KPROCESSOR_MODE mode, BOOLEAN alertable,
                        LARGE_INTEGER* timeout, KWAIT_BLOCK* blocks) {
    __try {
        return KeWaitForMultipleObjects(count, waitables, type, KWAIT_REASON::UserRequest, mode, alertable, timeout,
                                        blocks);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
}

/// The objects of a wait for several: too many for a kernel stack.
struct SEVERAL {
    HANDLE Handles[MAXIMUM_WAIT_OBJECTS];
    PVOID Objects[MAXIMUM_WAIT_OBJECTS]; ///< referenced
    PVOID Waitables[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS];
    ULONG Referenced;
};

/// References the objects of the handles. @returns why one could not; those before it are referenced
NTSTATUS Reference(SEVERAL& several, ULONG count, KPROCESSOR_MODE mode) {
    for (ULONG& i = several.Referenced; i < count; i++) {
        NT_TRY(ObReferenceObjectByHandle(several.Handles[i], SYNCHRONIZE, nullptr, mode, &several.Objects[i], nullptr));
        several.Waitables[i] = WaitableOf(several.Objects[i]);
    }
    return STATUS_SUCCESS;
}

bool HasTwice(const SEVERAL& several, ULONG count) {
    for (ULONG i = 0; i < count; i++) {
        for (ULONG j = 0; j < i; j++) {
            if (several.Waitables[i] == several.Waitables[j]) return true;
        }
    }
    return false;
}

NTSTATUS WaitFor(SEVERAL& several, ULONG count, HANDLE* handles, WAIT_TYPE type, BOOLEAN alertable,
                 LARGE_INTEGER* callersTimeout) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER time, *timeout;
    NT_TRY(CaptureTimeout(mode, callersTimeout, &time, &timeout));
    NT_TRY(RtlCaptureFromCaller(mode, several.Handles, handles, count * sizeof(HANDLE), alignof(ULONG)));
    NT_TRY(Reference(several, count, mode));
    if (type == WAIT_TYPE::WaitAll && HasTwice(several, count)) return STATUS_INVALID_PARAMETER_MIX;
    return WaitForSeveral(count, several.Waitables, type, mode, alertable, timeout, several.Blocks);
}

/// Signals an object, for a wait that follows.
NTSTATUS Signal(PVOID object, POBJECT_TYPE type, ACCESS_MASK granted, KPROCESSOR_MODE mode) {
    LONG before;
    const bool mayModify = mode == KernelMode || (granted & EVENT_MODIFY_STATE) != 0;
    static_assert(EVENT_MODIFY_STATE == SEMAPHORE_MODIFY_STATE);
    if (type == ExMutantObjectType) return ObpReleaseMutant(static_cast<PKMUTANT>(object), &before, false);
    if (type != ExEventObjectType && type != ExSemaphoreObjectType) return STATUS_OBJECT_TYPE_MISMATCH;
    if (!mayModify) return STATUS_ACCESS_DENIED;
    if (type == ExSemaphoreObjectType) return ObpReleaseSemaphore(static_cast<PKSEMAPHORE>(object), 1, &before, false);
    (void)KeSetEvent(static_cast<PKEVENT>(object), 1, FALSE);
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, LARGE_INTEGER* Timeout) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER time, *timeout;
    NT_TRY(CaptureTimeout(mode, Timeout, &time, &timeout));
    nt::ObjectRef<void> object;
    NT_TRY(object.Open(Handle, SYNCHRONIZE, nullptr, mode));
    return WaitForOne(object.Get(), mode, Alertable, timeout);
}

NTSTATUS NTAPI NtWaitForMultipleObjects(ULONG Count, HANDLE* Handles, WAIT_TYPE WaitType, BOOLEAN Alertable,
                                        LARGE_INTEGER* Timeout) {
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS) return STATUS_INVALID_PARAMETER_1;
    if (WaitType != WAIT_TYPE::WaitAny && WaitType != WAIT_TYPE::WaitAll) return STATUS_INVALID_PARAMETER_3;
    auto* const several = static_cast<SEVERAL*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(SEVERAL), OB_WAIT_TAG));
    if (!several) return STATUS_INSUFFICIENT_RESOURCES;
    several->Referenced = 0;
    const NTSTATUS status = WaitFor(*several, Count, Handles, WaitType, Alertable, Timeout);
    while (several->Referenced != 0)
        (void)ObfDereferenceObject(several->Objects[--several->Referenced]);
    ExFreePoolWithTag(several, OB_WAIT_TAG);
    return status;
}

NTSTATUS NTAPI NtSignalAndWaitForSingleObject(HANDLE SignalHandle, HANDLE WaitHandle, BOOLEAN Alertable,
                                              LARGE_INTEGER* Timeout) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER time, *timeout;
    NT_TRY(CaptureTimeout(mode, Timeout, &time, &timeout));
    PVOID object;
    OBJECT_HANDLE_INFORMATION information;
    NT_TRY(ObReferenceObjectByHandle(SignalHandle, 0, nullptr, mode, &object, &information));
    const nt::ObjectRef<void> signaled(object);
    nt::ObjectRef<void> awaited;
    NT_TRY(awaited.Open(WaitHandle, SYNCHRONIZE, nullptr, mode));
    NT_TRY(Signal(object, ObGetObjectType(object), information.GrantedAccess, mode));
    return WaitForOne(awaited.Get(), mode, Alertable, timeout);
}
}
