// Faults on addresses of system space: a directory entry that came later, and the kernel's own mistakes.
//
// A page directory that lacks an entry of system space gets it, at any IRQL. Below DISPATCH_LEVEL pages are brought in that leave
// memory (systempage.cpp), and pages of views that the system has mapped (section/systemview.cpp). What is left is a mistake: user
// mode gets an exception, kernel mode stops the system.
// Locks: none. IRQL: any. In the books: "page fault handling", "system address space". MEM-05, MEM-06, TRP-02
#include "i386/trap.h"
#include "ke.h"
#include "mm/fault/fault.h"
#include "mm/pages.h"
#include "mm/pool/mipool.h"
#include "mm/section/systemview.h"

namespace {

/// The entry that the processor uses for a mapped address: that of a page, or of a large page.
MMPTE EntryOf(PVOID address) {
    const MMPTE pde = *MiGetPdeAddress(address);
    return pde.Hard.LargePage ? pde : *MiGetPteAddress(address);
}

} // namespace

NTSTATUS MiResolveSystemFault(PVOID address, bool write, KPROCESSOR_MODE previousMode, PVOID trapInformation) {
    if (previousMode == UserMode) return STATUS_ACCESS_VIOLATION;
    auto* const frame = static_cast<KTRAP_FRAME*>(trapInformation);
    const auto at = reinterpret_cast<ULONG_PTR>(address);
    const ULONG_PTR instruction = frame ? frame->Eip : 0;
    if (MmLoadSystemPde(at)) {
        const MMPTE entry = EntryOf(address); // a pageable page may have left since
        if (entry.Hard.Valid && (!write || entry.Hard.Write)) return STATUS_SUCCESS;
        if (entry.Hard.Valid) KeBugCheck2(ATTEMPTED_WRITE_TO_READONLY_MEMORY, at, instruction, 0, 0, frame);
    }
    if (KeGetCurrentIrql() < DISPATCH_LEVEL) {
        NTSTATUS status = STATUS_NOT_FOUND;
        if (MiIsPageable(address)) status = MiResolvePageableFault(address, write, trapInformation);
        if (MiIsSystemView(address)) status = MiResolveSystemViewFault(address, write);
        if (status != STATUS_NOT_FOUND) return status;
    }
    if (const ULONG code = MiSpecialPoolFault(address)) KeBugCheck2(code, at, write, instruction, 0, frame);
    if (const KIRQL irql = KeGetCurrentIrql(); irql >= DISPATCH_LEVEL)
        KeBugCheck2(IRQL_NOT_LESS_OR_EQUAL, at, ULONG_PTR(irql), write, instruction, frame);
    KeBugCheck2(PAGE_FAULT_IN_NONPAGED_AREA, at, write, instruction, 0, frame);
}
