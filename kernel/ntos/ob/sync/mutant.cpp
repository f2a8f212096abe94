// Services on mutants. DSP-04, DSP-22
#include "ob/sync/obsync.h"

namespace {
constexpr KPRIORITY MutantIncrement = 1; ///< boost of a thread that gets the mutant
}

NTSTATUS ObpReleaseMutant(PKMUTANT mutant, LONG* previous, bool wait) {
    __try {
        *previous = KeReleaseMutant(mutant, MutantIncrement, FALSE, wait);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode(); // the caller does not own it
    }
    return STATUS_SUCCESS;
}

extern "C" {

NTSTATUS NTAPI NtCreateMutant(HANDLE* MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              BOOLEAN InitialOwner) {
    return ObpCreateWaitable<KMUTANT>(MutantHandle, DesiredAccess, ObjectAttributes, ExMutantObjectType,
                                      [&](PKMUTANT mutant) { KeInitializeMutant(mutant, InitialOwner); });
}

NTSTATUS NTAPI NtOpenMutant(HANDLE* MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes) {
    return ObpOpenWaitable(MutantHandle, DesiredAccess, ObjectAttributes, ExMutantObjectType);
}

NTSTATUS NTAPI NtReleaseMutant(HANDLE MutantHandle, LONG* PreviousCount) {
    return ObpChangeWaitable<KMUTANT>(
        MutantHandle, 0, ExMutantObjectType, PreviousCount,
        [](PKMUTANT mutant, LONG* before) { return ObpReleaseMutant(mutant, before, false); });
}

NTSTATUS NTAPI NtQueryMutant(HANDLE MutantHandle, MUTANT_INFORMATION_CLASS MutantInformationClass,
                             PVOID MutantInformation, ULONG MutantInformationLength, ULONG* ReturnLength) {
    return ObpQueryWaitable<KMUTANT, MUTANT_BASIC_INFORMATION>(
        MutantHandle, MUTANT_QUERY_STATE, ExMutantObjectType, LONG(MutantInformationClass), MutantInformation,
        MutantInformationLength, ReturnLength, [](PKMUTANT mutant, MUTANT_BASIC_INFORMATION* told) {
            told->CurrentCount = KeReadStateMutant(mutant);
            told->OwnedByCaller = mutant->OwnerThread == KeGetCurrentThread();
            told->AbandonedState = mutant->Abandoned;
        });
}
}
