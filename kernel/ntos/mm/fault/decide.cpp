// What a page fault is: the decision, without doing anything.
//
// An entry that holds no protection of its own (0, or that of a prototype PTE) has its range's. The protection is judged before
// the page is brought: a page that may not be used so is not read from anywhere.
// Locks: the WorkingSetMutex keeps range and entry as they are. IRQL: any.
// In the books: "page fault handling", "invalid PTEs". MEM-05
#include "mm/fault/fault.h"
#include "mm/protect.h"

namespace {

/// The kind of an access that the page's protection is asked for: `kind` if it is allowed.
MI_FAULT_DECISION Judge(MI_FAULT_KIND kind, ULONG protection, bool write) {
    if (!MiIsAccessAllowed(protection, write ? MI_ACCESS::Write : MI_ACCESS::Read))
        return {MI_FAULT_KIND::AccessViolation, protection};
    return {MiMayBeValid(protection) ? kind : MI_FAULT_KIND::GuardPage, protection};
}

} // namespace

MI_FAULT_DECISION MiDecideFault(const MMVAD* vad, MMPTE pte, bool write) {
    constexpr MI_FAULT_DECISION violation = {MI_FAULT_KIND::AccessViolation, MM_ZERO_ACCESS};
    const MI_PTE_KIND kind = MiPteKind(pte);
    if (kind == MI_PTE_KIND::Valid) {
        if (!write || pte.Hard.Write) return {MI_FAULT_KIND::Resolved, MM_ZERO_ACCESS};
        return {pte.Hard.CopyOnWrite ? MI_FAULT_KIND::CopyOnWrite : MI_FAULT_KIND::AccessViolation, MM_ZERO_ACCESS};
    }
    if (!vad) return violation;
    switch (kind) {
    case MI_PTE_KIND::Zero:
        if (!vad->Flags.PrivateMemory) return Judge(MI_FAULT_KIND::Prototype, vad->Flags.Protection, write);
        return vad->Flags.MemCommit ? Judge(MI_FAULT_KIND::DemandZero, vad->Flags.Protection, write) : violation;
    case MI_PTE_KIND::DemandZero: return Judge(MI_FAULT_KIND::DemandZero, pte.Soft.Protection, write);
    case MI_PTE_KIND::PageFile: return Judge(MI_FAULT_KIND::PageFile, pte.Soft.Protection, write);
    case MI_PTE_KIND::Transition: return Judge(MI_FAULT_KIND::Transition, pte.Trans.Protection, write);
    case MI_PTE_KIND::Prototype: {
        const bool own = pte.Soft.PageFileHigh == MI_PTE_LOOKUP_NEEDED;
        return Judge(MI_FAULT_KIND::Prototype, own ? pte.Soft.Protection : vad->Flags.Protection, write);
    }
    default: return violation; // decommitted
    }
}
