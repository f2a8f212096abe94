// Freezing: one processor shows or changes the system, the others stand still with their registers on show.
//
// The target waits with interrupts off, so nothing of it moves. After a bugcheck no target is thawed: the targets halt.
// Locks: none; the first processor that asks is the owner, another that asks meanwhile is frozen itself.
// IRQL: any; interrupts are off while frozen.
// In the books: "crash dump analysis", "kernel debugging". TRP-09, TOL-06
#include "ke/ki.h"
#include "ke/ki/ipi.h"
#include "i386/trap.h"
#include "nt/interrupts.h"

namespace {

constexpr ULONG PATIENCE = 10'000; ///< microseconds that a processor has to come

volatile LONG Owner; ///< shared: interlocked; number of the processor that froze the others, plus 1
LONG Depth;          ///< shared: the owner's

KAFFINITY OtherProcessors() {
    return __atomic_load_n(&KeActiveProcessors, __ATOMIC_ACQUIRE) & ~KeGetCurrentPrcb()->SetMember;
}

KAFFINITY NotFrozen(KAFFINITY processors) {
    KAFFINITY missing = 0;
    for (KAFFINITY rest = processors; rest; rest &= rest - 1) {
        const KPRCB* const prcb = KiProcessorBlock[__builtin_ctz(rest)];
        if (prcb->IpiFrozen != TARGET_FROZEN) missing |= prcb->SetMember;
    }
    return missing;
}

/// Stands still, with interrupts off, until the owner changes IpiFrozen. If that is the bugcheck's processor, it never
/// does. Another one's freeze ends: it may be the bugcheck's processor that waits here.
void WaitForThaw(const KPRCB& prcb) {
    while (prcb.IpiFrozen == TARGET_FROZEN) {
        const LONG owner = Owner; // read once: a thaw may come between two looks; 0 is no owner
        if (owner != 0 && owner == KiBugCheckOwner) HalProcessorHalt(); // for ever
        YieldProcessor();
    }
}

/// One that stands still already (it came to a bugcheck second) is not asked.
void AskToFreeze(KAFFINITY processors) {
    for (KAFFINITY rest = processors; rest; rest &= rest - 1)
        InterlockedCompareExchange(&KiProcessorBlock[__builtin_ctz(rest)]->IpiFrozen, FREEZE_WANTED, RUNNING);
    KiIpiSend(processors, IPI_FREEZE);
}

} // namespace

void NTAPI KiFreezeTargetExecution(KTRAP_FRAME* TrapFrame) {
    const nt::InterruptsOff off;
    KPRCB& prcb = *KeGetCurrentPrcb();
    CONTEXT& context = prcb.ProcessorState.ContextFrame;
    if (TrapFrame) {
        context.ContextFlags = CONTEXT_FULL;
        KeContextFromKframes(TrapFrame, nullptr, &context);
    } else {
        RtlCaptureContext(&context);
        prcb.DebuggerSavedIRQL = KeGetCurrentIrql();
    }
    // The request may be an old one: only while the freeze lasts is there a processor to thaw.
    if (InterlockedCompareExchange(&prcb.IpiFrozen, TARGET_FROZEN, FREEZE_WANTED) == FREEZE_WANTED) WaitForThaw(prcb);
}

void NTAPI KiStandStill() {
    const nt::InterruptsOff off;
    KPRCB& prcb = *KeGetCurrentPrcb();
    InterlockedExchange(&prcb.IpiFrozen, TARGET_FROZEN);
    WaitForThaw(prcb);
}

extern "C" {

void NTAPI KeFreezeExecution() {
    KPRCB& prcb = *KeGetCurrentPrcb();
    const auto self = LONG(prcb.Number) + 1;
    while (InterlockedCompareExchange(&Owner, self, 0) != 0 && Owner != self) {
        KiIpiProcessRequests(nullptr); // another processor was first
        YieldProcessor();
    }
    if (Depth++ != 0) return;
    prcb.IpiFrozen = FREEZE_OWNER;
    const KAFFINITY others = OtherProcessors();
    if (others == 0) return;
    AskToFreeze(others);
    for (ULONG waited = 0; waited < PATIENCE && NotFrozen(others); ++waited)
        KeStallExecutionProcessor(1);
}

void NTAPI KeThawExecution() {
    if (--Depth != 0) return;
    for (KAFFINITY rest = OtherProcessors(); rest; rest &= rest - 1)
        InterlockedExchange(&KiProcessorBlock[__builtin_ctz(rest)]->IpiFrozen, RUNNING);
    KeGetCurrentPrcb()->IpiFrozen = RUNNING;
    InterlockedExchange(&Owner, 0);
}
}
