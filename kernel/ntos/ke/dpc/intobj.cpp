// Interrupt objects: connecting service routines to vectors, chains, and synchronizing with a service routine.
//
// Invariants: KiInterruptChain[v] holds the connected objects of vector v in the order of connecting; all of them have
// the same IRQL, mode and processor, and more than one only if all share. The chain changes on the processor that the vector is sent
// to, under KiInterruptLock at HIGH_LEVEL with interrupts off: so none of its service routines runs meanwhile, and one that
// is disconnected has returned. Dispatching walks it with the interrupt in service.
// In the books: "interrupt objects". INT-03, INT-04, HAL-05
#include "ke.h"
#include "etw.h"
#include "hal.h"
#include "i386/trap.h"
#include "nt/interrupts.h"
#include "rtl/string.h"

namespace {

constexpr ULONG VECTORS = 256;
// shared: changed (under KiInterruptLock, with interrupts off) and walked by the one processor that a vector is sent to
LIST_ENTRY KiInterruptChain[VECTORS];
constinit KSPIN_LOCK KiInterruptLock = {};

using Chain = nt::List<&KINTERRUPT::InterruptListEntry>;

/// Calls one service routine with its lock held.
bool CallServiceRoutine(KINTERRUPT& interrupt) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(*interrupt.ActualLock);
    ++interrupt.DispatchCount;
    return interrupt.ServiceRoutine(&interrupt, interrupt.ServiceContext);
}

/// One pass over the chain. @returns whether a service routine claimed the interrupt.
bool CallChain(LIST_ENTRY& head, bool stopAtFirst) REQUIRES_(AtDispatchLevel) {
    bool claimed = false;
    for (KINTERRUPT* interrupt : Chain(head)) {
        if (!CallServiceRoutine(*interrupt)) continue;
        claimed = true;
        if (stopAtFirst) break;
    }
    return claimed;
}

/// A level-sensitive line stays up until every device is served: one claimant is enough, the line brings the rest. A
/// latched line tells of an edge only once: pass after pass until no service routine claims.
void ServeVector(LIST_ENTRY& head) REQUIRES_(AtDispatchLevel) {
    if (Chain(head).Front()->Mode == KINTERRUPT_MODE::LevelSensitive) {
        (void)CallChain(head, true);
        return;
    }
    const bool alone = head.Flink == head.Blink;
    while (CallChain(head, false) && !alone) {}
}

void NTAPI InterruptDispatch(KTRAP_FRAME* TrapFrame, ULONG Vector) {
    LIST_ENTRY& head = KiInterruptChain[Vector];
    const KINTERRUPT* const first = Chain(head).Front();
    NT_ASSERT(first); // the last one's disconnecting took this handler away, here, with interrupts off
    KIRQL oldIrql;
    if (!HalBeginSystemInterrupt(first->Irql, Vector, &oldIrql)) return;
    KeAssertDispatchLevel();
    KPRCB* const prcb = KeGetCurrentPrcb();
    ++prcb->InterruptNesting;
    EtwTraceEvent(ETW_EVENT::Interrupt, Vector, ULONG_PTR(KeGetCurrentIrql()), 0, 0);
    ServeVector(head);
    --prcb->InterruptNesting;
    HalEndSystemInterrupt(oldIrql, Vector);
}

/// Keeps the calling thread on the interrupt's processor.
class OnProcessorOf {
public:
    explicit OnProcessorOf(const KINTERRUPT& interrupt)
        : m_thread(KeGetCurrentThread()), m_affinity(KeSetAffinityThread(m_thread, KAFFINITY(1) << interrupt.Number)) {
        NT_ASSERT(KeGetCurrentIrql() < DISPATCH_LEVEL); // else it goes there too late
    }
    ~OnProcessorOf() { (void)KeSetAffinityThread(m_thread, m_affinity); }
    OnProcessorOf(const OnProcessorOf&) = delete;
    OnProcessorOf& operator=(const OnProcessorOf&) = delete;

private:
    KTHREAD* const m_thread;
    const KAFFINITY m_affinity;
};

