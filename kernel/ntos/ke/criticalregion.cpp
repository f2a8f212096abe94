// Critical and guarded regions: stretches of code in which a thread's APCs wait.
//
// The counts go downwards from 0 and belong to their thread alone, so no lock is needed: a delivery to this thread, by an
// interrupt, sees either the region or no region. Who leaves the outermost region looks at the queue himself, because a
// delivery that came meanwhile found the region and left.
// IRQL: <= APC_LEVEL.
// In the books: "critical regions and guarded regions". INT-15
#include "ke/ki.h"

namespace {

/// The last region of one kind has ended: delivers what it held back.
void DeliverHeldBack(KTHREAD* thread) {
    if (IsListEmpty(&thread->ApcState.ApcListHead[ULONG(KernelMode)])) return;
    if (thread->SpecialApcDisable == 0) KiRequestApcDelivery(thread); // else the guarded region around this one will
}

} // namespace

void NTAPI KeEnterCriticalRegion() {
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->KernelApcDisable <= 0);
    thread->KernelApcDisable = SHORT(thread->KernelApcDisable - 1);
    KeCompilerBarrier(); // the region's code stays behind its beginning
}

void NTAPI KeLeaveCriticalRegion() {
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->KernelApcDisable < 0); // left more often than entered
    KeCompilerBarrier();
    thread->KernelApcDisable = SHORT(thread->KernelApcDisable + 1);
    if (thread->KernelApcDisable == 0) DeliverHeldBack(thread);
}

void NTAPI KeEnterGuardedRegion() {
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->SpecialApcDisable <= 0);
    thread->SpecialApcDisable = SHORT(thread->SpecialApcDisable - 1);
    KeCompilerBarrier();
}

void NTAPI KeLeaveGuardedRegion() {
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->SpecialApcDisable < 0); // left more often than entered
    KeCompilerBarrier();
    thread->SpecialApcDisable = SHORT(thread->SpecialApcDisable + 1);
    if (thread->SpecialApcDisable == 0) DeliverHeldBack(thread);
}

BOOLEAN NTAPI KeAreApcsDisabled() { return KeGetCurrentThread()->CombinedApcDisable != 0; }

BOOLEAN NTAPI KeAreAllApcsDisabled() {
    return KeGetCurrentIrql() >= APC_LEVEL || KeGetCurrentThread()->SpecialApcDisable != 0;
}
