// Mutants: mutual exclusion with an owner, a thread that may acquire its mutant again.
//
// SignalState: 1 free, 0 owned once, -1 owned twice, ... A mutant whose owner ends without releasing it is abandoned:
// it becomes free, and the next wait succeeds with STATUS_ABANDONED, so that the new owner knows to distrust the data.
// Invariant: OwnerThread is set, and the mutant is on that thread's MutantListHead, exactly while SignalState <= 0.
// Locks: takes KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: mutants". DSP-04
#include "ke/ki.h"
#include "rtl/exception.h"

namespace {

/// Boost of a thread that gets an abandoned mutant (MUTANT_INCREMENT).
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
    Mutant->Header.Absolute = FALSE;
    Mutant->Header.Inserted = FALSE;
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

/// `Thread` acquires a mutant that is free, or one that it owns: then it owns the mutant once more.
///
/// - OwnerThread names the owner, and the owner's MutantListHead has its mutants in the order in which it became their
///   owner.
/// - A mutant at MutantRecursionLimit does not change: STATUS_MUTANT_LIMIT_EXCEEDED.
/// - The first owner of an abandoned mutant is told so, and no later one: STATUS_ABANDONED, and the mutant is not
///   Abandoned any more.
/// @returns else STATUS_SUCCESS
/// Callers rely on: a mutant has an owner, and is on one list, exactly while SignalState is 0 or below.
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

/// The owner gives back one acquisition. With the last one the mutant is free, and the thread that waits longest gets
/// it, with a boost of `Increment`.
///
/// - Of a thread that does not own the mutant the call changes nothing and raises STATUS_MUTANT_NOT_OWNED, or
///   STATUS_ABANDONED if the mutant is an abandoned one. The database is free then, also for a caller with `Wait`.
/// - With `Abandoned` any thread may call it: the mutant is an abandoned one afterwards, and free. A mutant that was
///   free already is marked, and nothing else of it changes.
/// - Each call that changes or marks the mutant is traced once (KiTraceSignal), with the states before and after it. A
///   thread is released after that.
/// @returns the state before the call
/// Callers rely on: what the mutant says of its old owner (SignalState, OwnerThread, its place on that thread's list)
/// is gone before a waiting thread becomes the next owner. Nothing is written to the mutant for the old owner after
/// that.
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

/// `Thread` ends. Every mutant that it still owns becomes a free and abandoned one, in the order in which the thread
/// became their owner. A thread that waits for one gets it, with a boost of MutantIncrement. Each mutant is traced as
/// in KeReleaseMutant.
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
