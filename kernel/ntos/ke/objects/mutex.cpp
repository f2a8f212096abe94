// Mutexes (KMUTEX): mutants of the kernel's own.
//
// A normal kernel APC of the owner could wait for what the owner holds. So owning a mutex is a critical region: the first
// acquisition counts the owner's KernelApcDisable down by ApcDisable, the last release counts it up. A thread that acquires
// by a wait which another thread satisfies is counted there, under KiDispatcherLock: it waits, and changes nothing itself.
// Locks: KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: mutexes", "critical regions". DSP-04, INT-15
#include "ke/ki.h"

namespace {

/// Boost of the next owner (MUTANT_INCREMENT).
constexpr KPRIORITY MutexIncrement = 1;

/// The last release has ended the owner's region: delivers what it held back. A wait that follows at once delivers it too.
void LeaveRegion(KTHREAD* thread) {
    NT_ASSERT(thread->KernelApcDisable < 0);
    thread->KernelApcDisable = SHORT(thread->KernelApcDisable + 1);
    if (thread->KernelApcDisable != 0 || thread->SpecialApcDisable != 0) return; // another region is around it
    if (!IsListEmpty(&thread->ApcState.ApcListHead[ULONG(KernelMode)])) KiRequestApcDelivery(thread);
}

} // namespace

NTSTATUS KiSatisfyMutant(PKMUTANT Mutant, PKTHREAD Thread) {
    const bool wasFree = Mutant->Header.SignalState > 0;
    const NTSTATUS status = KiTakeMutant(Mutant, Thread);
    if (wasFree && Mutant->ApcDisable) Thread->KernelApcDisable = SHORT(Thread->KernelApcDisable - Mutant->ApcDisable);
    return status;
}

void NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG) {
    KeInitializeMutant(Mutex, FALSE);
    Mutex->ApcDisable = 1;
}

LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait) {
    const LONG oldState = KeReleaseMutant(Mutex, MutexIncrement, FALSE, Wait); // raises unless the caller owns it
    if (oldState == 0) LeaveRegion(KeGetCurrentThread());
    return oldState;
}

LONG NTAPI KeReadStateMutex(PRKMUTEX Mutex) { return KeReadStateMutant(Mutex); }

NTSTATUS NTAPI KeWaitForMutexObject(PRKMUTEX Mutex, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                    BOOLEAN Alertable, PLARGE_INTEGER Timeout) {
    return KeWaitForSingleObject(Mutex, WaitReason, WaitMode, Alertable, Timeout);
}
