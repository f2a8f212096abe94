// Waiting for one object, and for time alone.
//
// The fast path: an object that is signaled is taken at once, under the lock, without a wait block or a switch.
// Locks: takes KiDispatcherLock. IRQL: PASSIVE_LEVEL or APC_LEVEL, or as KeSetEvent(..., Wait = TRUE) left
// it; <= DISPATCH_LEVEL with a time-out of zero.
// In the books: "waiting for dispatcher objects". DSP-12, DSP-14, INT-12
#include "ke/ki.h"

/// When a wait with this time-out ends. A null pointer: never (nothing is Given).
///
/// @param Timeout negative: relative to now; positive: a system time (Absolute), which KeSetSystemTime may move; zero:
/// the time-out has Passed. One whose due time (KiInterruptTimeOf) is not in the future has Passed too.
KI_DEADLINE KiComputeDeadline(const LARGE_INTEGER* Timeout) {
    // LAB(3.4) begin
    if (!Timeout) return {};
    const ULONGLONG due = KiInterruptTimeOf(*Timeout);
    const bool passed = Timeout->QuadPart == 0 || due <= KeQueryInterruptTime();
    return {.Given = true, .Passed = passed, .Absolute = Timeout->QuadPart > 0, .DueTime = due};
    // LAB(3.4) else
    //| LAB_NOT_IMPLEMENTED("3.4");
    // LAB(3.4) end
}

/// Waits until the object is signaled or the time is over.
///
/// - A signaled object, or a mutant that the thread owns, is taken at once: no wait block, no switch (KiEndWait).
/// - An alert, or a user APC, that the wait lets through ends it with the status that KiTestAlert returns.
/// - A time-out (KiUpdateDeadline) that has Passed ends the wait with STATUS_TIMEOUT, and the object is as it was.
/// - Otherwise the thread's first own wait block, with key 0 as a WaitAny, goes on the object's list; the event Wait is
///   traced (one object); KiCommitWait does the rest.
/// - STATUS_KERNEL_APC from KiCommitWait: the wait was interrupted, the APC has run. Everything from KiBeginWait on is done
///   again, with the deadline of the first time; the caller never sees this status.
NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout) {
    // LAB(3.4) begin
    auto* const object = static_cast<DISPATCHER_HEADER*>(Object);
    KI_DEADLINE deadline{};
    NTSTATUS status;
    do {
        KTHREAD* const thread = KiBeginWait(WaitReason, WaitMode, Alertable);
        if (KiIsSignaled(object, thread)) return KiEndWait(thread, KiSatisfyWait(object, thread));

        const NTSTATUS alert = KiTestAlert(thread);
        if (alert != STATUS_SUCCESS) return KiEndWait(thread, alert);
        KiUpdateDeadline(&deadline, Timeout);
        if (deadline.Passed) return KiEndWait(thread, STATUS_TIMEOUT);

        EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), 1, ULONG_PTR(WaitAny), deadline.Given);
        KWAIT_BLOCK* const block = &thread->WaitBlock[0];
        KiInsertWaitBlock(block, thread, object, 0, WaitAny);
        status = KiCommitWait(thread, block, block, deadline);
    } while (status == STATUS_KERNEL_APC); // the APC has run: the wait begins again
    return status;
    // LAB(3.4) else
    //| LAB_NOT_IMPLEMENTED("3.4");
    // LAB(3.4) end
}

/// Lets time pass: a wait for the thread's timer alone.
///
/// - An interval of zero is the wish to let others run: KeYieldExecution before all else, whose result is returned.
/// - When the time is over the result is STATUS_SUCCESS, not STATUS_TIMEOUT: it is what was asked for.
/// - The WaitReason is DelayExecution. Wait is traced (no object). Alerts, APCs, interruptions: KeWaitForSingleObject.
NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval) {
    // LAB(3.4) begin
    // A delay of nothing is the wish to let others run.
    if (Interval->QuadPart == 0) return KeYieldExecution();

    KI_DEADLINE deadline{};
    NTSTATUS status;
    do {
        KTHREAD* const thread = KiBeginWait(KWAIT_REASON::DelayExecution, WaitMode, Alertable);
        const NTSTATUS alert = KiTestAlert(thread);
        if (alert != STATUS_SUCCESS) return KiEndWait(thread, alert);
        KiUpdateDeadline(&deadline, Interval);
        if (deadline.Passed) return KiEndWait(thread, STATUS_SUCCESS);

        EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), 0, ULONG_PTR(WaitAny), TRUE);
        status = KiCommitWait(thread, nullptr, nullptr, deadline);
    } while (status == STATUS_KERNEL_APC);
    return status == STATUS_TIMEOUT ? STATUS_SUCCESS : status; // the time is over, as it was meant to be
    // LAB(3.4) else
    //| LAB_NOT_IMPLEMENTED("3.4");
    // LAB(3.4) end
}
