// Waiting for several objects: any one of them, or all.
//
// WaitAny takes the first signaled object in the order of the array. WaitAll takes nothing until everything can be taken
// in one step: a thread never holds one mutant of two while it waits for the other.
// Locks: takes KiDispatcherLock. IRQL: PASSIVE_LEVEL or APC_LEVEL.
// In the books: "waiting for dispatcher objects". DSP-13, DSP-16
#include "ke/ki.h"
#include "nt/array.h"

namespace {

DISPATCHER_HEADER* HeaderOf(PVOID object) { return static_cast<DISPATCHER_HEADER*>(object); }

/// Takes what is signaled now. @returns whether that ends the wait, with its result in `status`
bool TryWait(KTHREAD* thread, nt::Span<PVOID> objects, WAIT_TYPE type, NTSTATUS* status) REQUIRES_(KiDispatcherLock) {
    if (type == WaitAny) {
        for (ULONG i = 0; i < objects.Size(); i++) {
            if (!KiIsSignaled(HeaderOf(objects[i]), thread)) continue;
            const NTSTATUS taken = KiSatisfyWait(HeaderOf(objects[i]), thread);
            const bool failed = taken == STATUS_MUTANT_LIMIT_EXCEEDED;
            *status = failed ? taken : static_cast<NTSTATUS>(static_cast<LONG>(taken) | LONG(i));
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

NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                        KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK WaitBlockArray) {
    const ULONG limit = WaitBlockArray ? MAXIMUM_WAIT_OBJECTS : THREAD_WAIT_OBJECTS;
    if (Count == 0 || Count > limit) KeBugCheckEx(MAXIMUM_WAIT_OBJECTS_EXCEEDED, Count, limit, 0, 0);

    KTHREAD* const thread = KiBeginWait(WaitReason, WaitMode, Alertable);
    NTSTATUS status = STATUS_SUCCESS;
    if (TryWait(thread, nt::Span<PVOID>(Object, Count), WaitType, &status)) return KiEndWait(thread, status);

    const KI_DEADLINE deadline = KiComputeDeadline(Timeout);
    if (deadline.Passed) return KiEndWait(thread, STATUS_TIMEOUT);

    EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), Count, ULONG_PTR(WaitType), deadline.Given);
    KWAIT_BLOCK* const blocks = WaitBlockArray ? WaitBlockArray : thread->WaitBlock;
    for (ULONG i = 0; i < Count; i++) {
        KiInsertWaitBlock(&blocks[i], thread, HeaderOf(Object[i]), i, WaitType);
        blocks[i].NextWaitBlock = &blocks[i + 1]; // of the last one: set by KiCommitWait
    }
    return KiCommitWait(thread, &blocks[0], &blocks[Count - 1], deadline);
}
