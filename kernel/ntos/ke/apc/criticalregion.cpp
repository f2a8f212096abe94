// Critical and guarded regions: stretches of code in which a thread's APCs wait.
//
// The counts go downwards from 0 and belong to their thread alone, so no lock is needed: a delivery to this thread, by an
// interrupt, sees either the region or no region. Who leaves the outermost region looks at the queue himself, because a
// delivery that came meanwhile found the region and left.
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

/// Counts KernelApcDisable down: from here on no normal kernel APC of this thread runs.
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

/// Counts it up again. The end of the outermost region asks for a delivery (KiRequestApcDelivery) if kernel APCs are queued,
/// unless a guarded region around it holds them back: that one's end will.
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

/// The same with SpecialApcDisable: no APC at all.
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

/// The end of the outermost guarded region asks for a delivery if kernel APCs are queued.
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
