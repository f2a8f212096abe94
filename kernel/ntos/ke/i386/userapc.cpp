// User APCs: a thread on its way to user mode takes a detour through KiUserApcDispatcher of the system library.
//
// One APC a time: the dispatcher calls the routine and then NtContinue with the context that the kernel has left on the stack, and asks
// there for the next one. The thread's registers of before are in this context.
//
//     ESP of the dispatcher -> NormalRoutine, NormalContext, SystemArgument1, SystemArgument2, CONTEXT
//
// Locks: ApcQueueLock for the queue. IRQL: APC_LEVEL.
// In the books: "user-mode APCs", "asynchronous procedure calls". INT-12, INT-13
#include "ki386.h"
#include "hal.h"
#include "ke/ki.h"
#include "rtl/useraccess.h"

namespace {

/// What KiUserApcDispatcher finds on its stack.
struct USER_APC_FRAME {
    PKNORMAL_ROUTINE NormalRoutine;
    PVOID NormalContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    CONTEXT Context;
};

KAPC* TakeUserApc(KTHREAD* thread) {
    KiApcQueueGuard guard(thread->ApcQueueLock);
    KAPC_STATE& state = thread->ApcState;
    state.UserApcPending = FALSE;
    LIST_ENTRY* const head = &state.ApcListHead[ULONG(UserMode)];
    if (IsListEmpty(head)) return nullptr;
    KAPC* const apc = CONTAINING_RECORD(RemoveHeadList(head), KAPC, ApcListEntry);
    apc->Inserted = FALSE;
    return apc;
}

NTSTATUS EnterDispatcher(KTRAP_FRAME& frame, USER_APC_FRAME& call) {
    call.Context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(&frame, nullptr, &call.Context);
    KiNpxToContext(call.Context);
    __try {
        (void)KiPushUser(frame, &call, sizeof(call));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    frame.Eip = ULONG(KiUserEntryPoints.KiUserApcDispatcher);
    frame.EFlags &= ~(nt::cpu::EFLAGS_TRAP | nt::cpu::EFLAGS_DIRECTION);
    return STATUS_SUCCESS;
}

/// @returns what is wrong with the thread's stack, if it is
NTSTATUS DeliverUserApc(KTHREAD* thread, KTRAP_FRAME& frame) {
    KAPC* const apc = TakeUserApc(thread);
    if (!apc) return STATUS_SUCCESS;
    USER_APC_FRAME call = {.NormalRoutine = apc->NormalRoutine,
                           .NormalContext = apc->NormalContext,
                           .SystemArgument1 = apc->SystemArgument1,
                           .SystemArgument2 = apc->SystemArgument2};
    apc->KernelRoutine(apc, &call.NormalRoutine, &call.NormalContext, &call.SystemArgument1, &call.SystemArgument2);
    if (call.NormalRoutine && KiUserEntryPoints.KiUserApcDispatcher) return EnterDispatcher(frame, call);
    (void)KeTestAlertThread(UserMode); // called off: the next one has its turn
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

/// From the way to user mode (trap.S), with interrupts off, which they are again when it returns.
void NTAPI KiDeliverUserApcs(KTRAP_FRAME* TrapFrame) {
    KfRaiseIrql(APC_LEVEL);
    nt::cpu::EnableInterrupts();
    const NTSTATUS status = DeliverUserApc(KeGetCurrentThread(), *TrapFrame);
    KfLowerIrql(PASSIVE_LEVEL);
    if (!NT_SUCCESS(status)) KiDispatchTrapException(*TrapFrame, status);
    nt::cpu::DisableInterrupts();
}

NTSTATUS NTAPI NtContinue(CONTEXT* Context, BOOLEAN TestAlert) {
    if (KeGetPreviousMode() == KernelMode) return STATUS_INVALID_PARAMETER;
    CONTEXT context;
    __try {
        CopyFromUser(&context, Context, sizeof(context));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    KTRAP_FRAME* const frame = KeGetCurrentThread()->TrapFrame;
    KeContextToKframes(frame, nullptr, &context, context.ContextFlags, UserMode);
    KiNpxFromContext(context);
    if (TestAlert) (void)KeTestAlertThread(UserMode);
    KiLeaveThroughFrame(frame);
}
}
