// What a page fault is: the decision, without doing anything.
//
// An entry that holds no protection of its own (0, or that of a prototype PTE) has its range's. The protection is judged before
// the page is brought: a page that may not be used so is not read from anywhere.
// Locks: the WorkingSetMutex keeps range and entry as they are. IRQL: any.
// In the books: "page fault handling", "invalid PTEs". MEM-05
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"
#include "mm/protect.h"

// LAB(2.6) begin
namespace {

/// The kind of an access that the page's protection is asked for: `kind` if it is allowed.
MI_FAULT_DECISION Judge(MI_FAULT_KIND kind, ULONG protection, bool write) {
    if (!MiIsAccessAllowed(protection, write ? MI_ACCESS::Write : MI_ACCESS::Read))
        return {MI_FAULT_KIND::AccessViolation, protection};
    return {MiMayBeValid(protection) ? kind : MI_FAULT_KIND::GuardPage, protection};
}

} // namespace
// LAB(2.6) else
//| // Room for helpers of your own.
// LAB(2.6) end

/// Decides what a fault in the user's half is, by nothing but these, and changes nothing.
///
/// - A valid entry speaks for itself: the fault is Resolved if the entry allows the access. A write that it does not allow is
///   CopyOnWrite if the entry says so.
/// - Without a valid entry, and without a range, nothing is there.
/// - An entry of 0 is as its range says. A page of a view is Prototype. A page of a private range is DemandZero if the range is
///   committed; else nothing is there.
/// - Any other entry speaks for its page, and not the range: DemandZero, PageFile, Transition or Prototype, as its form is. A
///   decommitted page is not there.
/// - Where the entry holds a protection, it is the page's. An entry of 0, and one that leads to a prototype PTE by its address,
///   holds none: the page has its range's.
/// - A page that may not be used so is an AccessViolation, whatever else it is. Else a page that no valid entry could stand for is
///   a GuardPage.
/// @param vad nullptr: no range holds the address. @param pte 0 if there is no page table.
/// @returns the kind, AccessViolation where nothing is there; and the page's protection, unless the entry is valid or it is an
/// AccessViolation
MI_FAULT_DECISION MiDecideFault(const MMVAD* vad, MMPTE pte, bool write) {
    // LAB(2.6) begin
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
    // LAB(2.6) else
    //| LAB_NOT_IMPLEMENTED("2.6");
    // LAB(2.6) end
}
