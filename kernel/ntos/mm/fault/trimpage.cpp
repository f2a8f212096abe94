// A private page leaves its working set and stays in memory: its entry becomes the transition form.
//
// The entry changes in one step, for the processor may set Dirty until then. What it had set goes to the page before the page
// comes to a list, and no page comes to a list before every processor has forgotten it.
// Locks, IRQL: see fault.h. In the books: "working set trimming", "transition PTEs". PFN-04..PFN-06
#include "ke/ipi.h"
#include "mm/fault/fault.h"

void MiTrimPte(MMPTE* pte, ULONG protection) {
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber; // does not change while the entry is valid
    const MMPTE old = {
        .Long = __atomic_exchange_n(&pte->Long, MiMakeTransitionPte(frame, protection).Long, __ATOMIC_SEQ_CST)};
    KeFlushSingleTb(MiGetVirtualAddressMappedByPte(pte), TRUE);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiCaptureDirtyBit(frame, old);
    MiDecrementShareCount(frame);
}
