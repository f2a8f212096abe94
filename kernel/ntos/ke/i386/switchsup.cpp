// What the dispatcher needs of the processor beyond the context switch: current thread, page directory, interrupt flag.
// Also the assertions that keep asmoffsets.h true.
// IRQL: as ki/context.h says.
// In the books: "context switching", "processor control region". SCH-14, KPR-03
#include "i386/cpu.h"
#include "i386/descriptor.h"
#include "i386/trap.h"
#include "ke/i386/asmoffsets.h"
#include "ke/ki.h"

static_assert(offsetof(KPCR, NtTib.StackBase) == PCR_STACK_BASE && offsetof(KPCR, NtTib.StackLimit) == PCR_STACK_LIMIT);
static_assert(offsetof(KPCR, Prcb) == PCR_PRCB && offsetof(KPCR, TSS) == PCR_TSS);
static_assert(offsetof(KPRCB, CurrentThread) == PRCB_CURRENT_THREAD);
static_assert(offsetof(KPRCB, ContextSwitches) == PRCB_CONTEXT_SWITCHES);
static_assert(offsetof(KTSS, Esp0) == TSS_ESP0);
static_assert(offsetof(KTHREAD, InitialStack) == THREAD_INITIAL_STACK);
static_assert(offsetof(KTHREAD, StackLimit) == THREAD_STACK_LIMIT);
static_assert(offsetof(KTHREAD, KernelStack) == THREAD_KERNEL_STACK);
static_assert(offsetof(KTHREAD, ApcState.Process) == THREAD_PROCESS);
static_assert(offsetof(KTHREAD, SwapBusy) == THREAD_SWAP_BUSY);
static_assert(offsetof(KTHREAD, ContextSwitches) == THREAD_CONTEXT_SWITCHES);
static_assert(offsetof(KPROCESS, DirectoryTableBase) == PROCESS_DIRECTORY_TABLE);
static_assert(static_cast<UCHAR>(APC_LEVEL) == APC_LEVEL_NUMBER && MICA_THREAD_RETURNED == MICA_THREAD_RETURNED_CODE);
static_assert(DPC_STACK_SIZE == DPC_STACK_BYTES && offsetof(KPCR, NtTib.ExceptionList) == PCR_EXCEPTION_LIST);
static_assert(MICA_LAB_NOT_IMPLEMENTED == MICA_LAB_NOT_IMPLEMENTED_CODE);

// One instruction, so that it is right at any IRQL: a thread that moves to another processor before or after it still
// reads its own.
PKTHREAD NTAPI KeGetCurrentThread() {
    KTHREAD* thread;
    __asm__ __volatile__("movl %%fs:%c1, %0"
                         : "=r"(thread)
                         : "i"(offsetof(KPCR, PrcbData) + offsetof(KPRCB, CurrentThread)));
    return thread;
}

void KiLoadDirectoryTable(const KPROCESS* Process) { nt::cpu::WriteCr3(Process->DirectoryTableBase[0]); }

void KiLoadTebSegment(PVOID Teb) {
    const auto base = reinterpret_cast<ULONG_PTR>(Teb);
    KGDTENTRY& entry = KeGetPcr()->GDT[KGDT_R3_TEB / sizeof(KGDTENTRY)];
    entry.BaseLow = USHORT(base);
    entry.BaseMid = UCHAR(base >> 16);
    entry.BaseHi = UCHAR(base >> 24);
}

void KiDisableInterrupts() { nt::cpu::DisableInterrupts(); }

void KiEnableInterrupts() { nt::cpu::EnableInterrupts(); }

bool KiIsUserFrame(const KTRAP_FRAME* TrapFrame) { return TrapFrame && KiPreviousMode(*TrapFrame) == UserMode; }
