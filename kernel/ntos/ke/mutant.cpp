// Mutants: mutual exclusion with an owner, who may own more than once.
//
// SignalState: 1 free, 0 owned once, -1 owned twice, ... A mutant whose owner ends without releasing it is abandoned:
// it becomes free, and the next wait succeeds with STATUS_ABANDONED, so that the new owner knows to distrust the data.
// Invariant: OwnerThread is set, and the mutant is on that thread's MutantListHead, exactly while SignalState <= 0.
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: mutants". DSP-04
#include "ke/ki.h"
#include "rtl/exception.h"

namespace {

constexpr KPRIORITY MutantIncrement = 1; ///< boost of who gets an abandoned mutant (MUTANT_INCREMENT)

void SetFree(KMUTANT* mutant) REQUIRES_(KiDispatcherLock) {
    mutant->Header.SignalState = 1;
    mutant->OwnerThread = nullptr;
    RemoveEntryList(&mutant->MutantListEntry);
}

} // namespace

void NTAPI KeInitializeMutant(PKMUTANT Mutant, BOOLEAN InitialOwner) {
    Mutant->Header.Type = KOBJECTS::MutantObject;
    Mutant->Header.Size = sizeof(KMUTANT) / sizeof(ULONG);
    Mutant->Header.Inserted = FALSE;
    Mutant->Header.DebugActive = FALSE;
    Mutant->Header.SignalState = 1;
    InitializeListHead(&Mutant->Header.WaitListHead);
    Mutant->OwnerThread = nullptr;
    Mutant->Abandoned = FALSE;
    Mutant->ApcDisable = 0;
    if (InitialOwner) {
        KiDispatcherGuard guard;
        (void)KiSatisfyWait(&Mutant->Header, KeGetCurrentThread()); // it is free: this takes it
    }
}

LONG NTAPI KeReleaseMutant(PKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait) {
    const KIRQL oldIrql = KiLockDispatcherDatabase();
    const LONG oldState = Mutant->Header.SignalState;
    const bool owned = oldState <= 0;
    if (!Abandoned && Mutant->OwnerThread != KeGetCurrentThread()) {
        const NTSTATUS status = Mutant->Abandoned ? STATUS_ABANDONED : STATUS_MUTANT_NOT_OWNED;
        KiFinishSignal(oldIrql, FALSE);
        RtlRaiseStatus(status);
        return oldState;
    }

    if (Abandoned) {
        Mutant->Abandoned = TRUE;
        if (owned) SetFree(Mutant);
    } else if (oldState == 0) {
        SetFree(Mutant);
    } else {
        Mutant->Header.SignalState = oldState + 1;
    }
    EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(Mutant), ULONG_PTR(Mutant->Header.Type),
                  ULONG_PTR(oldState), ULONG_PTR(Mutant->Header.SignalState));
    KiWaitTest(&Mutant->Header, Increment);
    KiFinishSignal(oldIrql, Wait);
    return oldState;
}

LONG NTAPI KeReadStateMutant(PKMUTANT Mutant) { return *const_cast<volatile LONG*>(&Mutant->Header.SignalState); }

void KiAbandonMutants(PKTHREAD Thread) {
    while (!IsListEmpty(&Thread->MutantListHead)) {
        KMUTANT* const mutant = CONTAINING_RECORD(Thread->MutantListHead.Flink, KMUTANT, MutantListEntry);
        const LONG oldState = mutant->Header.SignalState;
        mutant->Abandoned = TRUE;
        SetFree(mutant);
        EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(mutant), ULONG_PTR(mutant->Header.Type),
                      ULONG_PTR(oldState), 1);
        KiWaitTest(&mutant->Header, MutantIncrement);
    }
}
