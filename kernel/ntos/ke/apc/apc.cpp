// Asynchronous procedure calls: queueing and delivery.
//
// Order of delivery: special kernel APCs, then normal ones, each kind in the order of insertion; no normal one inside
// another or in a critical region, none at all in a guarded region.
// Locks: ApcQueueLock, and under it KiDispatcherLock to end a wait. IRQL: queueing <= DISPATCH_LEVEL, delivery APC_LEVEL.
// In the books: "software interrupts: asynchronous procedure calls". INT-10..12
#include "ke/ki.h"

namespace {

[[maybe_unused]] bool IsSpecial(const KAPC* apc) { return !apc->NormalRoutine; }

/// Would a kernel APC that is queued now be delivered if the wait of `thread` ended?
bool MayInterruptWait(const KTHREAD* thread, const KAPC* apc) {
    if (thread->WaitIrql != PASSIVE_LEVEL || thread->SpecialApcDisable != 0) return false;
    return IsSpecial(apc) || (thread->KernelApcDisable == 0 && !thread->ApcState.KernelApcInProgress);
}

/// Does the thread wait in a way that a user APC ends?
bool MayEndWait(const KTHREAD* thread) {
    return thread->WaitMode == UserMode && (thread->Alertable || thread->ApcState.UserApcPending);
}

/// An APC was queued to a thread that is not the current one: wherever it is, it shall take it as soon as it may.
[[maybe_unused]] void TellThread(KTHREAD* thread, const KAPC* apc, KPRIORITY increment) REQUIRES_(AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(KiDispatcherLock); // no wait begins or ends between looking and acting
    if (thread->State == KTHREAD_STATE::Waiting) {
        if (apc->ApcMode == KernelMode) {
            if (MayInterruptWait(thread, apc)) KiUnwaitThread(thread, STATUS_KERNEL_APC, increment);
        } else if (MayEndWait(thread)) {
            thread->ApcState.UserApcPending = TRUE;
            KiUnwaitThread(thread, STATUS_USER_APC, increment);
        }
    } else if (thread->State == KTHREAD_STATE::Running && apc->ApcMode == KernelMode) {
        KiRequestApcInterrupt(KiThreadProcessor(thread));
    }
}

} // namespace

// LAB(3.8) begin
namespace {

/// Special kernel APCs go behind the special ones that are there and before all normal ones; others to the tail.
void LinkApc(LIST_ENTRY* head, KAPC* apc) {
    LIST_ENTRY* before = head;
    if (IsSpecial(apc)) {
        before = head->Flink;
        while (before != head && IsSpecial(CONTAINING_RECORD(before, KAPC, ApcListEntry)))
            before = before->Flink;
    }
    InsertTailList(before, &apc->ApcListEntry);
}

/// What is left of an APC once it is off its queue: the object may be queued again, or freed, by its kernel routine.
struct ApcCall {
    KAPC* Apc;
    PKKERNEL_ROUTINE KernelRoutine;
    PKNORMAL_ROUTINE NormalRoutine;
    PVOID NormalContext;
    PVOID Argument1;
    PVOID Argument2;
};

/// Takes the first kernel APC that may be delivered now off the queue. @returns whether there was one
bool TakeKernelApc(KTHREAD* thread, ApcCall* call) {
    nt::SpinLockGuard guard(thread->ApcQueueLock);
    KAPC_STATE& state = thread->ApcState;
    state.KernelApcPending = FALSE; // from here on, who queues one asks for another delivery
    LIST_ENTRY* const head = &state.ApcListHead[ULONG(KernelMode)];
    if (IsListEmpty(head)) return false;

    KAPC* const apc = CONTAINING_RECORD(head->Flink, KAPC, ApcListEntry);
    const bool normalHeldBack = state.KernelApcInProgress || thread->KernelApcDisable != 0;
    if (!IsSpecial(apc) && normalHeldBack) return false;
    RemoveEntryList(&apc->ApcListEntry);
    apc->Inserted = FALSE;
    *call = {
        apc, apc->KernelRoutine, apc->NormalRoutine, apc->NormalContext, apc->SystemArgument1, apc->SystemArgument2};
    return true;
}

void RunKernelApc(KTHREAD* thread, ApcCall& call) {
    EtwTraceEvent(ETW_EVENT::ApcRun, reinterpret_cast<ULONG_PTR>(call.Apc), reinterpret_cast<ULONG_PTR>(thread),
                  reinterpret_cast<ULONG_PTR>(call.KernelRoutine), reinterpret_cast<ULONG_PTR>(call.NormalRoutine));
    const bool special = !call.NormalRoutine;
    call.KernelRoutine(call.Apc, &call.NormalRoutine, &call.NormalContext, &call.Argument1, &call.Argument2);
    NT_ASSERT(KeGetCurrentIrql() == APC_LEVEL); // a kernel routine returns at the level it was called at
    if (special || !call.NormalRoutine) return; // its kernel routine may have called the rest off

    thread->ApcState.KernelApcInProgress = TRUE;
    KfLowerIrql(PASSIVE_LEVEL); // special APCs may come from here on
    call.NormalRoutine(call.NormalContext, call.Argument1, call.Argument2);
    NT_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
    KfRaiseIrql(APC_LEVEL);
    thread->ApcState.KernelApcInProgress = FALSE;
}

} // namespace
// LAB(3.8) else
//| // Room for helpers of your own.
// LAB(3.8) end

