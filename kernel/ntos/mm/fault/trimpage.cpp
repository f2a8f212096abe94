// A private page leaves its working set and stays in memory: its entry becomes the transition form.
//
// The entry changes in one step, for the processor may set Dirty until then. What it had set goes to the page before the page
// comes to a list, and no page comes to a list before every processor has forgotten it.
// Locks, IRQL: see fault.h. In the books: "working set trimming", "transition PTEs". PFN-04..PFN-06
#include "ke/bugcheck.h"
#include "ke/ipi.h"
#include "mm/fault/fault.h"
#include "nt/atomic.h"

/// A private page leaves the working set and stays in memory. *pte is valid; the caller releases the working set entry.
///
/// - Post: *pte is the transition form of its frame, with this protection.
/// - What the processor had noted in the entry (Dirty), up to the moment at which the entry changed, is the page's (MiCaptureDirtyBit).
/// - The page loses its share when no processor knows it through *pte any more (KeFlushSingleTb): it comes to a list then, or stays
///   in transition while something refers to it.
/// @irql APC_LEVEL, the WorkingSetMutex held
void MiTrimPte(MMPTE* pte, ULONG protection) {
    // LAB(2.8) begin
    const PFN_NUMBER frame = pte->Hard.PageFrameNumber; // does not change while the entry is valid
    auto* const word = reinterpret_cast<volatile LONG*>(&pte->Long);
    const MMPTE old = {.Long = ULONG(InterlockedExchange(word, LONG(MiMakeTransitionPte(frame, protection).Long)))};
    KeFlushSingleTb(MiGetVirtualAddressMappedByPte(pte), TRUE);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiCaptureDirtyBit(frame, old);
    MiDecrementShareCount(frame);
    // LAB(2.8) else
    //| LAB_NOT_IMPLEMENTED("2.8");
    // LAB(2.8) end
}
