// Services on semaphores. DSP-05, DSP-22
#include "ob/sync/obsync.h"

namespace {
constexpr KPRIORITY SemaphoreIncrement = 1; ///< boost of a thread that gets a unit
}

NTSTATUS ObpReleaseSemaphore(PKSEMAPHORE semaphore, LONG count, LONG* previous, bool wait) {
    __try {
        *previous = KeReleaseSemaphore(semaphore, SemaphoreIncrement, count, wait);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode(); // beyond the limit
    }
    return STATUS_SUCCESS;
}

extern "C" {

NTSTATUS NTAPI NtCreateSemaphore(HANDLE* SemaphoreHandle, ACCESS_MASK DesiredAccess,
                                 POBJECT_ATTRIBUTES ObjectAttributes, LONG InitialCount, LONG MaximumCount) {
    if (MaximumCount <= 0 || InitialCount < 0 || InitialCount > MaximumCount) return STATUS_INVALID_PARAMETER;
    return ObpCreateWaitable<KSEMAPHORE>(
        SemaphoreHandle, DesiredAccess, ObjectAttributes, ExSemaphoreObjectType,
        [&](PKSEMAPHORE semaphore) { KeInitializeSemaphore(semaphore, InitialCount, MaximumCount); });
}

NTSTATUS NTAPI NtOpenSemaphore(HANDLE* SemaphoreHandle, ACCESS_MASK DesiredAccess,
                               POBJECT_ATTRIBUTES ObjectAttributes) {
    return ObpOpenWaitable(SemaphoreHandle, DesiredAccess, ObjectAttributes, ExSemaphoreObjectType);
}

NTSTATUS NTAPI NtReleaseSemaphore(HANDLE SemaphoreHandle, LONG ReleaseCount, LONG* PreviousCount) {
    if (ReleaseCount <= 0) return STATUS_INVALID_PARAMETER;
    return ObpChangeWaitable<KSEMAPHORE>(SemaphoreHandle, SEMAPHORE_MODIFY_STATE, ExSemaphoreObjectType, PreviousCount,
                                         [&](PKSEMAPHORE semaphore, LONG* before) {
                                             return ObpReleaseSemaphore(semaphore, ReleaseCount, before, false);
                                         });
}

NTSTATUS NTAPI NtQuerySemaphore(HANDLE SemaphoreHandle, SEMAPHORE_INFORMATION_CLASS SemaphoreInformationClass,
                                PVOID SemaphoreInformation, ULONG SemaphoreInformationLength, ULONG* ReturnLength) {
    return ObpQueryWaitable<KSEMAPHORE, SEMAPHORE_BASIC_INFORMATION>(
        SemaphoreHandle, SEMAPHORE_QUERY_STATE, ExSemaphoreObjectType, LONG(SemaphoreInformationClass),
        SemaphoreInformation, SemaphoreInformationLength, ReturnLength,
        [](PKSEMAPHORE semaphore, SEMAPHORE_BASIC_INFORMATION* told) {
            told->CurrentCount = KeReadStateSemaphore(semaphore);
            told->MaximumCount = semaphore->Limit;
        });
}
}