/// 1. A FALSE answer changes nothing: the APC is queued already (Inserted), or its thread ends (ApcQueueable).
/// 2. The two arguments are kept in the APC; KiInsertQueueApc does the rest.
BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment) {
    // LAB(3.8) begin
    KiApcQueueGuard guard(Apc->Thread->ApcQueueLock);
    if (Apc->Inserted || !Apc->Thread->ApcQueueable) return FALSE;
    Apc->SystemArgument1 = SystemArgument1;
    Apc->SystemArgument2 = SystemArgument2;
    KiInsertQueueApc(Apc, Increment);
    return TRUE;
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}

/// 1. An APC for InsertApcEnvironment is for where its thread is now.
/// 2. It goes on the queue of its environment and mode, and Inserted becomes TRUE: to the tail, but a special kernel APC
///    (IsSpecial) behind the special ones and before every normal one. The event ApcQueue is traced.
/// 3. If its thread is in that environment now, the thread is told (ki/apc.h: how an APC finds its moment): of a kernel APC
///    by KernelApcPending first; then the current thread by the APC interrupt, any other by TellThread. Of a user APC the
///    current thread is told nothing. An APC for another environment waits until the thread attaches or detaches.
void NTAPI KiInsertQueueApc(PKAPC Apc, KPRIORITY Increment) {
    // LAB(3.8) begin
    KTHREAD* const thread = Apc->Thread;
    if (Apc->ApcStateIndex == InsertApcEnvironment) Apc->ApcStateIndex = thread->ApcStateIndex;
    KAPC_STATE* const state = thread->ApcStatePointer[ULONG(Apc->ApcStateIndex)];
    LinkApc(&state->ApcListHead[ULONG(Apc->ApcMode)], Apc);
    Apc->Inserted = TRUE;
    EtwTraceEvent(ETW_EVENT::ApcQueue, reinterpret_cast<ULONG_PTR>(Apc), reinterpret_cast<ULONG_PTR>(thread),
                  ULONG_PTR(Apc->ApcMode) | (IsSpecial(Apc) ? 2 : 0), ULONG_PTR(Apc->ApcStateIndex));
    if (Apc->ApcStateIndex != thread->ApcStateIndex) return;

    if (Apc->ApcMode == KernelMode) state->KernelApcPending = TRUE;
    if (thread != KeGetCurrentThread()) {
        TellThread(thread, Apc, Increment);
    } else if (Apc->ApcMode == KernelMode) {
        HalRequestSoftwareInterrupt(APC_LEVEL);
    }
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}

/// Runs every kernel APC of the current thread that may run now, the first of its queue first. Nothing happens in a guarded
/// region (SpecialApcDisable): its end asks again. PreviousMode is KernelMode: user APCs are delivered on the way to user mode.
///
/// - Under ApcQueueLock, KernelApcPending is cleared, and the first APC is taken off, with Inserted FALSE; but a normal one
///   stays, and with it everything behind it, while another is in progress or in a critical region (KernelApcDisable).
/// - What the call needs is noted before: the kernel routine may queue the APC again or free it. It runs at APC_LEVEL, with
///   the address of what was noted, and may change all of it. The event ApcRun is traced first.
/// - Of a normal one, NormalRoutine follows, if the kernel routine has left one: KernelApcInProgress, PASSIVE_LEVEL, the
///   call, and back to APC_LEVEL.
/// - While it works, the thread's TrapFrame is the one it was given.
void NTAPI KiDeliverApc(KPROCESSOR_MODE PreviousMode, KEXCEPTION_FRAME*, KTRAP_FRAME* TrapFrame) {
    // LAB(3.8) begin
    NT_ASSERT(KeGetCurrentIrql() == APC_LEVEL && PreviousMode == KernelMode);
    KTHREAD* const thread = KeGetCurrentThread();
    if (thread->SpecialApcDisable != 0) return;

    KTRAP_FRAME* const oldTrapFrame = thread->TrapFrame;
    thread->TrapFrame = TrapFrame;
    for (ApcCall call; TakeKernelApc(thread, &call);)
        RunKernelApc(thread, call);
    thread->TrapFrame = oldTrapFrame;
    // LAB(3.8) else
    //| LAB_NOT_IMPLEMENTED("3.8");
    // LAB(3.8) end
}
