// The processor control region of a processor, from the first instruction to its place in KiProcessorBlock.
//
// A processor's block is prepared by the one that starts it, loaded by the processor itself with interrupts off before
// anything that uses fs, and announced when the others may count on it.
// In the books: "processor control region and control block". INT-01, ARC-03
#include "ki386.h"
#include "ke/ki/context.h"
#include "ke/ki/dispatcher.h"
#include "ke/ki/ipi.h"

extern "C" {
// shared: these three are written while a processor starts, one at a time, and only grow
KPRCB* KiProcessorBlock[MAXIMUM_PROCESSORS];
CHAR KeNumberProcessors;      // shared: as above
KAFFINITY KeActiveProcessors; // shared: as above

const ULONG KiProcessorSize = sizeof(KI_PROCESSOR);
}

#if defined(MICA_CHECKED)
extern "C" void NTAPI KiCheckProcessorStays() {
    if (KeNumberProcessors <= 1 || KeGetCurrentIrql() >= DISPATCH_LEVEL || !nt::cpu::InterruptsEnabled()) return;
    const KAFFINITY affinity = KeGetCurrentThread()->Affinity;
    NT_ASSERT((affinity & (affinity - 1)) == 0); // else this thread may move to another processor at any moment
}
#endif

static KI_PROCESSOR KiBootProcessor; // shared: no, the first processor's

PKPRCB NTAPI KiPrepareProcessor(PVOID Memory, ULONG Number, ULONG_PTR StackTop, ULONG_PTR StackLimit) {
    constexpr ULONG_PTR noHandlers = ~ULONG_PTR(0);
    KI_PROCESSOR& processor = *static_cast<KI_PROCESSOR*>(Memory);
    KPCR& pcr = processor.Pcr;
    pcr.NtTib.ExceptionList = reinterpret_cast<EXCEPTION_REGISTRATION_RECORD*>(noHandlers);
    pcr.NtTib.StackBase = reinterpret_cast<PVOID>(StackTop);
    pcr.NtTib.StackLimit = reinterpret_cast<PVOID>(StackLimit);
    pcr.NtTib.Self = &pcr.NtTib;
    pcr.SelfPcr = &pcr;
    pcr.Prcb = &pcr.PrcbData;
    pcr.Irql = HIGH_LEVEL;
    pcr.MajorVersion = pcr.MinorVersion = 1;
    pcr.Number = UCHAR(Number);
    pcr.SetMember = KAFFINITY(1) << Number;
    pcr.PrcbData.Number = Number;
    pcr.PrcbData.SetMember = pcr.SetMember;
    KiInitializeGdt(processor);
    KiInitializeIdt(processor);
    return pcr.Prcb;
}

void NTAPI KiLoadProcessor(PKPRCB Prcb) {
    const KPCR& pcr = *CONTAINING_RECORD(Prcb, const KPCR, PrcbData);
    KiLoadGdt(pcr);
    KiLoadIdt(pcr);
    KiInitializeFastCall(pcr);
    KiInitializeNpx();
}

void NTAPI KiAnnounceProcessor(PKPRCB Prcb) {
    if (Prcb->Number != 0) KiSendDispatchInterrupt = KiIpiSendDispatch;
    KiProcessorBlock[Prcb->Number] = Prcb;
    __atomic_or_fetch(&KeActiveProcessors, Prcb->SetMember, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&KeNumberProcessors, CHAR(1), __ATOMIC_SEQ_CST);
}

void NTAPI KiInitializeBootProcessor(ULONG_PTR StackTop, ULONG_PTR StackLimit) {
    KPRCB* const prcb = KiPrepareProcessor(&KiBootProcessor, 0, StackTop, StackLimit);
    KiLoadProcessor(prcb);
    KiAnnounceProcessor(prcb);
    KiInitializeLockQueue(prcb); // before the dispatcher: the memory manager uses numbered locks
}
