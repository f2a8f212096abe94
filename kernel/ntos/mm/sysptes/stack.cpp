// Kernel stacks: a run of system PTEs whose first entry stays invalid, so that an overflow faults.
//
// A stack's pages have their PTEs in the page frame number database, as a page that may leave memory must: a thread that waits
// long may lose its stack for that time.
// In the books: "kernel stacks". MEM-02, PFN-17
#include "ke/flushtb.h"
#include "mm/charge.h"
#include "mm/fault/fault.h"
#include "mm/mi.h"
#include "mm/pfn/pfn.h"
#include "mm/sysptes/systemspace.h"
#include "mm/ws/shortage.h"

namespace {

constexpr ULONG LARGE_STACK_SIZE = 60 * 1024;
constexpr ULONG GUARD_PAGES = 1;

constexpr ULONG PagesOf(bool large) { return (large ? LARGE_STACK_SIZE : KERNEL_STACK_SIZE) / PAGE_SIZE; }

/// Takes the pages from their entries, lets all processors forget them at once, and gives them back.
void FreePages(MMPTE* first, ULONG pages) {
    if (pages == 0) return;
    PFN_NUMBER frames[LARGE_STACK_SIZE / PAGE_SIZE];
    for (ULONG i = 0; i < pages; i++) {
        NT_ASSERT(first[i].Hard.Valid); // a thread ends with its stack in memory
        frames[i] = first[i].Hard.PageFrameNumber;
        first[i].Long = 0;
    }
    KeFlushRangeTb(MiGetVirtualAddressMappedByPte(first), pages, nullptr);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    for (ULONG i = 0; i < pages; i++)
        MiDeletePfn(frames[i]);
}

/// Gives an entry a page. @returns false: memory is short.
bool MapNewPage(MMPTE* pte) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (!MiMayTakePage()) return false;
    const PFN_NUMBER frame = MiRemoveAnyPage();
    MMPTE original{};
    original.Soft.Protection = MM_READWRITE;
    pte->Long = original.Long; // what the entry is when the page has left memory
    MiInitializePfn(frame, pte, true);
    MiPfnElement(frame)->u4.KernelStack = 1;
    pte->Long = MiKernelPte(frame).Long;
    return true;
}

/// Gives each entry a page; none if memory is short.
bool MapNewPages(MMPTE* first, ULONG pages) {
    for (ULONG i = 0; i < pages; i++) {
        if (MapNewPage(first + i)) continue;
        first[i].Long = 0;
        FreePages(first, i);
        return false;
    }
    return true;
}

PVOID MakeStack(ULONG pages) {
    MMPTE* const run = MiReserveSystemSpace(GUARD_PAGES + pages);
    if (!run) return nullptr;
    if (MapNewPages(run + GUARD_PAGES, pages)) return MiGetVirtualAddressMappedByPte(run + GUARD_PAGES + pages);
    MiReleaseSystemSpace(run, GUARD_PAGES + pages);
    return nullptr;
}

} // namespace

PVOID NTAPI MmCreateKernelStack(BOOLEAN LargeStack) {
    const ULONG pages = PagesOf(LargeStack);
    if (!NT_SUCCESS(MiChargeCommitment(pages, nullptr))) return nullptr;
    for (;;) {
        if (PVOID const stack = MakeStack(pages)) return stack;
        if (KeGetCurrentIrql() <= APC_LEVEL && MiTryToAwaitPages()) continue;
        MiReturnCommitment(pages, nullptr);
        return nullptr;
    }
}

void NTAPI MmDeleteKernelStack(PVOID PointerKernelStack, BOOLEAN LargeStack) {
    const ULONG pages = PagesOf(LargeStack);
    MMPTE* const end = MiGetPteAddress(PointerKernelStack);
    FreePages(end - pages, pages);
    MiReleaseSystemSpace(end - pages - GUARD_PAGES, pages + GUARD_PAGES);
    MiReturnCommitment(pages, nullptr);
}
