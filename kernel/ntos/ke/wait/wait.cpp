// Waiting for one object, and for time alone.
//
// The fast path: an object that is signaled is taken at once, under the lock, without a wait block or a switch.
// Locks: takes KiDispatcherLock. IRQL: PASSIVE_LEVEL or APC_LEVEL, or as KeSetEvent(..., Wait = TRUE) left
// it; <= DISPATCH_LEVEL with a time-out of zero.
// In the books: "waiting for dispatcher objects". DSP-12, DSP-14, INT-12
#include "ke/ki.h"

/// Says when a wait with this time-out ends.
///
/// @param Timeout in 100 ns. Negative: relative to now. Positive: a system time (Absolute), which KeSetSystemTime may
/// move. KiInterruptTimeOf makes interrupt time of both. A null pointer: the wait has no end, and nothing is Given.
/// @returns the deadline. It has Passed if the time-out is zero, or if its due time is not in the future.
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
/// - What is true already when the wait begins ends it at once. An object that the thread can have is taken, also a
///   mutant that it owns already. Otherwise a status of KiTestAlert that is not STATUS_SUCCESS is the result; otherwise
///   STATUS_TIMEOUT, if the time has Passed. What comes earlier in this order hides what comes later.
/// - A wait that ends so (KiEndWait) leaves no wait block, makes no switch and no event, and an object that was not
///   taken is as before.
/// - Every other wait has one block: WaitBlock[0], a WaitAny with key 0. Each beginning of such a wait is an event
///   Wait with one object.
/// - No signal is lost: from the look at the object to the sleep this call has the database (KiBeginWait,
///   KiCommitWait).
/// - Reason, mode and whether the wait is alertable are the caller's (KiBeginWait).
/// Callers rely on: a kernel APC that interrupts the wait and has run (STATUS_KERNEL_APC) is not seen. The wait is then
/// as if it had just been asked for, but for its time-out, which counts from the call (KiUpdateDeadline).
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

/// Lets time pass: a wait for the thread's timer alone, for the reason DelayExecution. It is traced as a wait for no
/// object.
///
/// - An interval of zero offers the processor to other threads: KeYieldExecution is called, its result is returned, and
///   nothing else happens.
/// - When the time is over the result is STATUS_SUCCESS: that is what the caller has asked for.
/// - Alerts, user APCs and interruptions are as in KeWaitForSingleObject.
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
