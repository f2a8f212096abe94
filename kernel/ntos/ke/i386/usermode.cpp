// A thread's first way to user mode.
//
// In the books: "processor modes", "thread creation". TRP-01, TRP-03
#include "ki386.h"
#include "ke/ki/context.h"
#include "ke/usermode.h"

extern "C" {
void NTAPI KeInitializeUserThread(PKTHREAD Thread, PVOID KernelStack, PVOID StackLimit, PKSYSTEM_ROUTINE SystemRoutine,
                                  PKSTART_ROUTINE StartRoutine, PVOID StartContext, CONTEXT* Context, PVOID Teb,
                                  PKPROCESS Process) {
    auto* const top = static_cast<KUSER_STACK_TOP*>(KernelStack) - 1;
    KeInitializeThread(Thread, top, StackLimit, SystemRoutine, StartRoutine, StartContext, Process);
    Thread->StackBase = KernelStack;
    Thread->InitialStack = &top->Frame.V86Es;
    Thread->PreviousMode = UserMode;
    Thread->Teb = Teb;

    top->NpxUsed = FALSE;
    KTRAP_FRAME& frame = top->Frame;
    frame = {};
    frame.DbgArgMark = TF_ARG_MARK;
    frame.ExceptionList = reinterpret_cast<EXCEPTION_REGISTRATION_RECORD*>(EXCEPTION_CHAIN_END);
    frame.SegCs = KGDT_R3_CODE | RPL_MASK; // the frame is one of user mode: KeContextToKframes goes by it
    KeContextToKframes(&frame, nullptr, Context, CONTEXT_FULL, UserMode);
}

void NTAPI KeEnterUserMode() {
    NT_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
    KiLeaveThroughFrame(KeUserFrame(KeGetCurrentThread()));
}

void NTAPI KeGetUserContext(CONTEXT* Context) {
    constexpr ULONG floating = CONTEXT_EXTENDED_REGISTERS & ~CONTEXT_i386;
    const bool wanted = (Context->ContextFlags & floating) != 0;
    Context->ContextFlags &= CONTEXT_FULL;
    KeContextFromKframes(KeUserFrame(KeGetCurrentThread()), nullptr, Context);
    if (wanted) KiNpxToContext(*Context);
}

void NTAPI KeSetUserContext(CONTEXT* Context) {
    KeContextToKframes(KeUserFrame(KeGetCurrentThread()), nullptr, Context, Context->ContextFlags, UserMode);
    KiNpxFromContext(*Context);
}
}
