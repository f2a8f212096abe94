// Waiting for several objects: any one of them, or all.
//
// WaitAny takes the first signaled object in the order of the array. WaitAll takes nothing until everything can be
// taken in one step: a thread never holds one mutant of two while it waits for the other.
// Locks: takes KiDispatcherLock. IRQL: PASSIVE_LEVEL or APC_LEVEL; <= DISPATCH_LEVEL with a time-out of zero.
// In the books: "waiting for dispatcher objects". DSP-13, DSP-16
#include "ke/ki.h"
#include "nt/array.h"

// LAB(3.4) begin
namespace {

DISPATCHER_HEADER* HeaderOf(PVOID object) { return static_cast<DISPATCHER_HEADER*>(object); }

/// Visits the blocks of the thread's current wait except its time-out's.
template <typename Visitor> void ForEachObjectBlock(KTHREAD* thread, Visitor visit) {
    KWAIT_BLOCK* block = thread->WaitBlockList;
    do {
        if (block->WaitKey != USHORT(STATUS_TIMEOUT)) visit(block);
        block = block->NextWaitBlock;
    } while (block != thread->WaitBlockList);
}

/// Takes what is signaled now. @returns whether that ends the wait, with its result in `status`
bool TryWait(KTHREAD* thread, nt::Span<PVOID> objects, WAIT_TYPE type, NTSTATUS* status) REQUIRES_(KiDispatcherLock) {
    if (type == WaitAny) {
        for (ULONG i = 0; i < objects.Size(); i++) {
            if (!KiIsSignaled(HeaderOf(objects[i]), thread)) continue;
            *status = KiWaitAnyStatus(USHORT(i), KiSatisfyWait(HeaderOf(objects[i]), thread));
            return true;
        }
        return false;
    }
    for (PVOID object : objects) {
        if (!KiIsSignaled(HeaderOf(object), thread)) return false;
    }
    *status = STATUS_SUCCESS;
    for (PVOID object : objects) {
        const NTSTATUS taken = KiSatisfyWait(HeaderOf(object), thread);
        if (taken != STATUS_SUCCESS) *status = taken;
    }
    return true;
}

} // namespace
// LAB(3.4) else
//| // Room for helpers of your own.
// LAB(3.4) end

/// Satisfies the WaitAll of `Thread` if that is possible now: all its objects are taken, or none is changed. The timer
/// of a time-out is no object of the wait.
///
/// @param Status the wait's result: STATUS_ABANDONED if one of the objects was an abandoned mutant, else STATUS_SUCCESS
/// @returns whether the wait is satisfied; `Status` counts only if it is
bool KiTestWaitAll(PKTHREAD Thread, NTSTATUS* Status) {
    // LAB(3.4) begin
    bool all = true;
    ForEachObjectBlock(Thread, [&](KWAIT_BLOCK* block) NO_THREAD_SAFETY_ANALYSIS { // runs under the caller's lock
        all = all && KiIsSignaled(block->Object, Thread);
    });
    if (!all) return false;

    *Status = STATUS_SUCCESS;
    ForEachObjectBlock(Thread, [&](KWAIT_BLOCK* block) NO_THREAD_SAFETY_ANALYSIS { // runs under the caller's lock
        if (KiSatisfyWait(block->Object, Thread) == STATUS_ABANDONED) *Status = STATUS_ABANDONED;
    });
    return true;
    // LAB(3.4) else
    //| LAB_NOT_IMPLEMENTED("3.4");
    // LAB(3.4) end
}

/// Waits for any one or for all of `Count` objects.
///
/// - A WaitAny takes the first object of the array that is signaled, and no other. A WaitAll takes all objects in one
///   step as soon as all can be taken, and changes none before.
/// - A mutant that the thread owns already counts as signaled.
/// - What ends a wait at once, in which order, and how an interrupted wait goes on: as in KeWaitForSingleObject.
/// - A wait that is not over at once has one block for each object: those of `WaitBlockArray` or, without one, the
///   thread's own, in the order of the array. A block's key is the index of its object. The event Wait tells how many
///   objects there are.
/// @returns of a WaitAny the index of the object with what satisfying the wait has said (KiWaitAnyStatus), of a WaitAll
/// as KiTestWaitAll
NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                        KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK WaitBlockArray) {
    const ULONG limit = WaitBlockArray ? MAXIMUM_WAIT_OBJECTS : THREAD_WAIT_OBJECTS;
    if (Count == 0 || Count > limit) KeBugCheckEx(MAXIMUM_WAIT_OBJECTS_EXCEEDED, Count, limit, 0, 0);

    // LAB(3.4) begin
    KWAIT_BLOCK* const blocks = WaitBlockArray ? WaitBlockArray : KeGetCurrentThread()->WaitBlock;
    KI_DEADLINE deadline{};
    NTSTATUS status = STATUS_SUCCESS;
    do {
        KTHREAD* const thread = KiBeginWait(WaitReason, WaitMode, Alertable);
        if (TryWait(thread, nt::Span<PVOID>(Object, Count), WaitType, &status)) return KiEndWait(thread, status);

        const NTSTATUS alert = KiTestAlert(thread);
        if (alert != STATUS_SUCCESS) return KiEndWait(thread, alert);
        KiUpdateDeadline(&deadline, Timeout);
        if (deadline.Passed) return KiEndWait(thread, STATUS_TIMEOUT);

        EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), Count, ULONG_PTR(WaitType), deadline.Given);
        for (ULONG i = 0; i < Count; i++) {
            KiInsertWaitBlock(&blocks[i], thread, HeaderOf(Object[i]), i, WaitType);
            blocks[i].NextWaitBlock = &blocks[i + 1]; // of the last one: set by KiCommitWait
        }
        status = KiCommitWait(thread, &blocks[0], &blocks[Count - 1], deadline);
    } while (status == STATUS_KERNEL_APC); // the APC has run: the wait begins again
    return status;
    // LAB(3.4) else
    //| LAB_NOT_IMPLEMENTED("3.4");
    // LAB(3.4) end
}
