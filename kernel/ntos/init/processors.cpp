// KeStartAllProcessors: the other processors, one after the other, each into its own idle loop.
//
// The first processor gives each a block (KPCR, KPRCB, tables), stacks, an idle thread and an event ring, and lets the
// HAL start it with the registers that it has itself. The new one loads its block, switches its interrupt controller and
// its clock on, and joins.
// IRQL: PASSIVE_LEVEL, phase 1. In the books: "startup: application processors". BOO-04, SCH-02
#include "ex.h"
#include "hal.h"
#include "i386/cpu.h"
#include "init/init.h"
#include "kd.h"
#include "ke.h"
#include "ke/options.h"
#include "mm.h"
#include "ps.h"
#include "rtl.h"

namespace {

constexpr ULONG IDLE_THREAD_TAG = 'eldI';

constexpr ULONG PagesOf(ULONG bytes) { return (bytes + PAGE_SIZE - 1) / PAGE_SIZE; }

/// Where a new processor begins, on its idle thread's stack. Interrupts are off.
[[noreturn]] void NTAPI ProcessorStartup(PKPRCB prcb) {
    KiLoadProcessor(prcb);
    HalInitializeProcessor(prcb->Number, KeLoaderBlock);
    KiAnnounceProcessor(prcb);
    KfLowerIrql(DISPATCH_LEVEL);
    KiIdleLoop();
}

/// What a processor needs of memory. It stays even if the processor never comes.
/// @returns nullptr if memory is short
KPRCB* PrepareProcessor(ULONG number, ULONG_PTR* stackTop) {
    PVOID const block = MmAllocateContiguousPages(PagesOf(KiProcessorSize));
    PVOID const stack = MmCreateKernelStack(FALSE);
    PVOID const dpcStack = MmCreateKernelStack(FALSE);
    auto* const thread = static_cast<ETHREAD*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(ETHREAD), IDLE_THREAD_TAG));
    if (!block || !stack || !dpcStack || !thread || !InitEventRing(number)) return nullptr;

    *stackTop = reinterpret_cast<ULONG_PTR>(stack);
    KPRCB* const prcb = KiPrepareProcessor(block, number, *stackTop, *stackTop - KERNEL_STACK_SIZE);
    KiInitializeDispatcher(prcb);
    prcb->DpcStack = dpcStack;
    ExInitializeProcessorPool(prcb);
    RtlZeroMemory(thread, sizeof *thread);
    thread->ThreadsProcess = PsIdleProcess;
    (void)RtlStringCbPrintf(thread->ThreadName, sizeof thread->ThreadName, "Idle%u", number); // fits
    KiInitializeIdleThread(prcb, &thread->Tcb, &PsIdleProcess->Pcb, stack,
                           static_cast<UCHAR*>(stack) - KERNEL_STACK_SIZE);
    return prcb;
}

/// The registers to start with: this processor's, and a stack that looks like a call of ProcessorStartup(prcb).
KPROCESSOR_STATE StartState(KPRCB* prcb, ULONG_PTR stackTop) {
    auto* const stack = reinterpret_cast<ULONG_PTR*>(stackTop) - 2;
    stack[0] = 0; // nowhere to return to: the end of every backtrace
    stack[1] = reinterpret_cast<ULONG_PTR>(prcb);
    KPROCESSOR_STATE state{};
    state.SpecialRegisters = {nt::cpu::ReadCr0(), 0, nt::cpu::ReadCr3(), nt::cpu::ReadCr4()};
    state.ContextFrame.Esp = reinterpret_cast<ULONG_PTR>(stack);
    state.ContextFrame.Eip = reinterpret_cast<ULONG_PTR>(ProcessorStartup);
    return state;
}

} // namespace

extern "C" void NTAPI KeStartAllProcessors() {
    const ULONG limit =
        KeLoaderOptions.ProcessorLimit < MAXIMUM_PROCESSORS ? KeLoaderOptions.ProcessorLimit : MAXIMUM_PROCESSORS;
    for (ULONG number = 1; number < limit && HalQueryOtherProcessors(); number++) {
        ULONG_PTR stackTop;
        KPRCB* const prcb = PrepareProcessor(number, &stackTop);
        if (!prcb) return;
        const KPROCESSOR_STATE state = StartState(prcb, stackTop);
        if (HalStartNextProcessor(KeLoaderBlock, &state)) continue;
        DbgPrint("processor %u does not start\n", number);
        return;
    }
}
