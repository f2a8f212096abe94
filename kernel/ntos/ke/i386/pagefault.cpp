// Page faults: from the processor's error code to the memory manager, and from its answer to an exception.
//
// Exceptions tell [0] 0 a read, 1 a write; [1] the address. A page that could not be read is STATUS_IN_PAGE_ERROR, with the reason
// in [2]. With interrupts off no fault in the user's half can be resolved, for that may wait: a bugcheck that says IRQL 255.
// In the books: "page fault handling", "IRQL and pageable memory". TRP-02, EXC-01, MEM-05
#include "ki386.h"
#include "ldr.h"
#include "mm/pages.h"

namespace {

constexpr ULONG FAULT_WRITE = 1u << 1;          ///< of the error code: the access was a write
constexpr ULONG_PTR INTERRUPTS_DISABLED = 0xFF; ///< documented, in the place of an IRQL

} // namespace

void KiPageFault(KTRAP_FRAME& frame, ULONG_PTR address) {
    const ULONG_PTR write = (frame.ErrCode & FAULT_WRITE) ? 1 : 0;
    if (address < LDR_SYSTEM_SPACE && !(frame.EFlags & nt::cpu::EFLAGS_INTERRUPT))
        KeBugCheck2(IRQL_NOT_LESS_OR_EQUAL, address, INTERRUPTS_DISABLED, write, frame.Eip, &frame);
    KiGiveInterruptsBack(frame);
    const NTSTATUS status = MmAccessFault(write, reinterpret_cast<PVOID>(address), KiPreviousMode(frame), &frame);
    if (NT_SUCCESS(status)) return;
    switch (status) {
    case STATUS_ACCESS_VIOLATION:
    case STATUS_GUARD_PAGE_VIOLATION:
    case STATUS_STACK_OVERFLOW: return KiDispatchTrapException(frame, status, 2, write, address);
    default: KiDispatchTrapException(frame, STATUS_IN_PAGE_ERROR, 3, write, address, static_cast<ULONG_PTR>(status));
    }
}
