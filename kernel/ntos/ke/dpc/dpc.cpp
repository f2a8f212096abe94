// Deferred procedure calls: work that an interrupt leaves for later, at DISPATCH_LEVEL, before threads go on.
//
// Invariants: Dpc->DpcData is the queue whose list the DPC is on, nullptr while it is on none. DpcQueueDepth is the
// length of the list. A DPC in an ordinary queue is never forgotten: either KiRetireDpcList runs there and will find
// it, or an interrupt was requested for it, or KiDpcNeedsInterrupt lets it wait for the clock.
// Locks: KDPC_DATA::DpcLock, held at HIGH_LEVEL, because service routines of any level queue DPCs.
// IRQL: any for the queue; the routines run at DISPATCH_LEVEL.
// In the books: "software interrupts: DPCs". INT-05, INT-06
#include "ke/ki.h"

// LAB(3.1) begin
namespace {

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

/// Puts the DPC on the queue, unless it is on one. @returns whether it did
bool Insert(KDPC_DATA& queue, KPRCB* prcb, PKDPC dpc, PVOID argument1, PVOID argument2) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(queue.DpcLock);
    // Interlocked: another processor may hold another queue's lock and put the same DPC there.
    if (InterlockedCompareExchangePointer<void>(&dpc->DpcData, &queue, nullptr) != nullptr) return false;

    dpc->SystemArgument1 = argument1;
    dpc->SystemArgument2 = argument2;
    if (dpc->Importance == KDPC_IMPORTANCE::HighImportance) {
        InsertHeadList(&queue.DpcListHead, &dpc->DpcListEntry);
    } else {
        InsertTailList(&queue.DpcListHead, &dpc->DpcListEntry);
    }
    queue.DpcQueueDepth = queue.DpcQueueDepth + 1;
    queue.DpcCount = queue.DpcCount + 1;
    EtwTraceEvent(ETW_EVENT::DpcQueue, reinterpret_cast<ULONG_PTR>(dpc),
                  reinterpret_cast<ULONG_PTR>(dpc->DeferredRoutine), prcb->Number, 0);

    // Under the lock, so that the processor does not become inactive between the decision and the request.
    if (&queue == &prcb->DpcData && KiDpcNeedsInterrupt(dpc, prcb)) {
        prcb->DpcInterruptRequested = TRUE;
        if (prcb == KeGetCurrentPrcb()) {
            HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
        } else {
            KiSendDispatchInterrupt(prcb->SetMember);
        }
    }
    return true;
}

} // namespace
// LAB(3.1) else
//| // Room for helpers of your own.
// LAB(3.1) end

void NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext) {
    *Dpc = {};
    Dpc->Type = DpcObject;
    Dpc->Importance = KDPC_IMPORTANCE::MediumImportance;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
}

/// Puts a DPC on a queue, so that its routine runs once, soon. The caller may be an interrupt of any level.
///
/// - The queue is that of the DPC's processor (Number less 1; 0: this one), the ordinary or the threaded one
///   (KiDpcQueue). A DPC of HighImportance stands before all others of the queue, every other DPC behind them.
/// - The routine gets the two arguments of the call that has inserted the DPC. DpcCount counts the insertions, and each
///   is traced (the event DpcQueue).
/// - A DPC that is on a queue stays as it is, with its arguments. Two processors may insert the same DPC at the same
///   moment, for two different queues: one of them succeeds.
/// - An ordinary DPC that needs an interrupt (KiDpcNeedsInterrupt) gets it: DpcInterruptRequested of its processor is
///   TRUE, and the request goes to this processor (HalRequestSoftwareInterrupt) or to the other one
///   (KiSendDispatchInterrupt, which takes its SetMember). From the insertion to the
///   request no other processor changes the queue or finds it empty.
/// - A threaded DPC asks for its processor's DPC thread (KiRequestDpcThread, called while no queue's lock is held).
/// @returns whether this call has inserted the DPC
/// Callers rely on: under a queue's lock, DpcData says truly whether the DPC is on that queue's list.
BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2) {
    // LAB(3.1) begin
    nt::IrqlGuard interruptsHeldOff(HIGH_LEVEL);
    KPRCB* const prcb = Dpc->Number == 0 ? KeGetCurrentPrcb() : KiProcessorBlock[Dpc->Number - 1];
    KDPC_DATA& queue = KiDpcQueue(prcb, Dpc);
    if (!Insert(queue, prcb, Dpc, SystemArgument1, SystemArgument2)) return FALSE;
    if (&queue == &prcb->ThreadedDpcData) KiRequestDpcThread(prcb);
    return TRUE;
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}

/// Takes a DPC off the queue it is on; then it is free. Without that queue's lock, what DpcData says may be over the
/// next moment: another processor takes the DPC off, and a third one queues it elsewhere.
/// @returns whether this call has taken it off
BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc) {
    // LAB(3.1) begin
    nt::IrqlGuard interruptsHeldOff(HIGH_LEVEL);
    auto* const queue = static_cast<KDPC_DATA*>(Dpc->DpcData);
    if (!queue) return FALSE;
    nt::SpinLockAtDpcGuard guard(queue->DpcLock);
    if (Dpc->DpcData != queue) return FALSE; // it was taken off before we had the lock
    RemoveEntryList(&Dpc->DpcListEntry);
    queue->DpcQueueDepth = queue->DpcQueueDepth - 1;
    Dpc->DpcData = nullptr;
    return TRUE;
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}

void NTAPI KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance) { Dpc->Importance = Importance; }

void NTAPI KeSetTargetProcessorDpc(PKDPC Dpc, CHAR Number) { Dpc->Number = UCHAR(Number + 1); }

/// Runs the ordinary DPCs of this processor, in the order of their queue, also those that come meanwhile.
///
/// - While it works, DpcRoutineActive is TRUE: a processor that queues a DPC here then requests no interrupt. On return
///   it and DpcInterruptRequested are FALSE. A DPC that comes at any moment between is either run by this call or has
///   requested an interrupt that is still to come.
/// - A routine may queue its own DPC again, or free the DPC's memory. So while the routine runs its DPC is free, on no
///   list and not counted, and this routine reads nothing of it any more.
/// - A routine runs at DISPATCH_LEVEL with no lock held, after KiBeginDpc and before KiEndDpc.
void NTAPI KiRetireDpcList(PKPRCB Prcb) {
    // LAB(3.1) begin
    DpcCall call;
    Prcb->DpcRoutineActive = TRUE;
    while (RemoveFirst(Prcb, &call)) {
        KiBeginDpc(Prcb, call.Dpc, call.Routine);
        call.Routine(call.Dpc, call.Context, call.Argument1, call.Argument2);
        NT_ASSERT(KeGetCurrentIrql() == DISPATCH_LEVEL); // a DPC routine returns at the level it was called at
        KiEndDpc(Prcb, call.Dpc, call.Routine, false);
    }
    // LAB(3.1) else
    //| LAB_NOT_IMPLEMENTED("3.1");
    // LAB(3.1) end
}
