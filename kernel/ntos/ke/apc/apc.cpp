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
    state.KernelApcPending = FALSE; // from here on, a thread that queues one asks for another delivery
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

/// Queues an APC to its thread, with two arguments for its routines (KiInsertQueueApc).
///
/// - An APC that is queued already (Inserted) or whose thread takes none any more (ApcQueueable) does not change, nor
///   do its arguments.
/// - Two processors may queue the same APC at the same moment: one of them succeeds.
/// @returns whether this call has queued the APC
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

/// Puts an APC that is on no queue on the queue of its environment and mode (KTHREAD::ApcStatePointer), and sees to it
/// that its thread takes it. Inserted says so. The event ApcQueue is traced.
///
/// - InsertApcEnvironment stands for the environment in which the thread is now; the APC is for that one from now on.
/// - On a kernel queue all special APCs (IsSpecial) stand before all normal ones. Each kind, and each user queue, is in
///   the order of insertion.
/// - The thread of a kernel APC for its present environment cannot miss it (ki/apc.h: how an APC finds its moment).
///   KernelApcPending is TRUE before this routine looks where the thread is. The current thread finds out by the APC
///   interrupt, any other by TellThread.
/// - A user APC for the present environment ends the wait of another thread if that wait allows it (TellThread); the
///   current thread needs no message.
/// - The thread of an APC for another environment hears nothing now: it looks when it attaches or detaches.
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

/// Delivers the kernel APCs of the current thread that may run now, in the order of their queue, also those that come
/// meanwhile. PreviousMode is KernelMode: user APCs are delivered on the way to user mode. IRQL: APC_LEVEL, at the call
/// and on return.
///
/// - In a guarded region (SpecialApcDisable) none may run. In a critical region (KernelApcDisable), and while the
///   normal routine of another one is in progress, no normal one may run: it stays on the queue, with everything behind
///   it.
/// - The queue and Inserted change under ApcQueueLock only. An APC that is queued at any moment is either found by this
///   call or has left KernelApcPending TRUE. While a routine runs, and on return, it is FALSE unless an APC has come
///   since the last look.
/// - While an APC's routines run, the APC is on no queue (Inserted FALSE), no lock is held, and nothing of the APC is
///   read any more: its kernel routine may queue it again or free its memory.
/// - The kernel routine runs at APC_LEVEL. It gets the APC and the addresses of four words: normal routine, context and
///   the two arguments, as they were in the queued APC. It may change each of them. The event ApcRun is traced before
///   it runs.
/// - The normal routine, if the APC is a normal one and its kernel routine has left one, runs at PASSIVE_LEVEL with the
///   other three words. KernelApcInProgress is TRUE from before the IRQL falls until after it has risen again, and at
///   no other time.
/// - The routines find `TrapFrame` in the thread's TrapFrame. On return the thread has its former one.
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
