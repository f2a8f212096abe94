// Threaded DPCs: deferred procedure calls that a thread makes, one thread of priority 31 a processor.
//
// They run at PASSIVE_LEVEL, so an ordinary DPC or any interrupt may come in between; but no other thread of the
// processor does. A routine does not know which way it was called (before the DPC thread exists, it is an ordinary DPC),
// hence the ...ForDpc acquisitions, which raise the IRQL only if they must.
// Locks: KPRCB::ThreadedDpcData.DpcLock at HIGH_LEVEL. IRQL: PASSIVE_LEVEL in the thread.
// In the books: "threaded DPCs". INT-05, INT-06
#include "ke/ki.h"

namespace {

/// Takes the first DPC off the queue. @returns whether there was one
bool TakeFirst(KDPC_DATA& queue, KDPC** dpc, KDPC* call) {
    nt::IrqlGuard interruptsHeldOff(HIGH_LEVEL);
    nt::SpinLockAtDpcGuard guard(queue.DpcLock);
    if (IsListEmpty(&queue.DpcListHead)) return false;
    *dpc = CONTAINING_RECORD(RemoveHeadList(&queue.DpcListHead), KDPC, DpcListEntry);
    queue.DpcQueueDepth = queue.DpcQueueDepth - 1;
    *call = **dpc; // the object may be queued again, or freed, before its routine runs
    (*dpc)->DpcData = nullptr;
    return true;
}

void RunThreadedDpcs(KPRCB* prcb) {
    KDPC* dpc;
    KDPC call;
    while (TakeFirst(prcb->ThreadedDpcData, &dpc, &call)) {
        KiBeginDpc(prcb, dpc, call.DeferredRoutine);
        call.DeferredRoutine(dpc, call.DeferredContext, call.SystemArgument1, call.SystemArgument2);
        NT_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL); // a routine returns at the level it was called at
        KiEndDpc(prcb, dpc, call.DeferredRoutine, true);
    }
}

/// An ordinary DPC of the processor: interrupts may queue at any level, but waking a thread takes DISPATCH_LEVEL.
void NTAPI WakeDpcThread(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    KeSignalGateBoostPriority(&static_cast<KPRCB*>(DeferredContext)->DpcGate);
}

} // namespace

void NTAPI KeInitializeThreadedDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext) {
    KeInitializeDpc(Dpc, DeferredRoutine, DeferredContext);
    Dpc->Type = ThreadedDpcObject;
}

void KiRequestDpcThread(PKPRCB Prcb) { KeInsertQueueDpc(&Prcb->DpcThreadWake, nullptr, nullptr); }

void NTAPI KiExecuteDpc(PVOID StartContext) {
    KPRCB* const prcb = KiProcessorBlock[reinterpret_cast<ULONG_PTR>(StartContext)];
    KeSetAffinityThread(KeGetCurrentThread(), prcb->SetMember);
    KeInitializeDpc(&prcb->DpcThreadWake, WakeDpcThread, prcb);
    KeSetImportanceDpc(&prcb->DpcThreadWake, KDPC_IMPORTANCE::HighImportance);
    KeSetTargetProcessorDpc(&prcb->DpcThreadWake, CHAR(prcb->Number));
    prcb->ThreadDpcEnable = TRUE;
    for (;;) {
        KeWaitForGate(&prcb->DpcGate, KWAIT_REASON::Executive, KernelMode);
        RunThreadedDpcs(prcb);
    }
}

KIRQL FASTCALL KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = KeGetCurrentIrql();
    if (oldIrql < DISPATCH_LEVEL) return KfAcquireSpinLock(SpinLock);
    KefAcquireSpinLockAtDpcLevel(SpinLock);
    return oldIrql;
}

void FASTCALL KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql) IMPLEMENTS_LOCK {
    KefReleaseSpinLockFromDpcLevel(SpinLock);
    if (OldIrql < DISPATCH_LEVEL) KfLowerIrql(OldIrql);
}

void FASTCALL KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock,
                                                   PKLOCK_QUEUE_HANDLE LockHandle) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = KeGetCurrentIrql();
    if (oldIrql < DISPATCH_LEVEL) {
        KeAcquireInStackQueuedSpinLock(SpinLock, LockHandle);
    } else {
        KeAcquireInStackQueuedSpinLockAtDpcLevel(SpinLock, LockHandle);
        LockHandle->OldIrql = oldIrql;
    }
}

void FASTCALL KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = LockHandle->OldIrql;
    KeReleaseInStackQueuedSpinLockFromDpcLevel(LockHandle);
    if (oldIrql < DISPATCH_LEVEL) KfLowerIrql(oldIrql);
}
