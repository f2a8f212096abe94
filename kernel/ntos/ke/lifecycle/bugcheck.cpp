// KeBugCheckEx: the controlled stop after a fatal error in kernel mode.
//
// Everything is shown on the screen and on COM1 by DbgPrint, which works at any IRQL and from inside itself. The
// registers and the backtrace are those of the trap, or of KeBugCheckEx's caller (ke/i386/trap.S saves them before
// any code runs). A fault during all this must not start it again: the second bugcheck says one line, the third only
// stops. The other processors are frozen first, and each one's place is shown; one that comes here while another is at it
// stands still and is shown with the rest.
// In the books: "crash dump analysis: why does Windows crash? the blue screen". TRP-09
#include "ke.h"
#include "etw.h"
#include "hal.h"
#include "i386/trap.h"
#include "kd.h"
#include "ke/lifecycle/bugcodes.h"
#include "ke/ki/bugcheckcallback.h"
#include "ke/ki/ipi.h"
#include "ke/explore.h"
#include "ke/options.h"
#include "nt/interrupts.h"

extern "C" {
ULONG_PTR KiBugCheckData[5];   // shared: written once, by the processor that KiBugCheckOwner names
volatile LONG KiBugCheckOwner; // shared: interlocked
}

namespace {

LONG KiBugCheckDepth;               // shared: the owner's
constexpr UCHAR BLUE_SCREEN = 0x1F; ///< VGA attribute: white on blue

/// What the parameters of Mica's own codes mean, in words.
void DescribeParameters(const ULONG_PTR (&data)[5]) {
    const auto text = [](ULONG_PTR address) { return reinterpret_cast<PCSTR>(address); };
    if (data[0] == MICA_LAB_NOT_IMPLEMENTED)
        DbgPrint("exercise %s is not implemented: %s:%u\n", text(data[1]), text(data[2]), ULONG(data[3]));
    if (data[0] == MICA_ASSERTION_FAILED)
        DbgPrint("assertion failed: %s: %s:%u\n", text(data[1]), text(data[2]), ULONG(data[3]));
}

void ShowRegisters(const CONTEXT& c) {
    DbgPrint("eax=%08x ebx=%08x ecx=%08x edx=%08x esi=%08x edi=%08x\n", c.Eax, c.Ebx, c.Ecx, c.Edx, c.Esi, c.Edi);
    DbgPrint("eip=%08x esp=%08x ebp=%08x efl=%08x cs=%04x ss=%04x\n", c.Eip, c.Esp, c.Ebp, c.EFlags, c.SegCs, c.SegSs);
}

void ShowProcessor(const KPRCB& prcb, const CONTEXT& context, KIRQL irql) {
    DbgPrint("processor %u, IRQL %u, thread %08x\n", prcb.Number, ULONG(irql),
             ULONG(reinterpret_cast<ULONG_PTR>(prcb.CurrentThread)));
    if (&prcb == KeGetCurrentPrcb()) ShowRegisters(context);
    KdPrintBacktrace(context.Eip, context.Ebp);
}

void ShowOthers() {
    for (const KPRCB* prcb : KiProcessorBlock) {
        if (!prcb || prcb == KeGetCurrentPrcb()) continue;
        if (prcb->IpiFrozen == TARGET_FROZEN) {
            ShowProcessor(*prcb, prcb->ProcessorState.ContextFrame, prcb->DebuggerSavedIRQL);
        } else {
            DbgPrint("processor %u does not answer\n", prcb->Number);
        }
    }
}

void Show(const ULONG_PTR (&data)[5], const CONTEXT& context, KIRQL irql) {
    HalClearDisplay(BLUE_SCREEN);
    DbgPrint("\n*** STOP: 0x%08x %s (0x%08x, 0x%08x, 0x%08x, 0x%08x)\n", ULONG(data[0]), KiBugCheckName(ULONG(data[0])),
             ULONG(data[1]), ULONG(data[2]), ULONG(data[3]), ULONG(data[4]));
    DescribeParameters(data);
    ShowProcessor(*KeGetCurrentPrcb(), context, irql);
    ShowOthers();
}

/// For a second processor that comes to a bugcheck: the first one shows this place too.
[[noreturn]] void StandStillWith(const CONTEXT& context, KIRQL irql) {
    KPRCB& prcb = *KeGetCurrentPrcb();
    prcb.ProcessorState.ContextFrame = context;
    prcb.DebuggerSavedIRQL = irql;
    for (;;)
        KiStandStill();
}

/// The whole bugcheck. Interrupts are off.
[[noreturn]] void BugCheck(const ULONG_PTR (&data)[5], CONTEXT& context) {
    KxAbort(); // before anything that is a preemption point
    const KIRQL irql = KeGetCurrentIrql();
    (void)KfRaiseIrql(HIGH_LEVEL);
    const auto self = LONG(KeGetCurrentProcessorNumber()) + 1;
    const LONG owner = InterlockedCompareExchange(&KiBugCheckOwner, self, 0);
    if (owner != 0 && owner != self) StandStillWith(context, irql);
    switch (++KiBugCheckDepth) {
    case 1: break;
    case 2: HalDebugPutString("\n*** a second bugcheck while the first was shown\n"); [[fallthrough]];
    default: KiBugCheckStop();
    }
    for (ULONG i = 0; i < 5; ++i)
        KiBugCheckData[i] = data[i];
    EtwTraceEvent(ETW_EVENT::BugCheck, data[0], data[1], data[2], data[3]);
    KeFreezeExecution();
    Show(data, context, irql);
    (void)KiCallBugCheckCallbacks();
    if (KeLoaderOptions.Debug && !KeLoaderOptions.Test) KdEnterMonitor(&context);
    KiBugCheckStop();
}

} // namespace

extern "C" {

void NTAPI KeBugCheck(ULONG BugCheckCode) { KeBugCheckEx(BugCheckCode, 0, 0, 0, 0); }

void NTAPI KeBugCheck2(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2, ULONG_PTR Parameter3,
                       ULONG_PTR Parameter4, KTRAP_FRAME* TrapFrame) {
    const nt::InterruptsOff off;
    CONTEXT context;
    context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(TrapFrame, nullptr, &context);
    BugCheck({BugCheckCode, Parameter1, Parameter2, Parameter3, Parameter4}, context);
}

void NTAPI KeBugCheckContext(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2, ULONG_PTR Parameter3,
                             ULONG_PTR Parameter4, const CONTEXT& Context) {
    const nt::InterruptsOff off;
    CONTEXT context = Context;
    BugCheck({BugCheckCode, Parameter1, Parameter2, Parameter3, Parameter4}, context);
}

__attribute__((noinline)) void NTAPI KiBugCheckStop() {
    const nt::InterruptsOff off;
    for (;;)
        HalProcessorHalt();
}
}
