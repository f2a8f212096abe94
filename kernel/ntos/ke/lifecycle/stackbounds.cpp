// KeQueryStackBounds: which stack an address lies on. Exception dispatch and stack traces read frames only inside it.
//
// A processor is on one of a few stacks: its thread's, the DPC stack, or (in the TIB, before the first thread) the boot
// stack. A debugger asks about the others' too. A fault can leave a processor on none of them; then the mapped pages above
// the address have to do.
// In the books: "kernel stacks", "exception dispatching". EXC-03, TRP-09
#include "ke/processor.h"
#include "mm/pages.h"
#include "nt/interrupts.h"

namespace {

constexpr ULONG UNKNOWN_STACK_PAGES = 4;

bool Contains(ULONG_PTR address, ULONG_PTR low, ULONG_PTR high) {
    return low < high && address >= low && address < high;
}

} // namespace

extern "C" void NTAPI KeQueryStackBounds(ULONG_PTR Address, ULONG_PTR* StackLow, ULONG_PTR* StackHigh) {
    const nt::InterruptsOff stays; // the thread on its processor, and the other processors' threads off this one
    const KPCR* const pcr = KeGetPcr();
    const auto number = [](const void* address) { return reinterpret_cast<ULONG_PTR>(address); };
    const auto found = [&](ULONG_PTR low, ULONG_PTR high) {
        *StackLow = low;
        *StackHigh = high;
        return Contains(Address, low, high);
    };

    const auto onStackOf = [&](const KPRCB* prcb) {
        const KTHREAD* const thread = prcb->CurrentThread;
        if (thread && found(number(thread->StackLimit), number(thread->InitialStack))) return true;
        return prcb->DpcStack && found(number(prcb->DpcStack) - DPC_STACK_SIZE, number(prcb->DpcStack));
    };

    if (pcr->Prcb && onStackOf(pcr->Prcb)) return; // without one: the first processor, before it has a control block
    if (found(number(pcr->NtTib.StackLimit), number(pcr->NtTib.StackBase))) return;
    for (const KPRCB* prcb : KiProcessorBlock)
        if (prcb && onStackOf(prcb)) return;

    ULONG_PTR end = Address & ~ULONG_PTR(PAGE_SIZE - 1);
    for (ULONG page = 0; page < UNKNOWN_STACK_PAGES && MmIsAddressValid(reinterpret_cast<const void*>(end)); page++)
        end += PAGE_SIZE;
    *StackLow = Address;
    *StackHigh = end > Address ? end : Address;
}
