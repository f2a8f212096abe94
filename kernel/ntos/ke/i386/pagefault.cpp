// Page faults. There is no paging yet: every fault of kernel code is a mistake, or an access that a handler expects.
//
// Two kinds are settled at any IRQL: a page directory that lacks an entry of system space gets it, and kernel code that writes
// what it may only read (its own code) ends the system.
// At DISPATCH_LEVEL or above a fault could never be resolved, whatever the page (resolving may wait): that is a
// bugcheck without asking any handler. Below, it is an access violation: [0] 0 read, 1 write; [1] the address.
// In the books: "page fault handling", "IRQL and pageable memory". TRP-02, EXC-01
#include "ki386.h"
#include "ldr.h"
#include "mm/pages.h"

// Bits of the error code.
constexpr ULONG FAULT_PROTECTION = 1u << 0; ///< the page is there, the access is not allowed
constexpr ULONG FAULT_WRITE = 1u << 1;      ///< the access was a write

void KiPageFault(KTRAP_FRAME& frame, ULONG_PTR address) {
    const ULONG_PTR write = (frame.ErrCode & FAULT_WRITE) ? 1 : 0;
    const bool there = (frame.ErrCode & FAULT_PROTECTION) != 0;
    if (address >= LDR_SYSTEM_SPACE && KiPreviousMode(frame) == KernelMode) {
        if (!there && MmLoadSystemPde(address)) return;
        if (there && write) KeBugCheck2(ATTEMPTED_WRITE_TO_READONLY_MEMORY, address, frame.Eip, 0, 0, &frame);
    }
    const KIRQL irql = KeGetCurrentIrql();
    if (irql >= DISPATCH_LEVEL) KeBugCheck2(IRQL_NOT_LESS_OR_EQUAL, address, ULONG_PTR(irql), write, frame.Eip, &frame);
    KiDispatchTrapException(frame, STATUS_ACCESS_VIOLATION, 2, write, address);
}
