// irql: the interrupt state of every processor.
#include "kd/commands.h"
#include "ke/processor.h"

namespace {

/// The spin locks that a processor holds (checked builds know) and the numbered queued ones that it holds or waits for.
void PrintLocks(KD_SESSION& session, const KPRCB& prcb) {
    for (ULONG i = 0; i < prcb.HeldLockCount; i++)
        session.Print("  holds spin lock %p, rank %u\n", prcb.HeldLocks[i].Lock,
                      static_cast<ULONG>(prcb.HeldLocks[i].Rank));
    for (ULONG number = 0; number < LockQueueMaximumLock; number++) {
        const ULONG_PTR bits = prcb.LockQueue[number].Lock;
        if (bits & (LOCK_QUEUE_WAIT | LOCK_QUEUE_OWNER))
            session.Print("  %s queued lock %u\n", bits & LOCK_QUEUE_OWNER ? "holds" : "waits for", number);
    }
}

} // namespace

KD_COMMAND(irql, "", "IRQL, pending interrupts and DPC queue of every processor") {
    for (const KPRCB* prcb : KiProcessorBlock) {
        if (!prcb) continue;
        const KPCR* const pcr = CONTAINING_RECORD(prcb, const KPCR, PrcbData);
        session.Print("processor %u: IRQL %u, pending 0x%08x, %u interrupts, %u nested\n", prcb->Number,
                      static_cast<ULONG>(pcr->Irql), pcr->IRR, prcb->InterruptCount, prcb->InterruptNesting);
        session.Print("  DPCs: %u queued, %u since boot%s\n", prcb->DpcData.DpcQueueDepth, prcb->DpcData.DpcCount,
                      prcb->DpcRoutineActive ? ", one runs now" : "");
        session.Print("  ticks: %u kernel, %u user, %u DPC, %u interrupt\n", prcb->KernelTime, prcb->UserTime,
                      prcb->DpcTime, prcb->InterruptTime);
        session.Print("  %u DPCs a tick lately; %u may gather; %u threaded queued, %u since boot\n",
                      prcb->DpcRequestRate, prcb->MaximumDpcQueueDepth, prcb->ThreadedDpcData.DpcQueueDepth,
                      prcb->ThreadedDpcData.DpcCount);
        PrintLocks(session, *prcb);
    }
}
