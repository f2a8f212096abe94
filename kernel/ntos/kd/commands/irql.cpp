// irql: the interrupt state of every processor.
#include "kd/commands.h"
#include "ke/processor.h"

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
        if (prcb->HeldLockCount) session.Print("  %u spin locks held\n", prcb->HeldLockCount);
    }
}
