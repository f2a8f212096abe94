// The HAL of the fake machine: IRQL, software interrupts, halting; and what the kernel asks of the processor.
//
// As lazy as the real one: raising writes the level, lowering delivers what is pending above the new level.
#include "fiber.h"
#include "ke/ki.h"
#include "machine.h"

#include <atomic>
#include <cstdlib>

namespace {

/// Outside of a machine (tests of single routines) each thread of the host is a processor at PASSIVE_LEVEL. It takes no
/// interrupts, so two of them can really contend for a lock.
KPCR* LonelyProcessor() {
    static std::atomic<unsigned> started;
    thread_local KPCR pcr;
    if (!pcr.Prcb) {
        pcr.Number = UCHAR(started++ % MAXIMUM_PROCESSORS);
        pcr.PrcbData.Number = pcr.Number;
        pcr.Prcb = &pcr.PrcbData;
    }
    return &pcr;
}

constexpr ULONG DispatchBit = 1u << unsigned(DISPATCH_LEVEL);
constexpr ULONG ApcBit = 1u << unsigned(APC_LEVEL);

} // namespace

KPCR* KeGetPcr() {
    host::Machine* const machine = host::Machine::Current();
    return machine ? machine->Pcr() : LonelyProcessor();
}

PKTHREAD NTAPI KeGetCurrentThread() { return KeGetPcr()->Prcb->CurrentThread; }

/// A lonely processor's thread stays there.
void NTAPI KiCheckProcessorStays() {
    if (!host::Machine::Current() || KeNumberProcessors == 1 || KeGetCurrentIrql() >= DISPATCH_LEVEL) return;
    const KAFFINITY affinity = KeGetCurrentThread()->Affinity;
    NT_ASSERT((affinity & (affinity - 1)) == 0);
}

void HostYieldProcessor() {
    if (host::Machine* const machine = host::Machine::Current()) machine->Yield();
}

KIRQL NTAPI KeGetCurrentIrql() { return KeGetPcr()->Irql; }

KIRQL FASTCALL KfRaiseIrql(KIRQL NewIrql) {
    const KIRQL old = KeGetPcr()->Irql;
    NT_ASSERT(NewIrql >= old);
    KeGetPcr()->Irql = NewIrql;
    return old;
}

/// Delivers one pending software interrupt above `target`. @returns whether there was one
static bool DeliverSoftwareInterrupt(KIRQL target) {
    KPCR* const pcr = KeGetPcr();
    if (target < DISPATCH_LEVEL && (pcr->IRR & DispatchBit) != 0) {
        pcr->IRR &= ~DispatchBit;
        pcr->Irql = DISPATCH_LEVEL;
        KiDispatchInterrupt(); // this flow may go on later, on another processor
        return true;
    }
    if (target < APC_LEVEL && (pcr->IRR & ApcBit) != 0) {
        pcr->IRR &= ~ApcBit;
        pcr->Irql = APC_LEVEL;
        KiDeliverApc(KernelMode, nullptr, nullptr);
        return true;
    }
    return false;
}

void FASTCALL KfLowerIrql(KIRQL NewIrql) {
    NT_ASSERT(NewIrql <= KeGetPcr()->Irql);
    do
        KeGetPcr()->Irql = NewIrql;
    while (DeliverSoftwareInterrupt(NewIrql));
}

KIRQL NTAPI KeRaiseIrqlToDpcLevel() { return KfRaiseIrql(DISPATCH_LEVEL); }

KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK SpinLock) {
    const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
    KefAcquireSpinLockAtDpcLevel(SpinLock);
    return old;
}

void FASTCALL KfReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql) {
    KefReleaseSpinLockFromDpcLevel(SpinLock);
    KfLowerIrql(OldIrql);
}

void FASTCALL HalRequestSoftwareInterrupt(KIRQL RequestIrql) {
    KeGetPcr()->IRR |= 1u << unsigned(RequestIrql);
    KfLowerIrql(KeGetCurrentIrql());
}

void FASTCALL HalClearSoftwareInterrupt(KIRQL RequestIrql) { KeGetPcr()->IRR &= ~(1u << unsigned(RequestIrql)); }

void NTAPI KiRequestApcInterrupt(PKPRCB Prcb) { host::Machine::Current()->Wake(Prcb->SetMember, APC_LEVEL); }

void NTAPI HalProcessorIdle() { host::Machine::Current()->Halt(); }

void KiDisableInterrupts() {}
void KiEnableInterrupts() {}
bool KiIsUserFrame(const KTRAP_FRAME* TrapFrame) { return TrapFrame != nullptr; }

void KiLoadTebSegment(PVOID) {}

void KiLoadDirectoryTable(const KPROCESS* Process) {
    host::Machine* const machine = host::Machine::Current();
    machine->LoadedDirectory = Process->DirectoryTableBase[0];
    machine->DirectoryLoads++;
}

void NTAPI KiRetireDpcListOnStack(PKPRCB Prcb, PVOID) { KiRetireDpcList(Prcb); }

void NTAPI KiInitializeContextThread(PKTHREAD Thread, PKSYSTEM_ROUTINE SystemRoutine, PKSTART_ROUTINE StartRoutine,
                                     PVOID StartContext) {
    Thread->KernelStack = host::Machine::Current()->MakeFiber([=] {
        KfLowerIrql(APC_LEVEL);
        SystemRoutine(StartRoutine, StartContext);
        KeBugCheckEx(MICA_THREAD_RETURNED, reinterpret_cast<ULONG_PTR>(Thread), 0, 0, 0);
    });
}

// Fibers keep the host's own registers.
void KiSaveNpx(PKTHREAD) {}
void KiLoadNpx(PVOID) {}

void FASTCALL KiSwapContext(PKTHREAD OldThread, PKTHREAD NewThread) {
    if (OldThread->ApcState.Process != NewThread->ApcState.Process) KiLoadDirectoryTable(NewThread->ApcState.Process);
    KeGetCurrentPrcb()->ContextSwitches++;
    NewThread->ContextSwitches++;
    OldThread->SwapBusy = FALSE;
    host::Machine::Current()->SwapFibers(OldThread, NewThread);
}
