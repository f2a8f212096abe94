// Critical and guarded regions: stretches of code in which a thread's APCs wait.
//
// The counts go downwards from 0 and belong to their thread alone, so no lock is needed: a delivery to this thread, by
// an interrupt, sees either the region or no region. A delivery that finds a region leaves, and is not repeated: the
// end of the region must ask for another.
// IRQL: <= APC_LEVEL.
// In the books: "critical regions and guarded regions". INT-15
#include "ke/ki.h"

// LAB(3.8) begin
namespace {

/// The last region of one kind has ended: delivers what it held back.
void DeliverHeldBack(KTHREAD* thread) {
    if (IsListEmpty(&thread->ApcState.ApcListHead[ULONG(KernelMode)])) return;
    if (thread->SpecialApcDisable == 0) KiRequestApcDelivery(thread); // else the guarded region around this one will
}

} // namespace
// LAB(3.8) else
//| // Room for helpers of your own.
// LAB(3.8) end

/// Begins a critical region of the current thread: in it no normal kernel APC runs. Regions nest; KernelApcDisable is
/// minus their number.
void NTAPI KeEnterCriticalRegion() {
    // LAB(3.8) begin
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->KernelApcDisable <= 0);
    thread->KernelApcDisable = SHORT(thread->KernelApcDisable - 1);
    KeCompilerBarrier(); // the region's code stays behind its beginning
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}

/// Ends one. If it was the outermost one, a delivery is requested (KiRequestApcDelivery) for the kernel APCs that are
/// queued then. Without any, or in a guarded region, nothing is requested. An APC that comes at any moment is not
/// forgotten.
void NTAPI KeLeaveCriticalRegion() {
    // LAB(3.8) begin
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->KernelApcDisable < 0); // left more often than entered
    KeCompilerBarrier();
    thread->KernelApcDisable = SHORT(thread->KernelApcDisable + 1);
    if (thread->KernelApcDisable == 0) DeliverHeldBack(thread);
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}

/// Begins a guarded region of the current thread: in it no APC runs. Regions nest; SpecialApcDisable is minus their
/// number.
void NTAPI KeEnterGuardedRegion() {
    // LAB(3.8) begin
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->SpecialApcDisable <= 0);
    thread->SpecialApcDisable = SHORT(thread->SpecialApcDisable - 1);
    KeCompilerBarrier();
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}

/// Ends one. If it was the outermost one, a delivery is requested for the kernel APCs that are queued then, also in a
/// critical region: special APCs run there.
void NTAPI KeLeaveGuardedRegion() {
    // LAB(3.8) begin
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->SpecialApcDisable < 0); // left more often than entered
    KeCompilerBarrier();
    thread->SpecialApcDisable = SHORT(thread->SpecialApcDisable + 1);
    if (thread->SpecialApcDisable == 0) DeliverHeldBack(thread);
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}

BOOLEAN NTAPI KeAreApcsDisabled() { return KeGetCurrentThread()->CombinedApcDisable != 0; }

BOOLEAN NTAPI KeAreAllApcsDisabled() {
    return KeGetCurrentIrql() >= APC_LEVEL || KeGetCurrentThread()->SpecialApcDisable != 0;
}