bool FitsChain(const KINTERRUPT& interrupt, LIST_ENTRY& head) {
    const KINTERRUPT* const first = Chain(head).Front();
    return first->ShareVector && interrupt.ShareVector && first->Mode == interrupt.Mode &&
           first->Irql == interrupt.Irql && first->Number == interrupt.Number;
}

} // namespace

extern "C" {

void NTAPI KeInitializeInterrupt(PKINTERRUPT Interrupt, PKSERVICE_ROUTINE ServiceRoutine, PVOID ServiceContext,
                                 PKSPIN_LOCK SpinLock, ULONG Vector, KIRQL Irql, KIRQL SynchronizeIrql,
                                 KINTERRUPT_MODE Mode, BOOLEAN ShareVector, CHAR ProcessorNumber) {
    NT_ASSERT(Vector < VECTORS && Irql >= DEVICE_LEVEL_FIRST && SynchronizeIrql >= Irql);
    NT_ASSERT(UCHAR(ProcessorNumber) < MAXIMUM_PROCESSORS && KiProcessorBlock[UCHAR(ProcessorNumber)]);
    RtlZeroMemory(Interrupt, sizeof *Interrupt);
    InitializeListHead(&Interrupt->InterruptListEntry);
    KeInitializeSpinLock(&Interrupt->SpinLock);
    Interrupt->ServiceRoutine = ServiceRoutine;
    Interrupt->ServiceContext = ServiceContext;
    Interrupt->ActualLock = SpinLock ? SpinLock : &Interrupt->SpinLock;
    Interrupt->Vector = Vector;
    Interrupt->Irql = Irql;
    Interrupt->SynchronizeIrql = SynchronizeIrql;
    Interrupt->Mode = Mode;
    Interrupt->ShareVector = ShareVector;
    Interrupt->Number = UCHAR(ProcessorNumber);
}

BOOLEAN NTAPI KeConnectInterrupt(PKINTERRUPT Interrupt) {
    const OnProcessorOf processor(*Interrupt);
    const nt::IrqlGuard irql(HIGH_LEVEL);
    const nt::InterruptsOff off;
    const nt::SpinLockAtDpcGuard guard(KiInterruptLock);
    LIST_ENTRY& head = KiInterruptChain[Interrupt->Vector];
    if (!head.Flink) InitializeListHead(&head);
    if (Interrupt->Connected) return TRUE;
    if (IsListEmpty(&head)) {
        if (KiQueryInterruptHandler(Interrupt->Vector)) return FALSE; // the HAL's own
        Chain(head).PushBack(Interrupt);
        KiSetInterruptHandler(Interrupt->Vector, InterruptDispatch);
        if (!HalEnableSystemInterrupt(Interrupt->Vector, Interrupt->Irql, Interrupt->Mode)) {
            KiSetInterruptHandler(Interrupt->Vector, nullptr);
            RemoveEntryList(&Interrupt->InterruptListEntry);
            return FALSE;
        }
    } else {
        if (!FitsChain(*Interrupt, head)) return FALSE;
        Chain(head).PushBack(Interrupt);
    }
    Interrupt->Connected = TRUE;
    return TRUE;
}

BOOLEAN NTAPI KeDisconnectInterrupt(PKINTERRUPT Interrupt) {
    const OnProcessorOf processor(*Interrupt);
    const nt::IrqlGuard irql(HIGH_LEVEL);
    const nt::InterruptsOff off;
    const nt::SpinLockAtDpcGuard guard(KiInterruptLock);
    if (!Interrupt->Connected) return FALSE;
    Interrupt->Connected = FALSE;
    if (RemoveEntryList(&Interrupt->InterruptListEntry)) {
        HalDisableSystemInterrupt(Interrupt->Vector, Interrupt->Irql);
        KiSetInterruptHandler(Interrupt->Vector, nullptr);
    }
    return TRUE;
}

BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt, PKSYNCHRONIZE_ROUTINE SynchronizeRoutine,
                                     PVOID SynchronizeContext) {
    const nt::IrqlGuard irql(Interrupt->SynchronizeIrql);
    const nt::SpinLockAtDpcGuard guard(*Interrupt->ActualLock);
    return SynchronizeRoutine(SynchronizeContext);
}
}
