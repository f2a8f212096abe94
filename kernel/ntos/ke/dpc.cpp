// Deferred procedure calls: work that an interrupt leaves for later, on the same processor and before any thread.
//
// Invariant: Dpc->DpcData is the queue the DPC is on, nullptr while it is on none; whoever changes it from nullptr (by an
// interlocked operation) owns the insertion. DpcQueueDepth is the length of the list.
// Locks: KDPC_DATA::DpcLock, held at HIGH_LEVEL, because service routines of any level queue DPCs.
// IRQL: any for the queue; the routines run at DISPATCH_LEVEL.
// In the books: "software interrupts: DPCs". INT-05, INT-06
#include "ke/ki.h"

namespace {

constexpr UCHAR DpcObjectType = 19;       ///< KDPC::Type, as debuggers show it
constexpr ULONG MaximumDpcQueueDepth = 4; ///< so many waiting DPCs ask for an interrupt whatever their importance

/// What is left of a DPC once it is off its queue: the object may be queued again, or freed, before its routine runs.
struct DpcCall {
    KDPC* Dpc;
    PKDEFERRED_ROUTINE Routine;
    PVOID Context;
    PVOID Argument1;
    PVOID Argument2;
};

/// Takes the first DPC off the queue. With an empty queue the processor ceases to be active in the same step, so that a
/// DPC that comes now asks for an interrupt. @returns whether there was one
bool RemoveFirst(KPRCB* prcb, DpcCall* call) REQUIRES_(AtDispatchLevel) {
    const KIRQL oldIrql = KfRaiseIrql(HIGH_LEVEL);
    bool found = false;
    {
        KDPC_DATA& queue = prcb->DpcData;
        nt::SpinLockAtDpcGuard guard(queue.DpcLock);
        if (IsListEmpty(&queue.DpcListHead)) {
            prcb->DpcRoutineActive = FALSE;
            prcb->DpcInterruptRequested = FALSE;
        } else {
            KDPC* const dpc = CONTAINING_RECORD(RemoveHeadList(&queue.DpcListHead), KDPC, DpcListEntry);
            queue.DpcQueueDepth = queue.DpcQueueDepth - 1;
            *call = {dpc, dpc->DeferredRoutine, dpc->DeferredContext, dpc->SystemArgument1, dpc->SystemArgument2};
            dpc->DpcData = nullptr;
            found = true;
        }
    }
    KfLowerIrql(oldIrql);
    return found;
}

/// Must the processor be interrupted for this DPC? Low importance waits for the clock or for company; medium interrupts
/// the own processor at once, another one only for company; high always interrupts.
bool NeedsInterrupt(const KDPC* dpc, const KPRCB* prcb) {
    if (prcb->DpcRoutineActive || prcb->DpcInterruptRequested) return false;
    if (prcb->DpcData.DpcQueueDepth >= MaximumDpcQueueDepth) return true;
    switch (dpc->Importance) {
    case KDPC_IMPORTANCE::HighImportance: return true;
    case KDPC_IMPORTANCE::MediumImportance: return prcb == KeGetCurrentPrcb() || prcb->IdleHalt;
    default: return false;
    }
}

} // namespace

void NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext) {
    *Dpc = {};
    Dpc->Type = DpcObjectType;
    Dpc->Importance = KDPC_IMPORTANCE::MediumImportance;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
}

BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2) {
    nt::IrqlGuard interruptsHeldOff(HIGH_LEVEL);
    KPRCB* const prcb = Dpc->Number == 0 ? KeGetCurrentPrcb() : KiProcessorBlock[Dpc->Number - 1];
    KDPC_DATA& queue = prcb->DpcData;
    nt::SpinLockAtDpcGuard guard(queue.DpcLock);
    if (InterlockedCompareExchangePointer<void>(&Dpc->DpcData, &queue, nullptr) != nullptr) return FALSE;

    Dpc->SystemArgument1 = SystemArgument1;
    Dpc->SystemArgument2 = SystemArgument2;
    if (Dpc->Importance == KDPC_IMPORTANCE::HighImportance) {
        InsertHeadList(&queue.DpcListHead, &Dpc->DpcListEntry);
    } else {
        InsertTailList(&queue.DpcListHead, &Dpc->DpcListEntry);
    }
    queue.DpcQueueDepth = queue.DpcQueueDepth + 1;
    queue.DpcCount = queue.DpcCount + 1;
    EtwTraceEvent(ETW_EVENT::DpcQueue, reinterpret_cast<ULONG_PTR>(Dpc),
                  reinterpret_cast<ULONG_PTR>(Dpc->DeferredRoutine), prcb->Number, 0);

    if (NeedsInterrupt(Dpc, prcb)) {
        prcb->DpcInterruptRequested = TRUE;
        if (prcb == KeGetCurrentPrcb()) {
            HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
        } else {
            KiSendDispatchInterrupt(prcb->SetMember);
        }
    }
    return TRUE;
}

BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc) {
    nt::IrqlGuard interruptsHeldOff(HIGH_LEVEL);
    auto* const queue = static_cast<KDPC_DATA*>(Dpc->DpcData);
    if (!queue) return FALSE;
    nt::SpinLockAtDpcGuard guard(queue->DpcLock);
    if (Dpc->DpcData != queue) return FALSE; // it was taken off before we had the lock
    RemoveEntryList(&Dpc->DpcListEntry);
    queue->DpcQueueDepth = queue->DpcQueueDepth - 1;
    Dpc->DpcData = nullptr;
    return TRUE;
}

void NTAPI KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance) { Dpc->Importance = Importance; }

void NTAPI KeSetTargetProcessorDpc(PKDPC Dpc, CHAR Number) { Dpc->Number = UCHAR(Number + 1); }

void NTAPI KiRetireDpcList(PKPRCB Prcb) {
    DpcCall call;
    Prcb->DpcRoutineActive = TRUE;
    while (RemoveFirst(Prcb, &call)) {
        EtwTraceEvent(ETW_EVENT::DpcRun, reinterpret_cast<ULONG_PTR>(call.Dpc),
                      reinterpret_cast<ULONG_PTR>(call.Routine), 0, 0);
        call.Routine(call.Dpc, call.Context, call.Argument1, call.Argument2);
        NT_ASSERT(KeGetCurrentIrql() == DISPATCH_LEVEL); // a DPC routine returns at the level it was called at
    }
}
