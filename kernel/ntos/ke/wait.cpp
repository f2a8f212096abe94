// Waiting for one object, and for time alone.
//
// The fast path: an object that is signaled is taken at once, under the lock, without a wait block or a switch.
// Locks: takes KiDispatcherLock. IRQL: PASSIVE_LEVEL or APC_LEVEL (or as KeSetEvent(..., Wait = TRUE) left it).
// In the books: "waiting for dispatcher objects". DSP-12, DSP-14
#include "ke/ki.h"

NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout) {
    KTHREAD* const thread = KiBeginWait(WaitReason, WaitMode, Alertable);
    auto* const object = static_cast<DISPATCHER_HEADER*>(Object);
    if (KiIsSignaled(object, thread)) return KiEndWait(thread, KiSatisfyWait(object, thread));

    const KI_DEADLINE deadline = KiComputeDeadline(Timeout);
    if (deadline.Passed) return KiEndWait(thread, STATUS_TIMEOUT);

    EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), 1, ULONG_PTR(WaitAny), deadline.Given);
    KWAIT_BLOCK* const block = &thread->WaitBlock[0];
    KiInsertWaitBlock(block, thread, object, 0, WaitAny);
    return KiCommitWait(thread, block, block, deadline);
}

NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval) {
    // A delay of nothing is the wish to let others run.
    if (Interval->QuadPart == 0) return KeYieldExecution();

    KTHREAD* const thread = KiBeginWait(KWAIT_REASON::DelayExecution, WaitMode, Alertable);
    const KI_DEADLINE deadline = KiComputeDeadline(Interval);
    if (deadline.Passed) return KiEndWait(thread, STATUS_SUCCESS);

    EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), 0, ULONG_PTR(WaitAny), TRUE);
    const NTSTATUS status = KiCommitWait(thread, nullptr, nullptr, deadline);
    return status == STATUS_TIMEOUT ? STATUS_SUCCESS : status; // the time is over, as it was meant to be
}
