// Deferred procedure calls: work that an interrupt leaves for later, on the same processor and before any thread.
//
// Invariant: Dpc->DpcData is the queue the DPC is on, nullptr while it is on none; the call that changes it from nullptr (by an
// interlocked operation) owns the insertion. DpcQueueDepth is the length of the list.
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

/// Queues a DPC on its processor (Number less 1; 0: this one), for its ordinary or its threaded queue (KiDpcQueue), unless it
/// is on a queue already. At HIGH_LEVEL, for interrupts of every level may do this.
///
/// - With the queue's lock held: the call that changes DpcData from nullptr to the queue (by an interlocked operation) inserts;
///   for every other call it is queued already. The arguments are those of the insertion.
/// - HighImportance goes to the head, everything else to the tail. Depth and count of the queue are kept, and the insertion
///   is traced (DpcQueue).
/// - For an ordinary DPC KiDpcNeedsInterrupt says whether its processor must be asked, and while the queue's lock is held it
///   is: DpcInterruptRequested, and HalRequestSoftwareInterrupt here or KiSendDispatchInterrupt(SetMember) there. A threaded
///   DPC asks for the processor's DPC thread (KiRequestDpcThread), without the lock.
/// @returns whether it was inserted
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

/// Takes a DPC off the queue it is on. Which queue that is may change until its lock is held: look again then.
/// @returns whether it was on a queue
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

/// Runs the DPCs of this processor, the first first, until the queue is empty, also those that come meanwhile.
///
/// - DpcRoutineActive is set all the time: nobody needs to ask for an interrupt. When the queue is found empty, this flag and
///   DpcInterruptRequested are cleared in the same step, under the queue's lock: a DPC that comes later asks again.
/// - A DPC is off the queue and free (DpcData nullptr) before its routine is called, for the routine may queue it again or
///   free its memory. So everything that the call needs is noted before.
/// - The lock is taken at HIGH_LEVEL, the routine runs at DISPATCH_LEVEL without any lock, between KiBeginDpc and KiEndDpc.
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
