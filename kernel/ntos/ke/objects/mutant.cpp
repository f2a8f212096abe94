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

/// Boost of who gets an abandoned mutant (MUTANT_INCREMENT).
[[maybe_unused]] constexpr KPRIORITY MutantIncrement = 1;
/// SignalState of a mutant that is owned as often as it can be.
[[maybe_unused]] constexpr LONG MutantRecursionLimit = -0x7FFF'FFFF - 1;

} // namespace

// LAB(3.5) begin
namespace {

void SetFree(KMUTANT* mutant) REQUIRES_(KiDispatcherLock) {
    mutant->Header.SignalState = 1;
    mutant->OwnerThread = nullptr;
    RemoveEntryList(&mutant->MutantListEntry);
}

} // namespace
// LAB(3.5) else
//| // Room for helpers of your own.
// LAB(3.5) end

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

/// Makes `Thread` the owner of a mutant that is free, or that it owns already (once more).
///
/// - SignalState counts downwards: 1 free, 0 owned once, -1 owned twice. At MutantRecursionLimit nothing is changed.
/// - A new owner is noted in OwnerThread, and the mutant goes to the tail of his MutantListHead.
/// - A new owner of an abandoned mutant is told so, once: Abandoned is cleared.
/// @returns STATUS_SUCCESS, STATUS_ABANDONED, STATUS_MUTANT_LIMIT_EXCEEDED
/// Callers rely on: OwnerThread and the list are right exactly while SignalState <= 0.
NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread) {
    // LAB(3.5) begin
    if (Mutant->Header.SignalState == MutantRecursionLimit) return STATUS_MUTANT_LIMIT_EXCEEDED;
    if (--Mutant->Header.SignalState != 0) return STATUS_SUCCESS; // owned already: once more
    Mutant->OwnerThread = Thread;
    InsertTailList(&Thread->MutantListHead, &Mutant->MutantListEntry);
    if (!Mutant->Abandoned) return STATUS_SUCCESS;
    Mutant->Abandoned = FALSE;
    return STATUS_ABANDONED;
    // LAB(3.5) else
    //| LAB_NOT_IMPLEMENTED("3.5");
    // LAB(3.5) end
}

/// Gives back one level of ownership, or (Abandoned) all of them, whichever thread asks.
///
/// - Only the owner may release. Anybody else: nothing changes, the database is left, and STATUS_MUTANT_NOT_OWNED is
///   raised, or STATUS_ABANDONED if the mutant is an abandoned one.
/// - With the last level it is free: no owner, on no list. As Abandoned it is freed at once, and marked even if free.
/// - The change is traced (KiTraceSignal) with the states before and after, then waiters are looked at (KiWaitTest).
/// @returns the previous state
LONG NTAPI KeReleaseMutant(PKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait) {
    // LAB(3.5) begin
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
    KiTraceSignal(Mutant->Header, oldState, Mutant->Header.SignalState);
    KiWaitTest(&Mutant->Header, Increment);
    KiFinishSignal(oldIrql, Wait);
    return oldState;
    // LAB(3.5) else
    //| LAB_NOT_IMPLEMENTED("3.5");
    // LAB(3.5) end
}

LONG NTAPI KeReadStateMutant(PKMUTANT Mutant) { return *const_cast<volatile LONG*>(&Mutant->Header.SignalState); }

/// `Thread` ends: frees every mutant that it still owns, in the order in which it took them, marked as abandoned. The next
/// owner gets STATUS_ABANDONED, and if somebody waits he owns it now, with a boost of MutantIncrement. Each is traced.
void KiAbandonMutants(PKTHREAD Thread) {
    // LAB(3.5) begin
    while (!IsListEmpty(&Thread->MutantListHead)) {
        KMUTANT* const mutant = CONTAINING_RECORD(Thread->MutantListHead.Flink, KMUTANT, MutantListEntry);
        const LONG oldState = mutant->Header.SignalState;
        mutant->Abandoned = TRUE;
        SetFree(mutant);
        KiTraceSignal(mutant->Header, oldState, mutant->Header.SignalState);
        KiWaitTest(&mutant->Header, MutantIncrement);
    }
    // LAB(3.5) else
    //| LAB_NOT_IMPLEMENTED("3.5");
    // LAB(3.5) end
}
