// Guard pages: the first use takes the guard away and tells. A user stack grows by it.
//
//     StackBase ---> +-----------+
//                    | committed |
//                    | committed |   <- the guard page that was used
//                    |   guard   |   <- the page below becomes the guard
//                    | reserved  |
//                    |  lowest   |   <- never committed: the last page above it is the end of the stack
//                    +-----------+
//
// A stack that cannot grow gets STATUS_STACK_OVERFLOW; the page that was the guard is usable then, for the exception's handler.
// Locks: see fault.h; the WorkingSetMutex alone guards Flags.CommitCharge here. IRQL: see fault.h.
// In the books: "guard pages", "user stacks". MEM-05, POL-06
#include "ke/bugcheck.h"
#include "mm/charge.h"
#include "mm/fault/fault.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/vad/userpages.h"
#include "nt/atomic.h"

// LAB(2.6) begin
namespace {

/// Takes the guard from the page. @returns false: the entry has changed, decide again.
bool TakeGuardAway(MI_USER_PAGES& pages, ULONG vpn, const MI_FAULT& fault) {
    const ULONG protection = fault.Protection & ~ULONG(MM_GUARD_PAGE);
    const MMPTE pte = pages.Read(vpn);
    if (MiHoldsPage(pte)) {
        if (MiPteKind(pte) == MI_PTE_KIND::Valid) return false;
        pages.Protect(vpn, protection);
    } else if (fault.Vad->Flags.PrivateMemory) {
        pages.Write(vpn, MiDemandZeroPte(protection));
    } else {
        pages.Write(vpn, MiMakeLookupPte(protection));
    }
    return true;
}

/// Commits the page below the guard page of a stack, as its next guard page.
NTSTATUS GrowStack(MI_USER_PAGES& pages, ULONG vpn, const MI_FAULT& fault) {
    MMVAD* const vad = fault.Vad;
    const ULONG next = vpn - 1;
    if (next <= vad->Node.StartingVpn) return STATUS_STACK_OVERFLOW;
    if (MiPageState(vad, pages, next).Committed) return STATUS_PAGE_FAULT_GUARD_PAGE;
    if (!pages.MakeTable(next)) return STATUS_NO_MEMORY;
    if (!NT_SUCCESS(MiChargeCommitment(1, fault.Space))) {
        pages.FreeTables(next, next);
        return STATUS_STACK_OVERFLOW;
    }
    vad->Flags.CommitCharge++;
    pages.Write(next, MiDemandZeroPte(fault.Protection));
    return STATUS_PAGE_FAULT_GUARD_PAGE;
}

} // namespace
// LAB(2.6) else
//| // Room for helpers of your own.
// LAB(2.6) end

/// The alarm of a guard page. It brings no page: the access that follows does.
///
/// - Post: the page at fault.VirtualAddress is a guard page no longer, and may be used otherwise as before. One that holds a page
///   or a place on a page file keeps it (MI_USER_PAGES::Protect); a page of a view is one of the view's still
///   (MiMakeLookupPte).
/// - In a range of the type VadUserStack the page below is committed as the next guard page: charged to fault.Space
///   (MiChargeCommitment), counted in CommitCharge of the range's flags, demand zero with fault.Protection.
/// - The lowest page of such a range is never committed. A stack that has no page left for it, or gets no charge, overflows; the
///   page that was the guard is usable all the same, and a page table that was made for the page below is gone again (FreeTables).
/// - A page below that is committed already stays as it is, and is not charged again.
/// - MmInfoCounters.GuardPageCount is one more.
/// @returns STATUS_GUARD_PAGE_VIOLATION; of a stack STATUS_PAGE_FAULT_GUARD_PAGE, or STATUS_STACK_OVERFLOW; STATUS_NO_MEMORY: the page
/// below has no page table, and there is no memory for one; then nothing has changed
NTSTATUS MiResolveGuardFault(MI_FAULT& fault) {
    // LAB(2.6) begin
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(fault.VirtualAddress) >> PAGE_SHIFT);
    MI_USER_PAGES pages(*fault.Space);
    NTSTATUS status = STATUS_GUARD_PAGE_VIOLATION;
    if (fault.Vad->Flags.VadType == VadUserStack) {
        status = GrowStack(pages, vpn, fault);
        if (status == STATUS_NO_MEMORY) return status;
    }
    if (!TakeGuardAway(pages, vpn, fault)) return STATUS_RETRY;
    InterlockedIncrement(&MmInfoCounters.GuardPageCount);
    return status;
    // LAB(2.6) else
    //| LAB_NOT_IMPLEMENTED("2.6");
    // LAB(2.6) end
}
