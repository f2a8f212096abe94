// When a queued DPC asks for an interrupt, and the figures that decide it.
//
//     importance          own processor                              another processor
//     Low                 too many wait, or few DPCs come at all     too many wait, or it is idle
//     Medium              at once                                    too many wait, or it is idle
//     MediumHigh, High    at once                                    at once
//
// A DPC that asks for no interrupt waits for company, or for the next clock tick. "Too many" is MaximumDpcQueueDepth: it
// falls while DPCs are found waiting at a tick although few come (gathering brings nothing then), and rises to its
// maximum again after ticks without one.
// Locks: none; the figures are their processor's own, others read them as hints. IRQL: any.
// In the books: "software interrupts: DPC interrupt generation rules". INT-05, INT-06, INT-07
#include "ke/ki.h"

static void InitializeQueue(KDPC_DATA& queue) {
    nt::AssumeHeld(queue.DpcLock); // no other processor shares the queue yet
    KeInitializeSpinLock(&queue.DpcLock, KLOCK_RANK::Dpc);
    InitializeListHead(&queue.DpcListHead);
    queue.DpcQueueDepth = 0;
}

void KiInitializeDpcQueues(PKPRCB Prcb) {
    InitializeQueue(Prcb->DpcData);
    InitializeQueue(Prcb->ThreadedDpcData);
    Prcb->MaximumDpcQueueDepth = KI_MAXIMUM_DPC_QUEUE_DEPTH;
    Prcb->MinimumDpcRate = KI_MINIMUM_DPC_RATE;
    Prcb->AdjustDpcThreshold = KI_ADJUST_DPC_THRESHOLD;
    KeInitializeGate(&Prcb->DpcGate);
}

bool KiDpcNeedsInterrupt(const KDPC* Dpc, const KPRCB* Prcb) {
    if (Prcb->DpcRoutineActive || Prcb->DpcInterruptRequested) return false; // it is found anyway
    KeMemoryBarrier(); // the DPC is on the queue before we look whether the processor is idle: it halts the other way round
    if (Prcb->DpcData.DpcQueueDepth >= Prcb->MaximumDpcQueueDepth) return true;
    const bool own = Prcb == KeGetCurrentPrcb();
    const bool idle = Prcb->CurrentThread == Prcb->IdleThread;
    switch (Dpc->Importance) {
    case KDPC_IMPORTANCE::LowImportance: return own ? Prcb->DpcRequestRate < Prcb->MinimumDpcRate : idle;
    case KDPC_IMPORTANCE::MediumImportance: return own || idle;
    default: return true;
    }
}

void KiUpdateDpcRate(PKPRCB Prcb) {
    const ULONG count = Prcb->DpcData.DpcCount;
    Prcb->DpcRequestRate = (count - Prcb->DpcLastCount + Prcb->DpcRequestRate) / 2;
    Prcb->DpcLastCount = count;

    if (Prcb->DpcData.DpcQueueDepth != 0 && !Prcb->DpcRoutineActive) {
        Prcb->AdjustDpcThreshold = KI_ADJUST_DPC_THRESHOLD;
        if (Prcb->DpcRequestRate < KI_IDEAL_DPC_RATE && Prcb->MaximumDpcQueueDepth > 1) Prcb->MaximumDpcQueueDepth--;
        Prcb->DpcInterruptRequested = TRUE;
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    } else if (--Prcb->AdjustDpcThreshold == 0) {
        Prcb->AdjustDpcThreshold = KI_ADJUST_DPC_THRESHOLD;
        if (Prcb->MaximumDpcQueueDepth < KI_MAXIMUM_DPC_QUEUE_DEPTH) Prcb->MaximumDpcQueueDepth++;
    }
}
