// A new thread's first frame: how a thread that has never run looks like one that was switched away from.
//
// KiSwapContext knows one way to go on with a thread: the thread's KSWITCH_FRAME says where. So a new thread gets such
// a frame, made by hand, with KiThreadStartup as the address to return to.
// Locks: none; only the creator knows the thread yet. IRQL: any.
// In the books: "thread creation: initial context", "context switching". SCH-14
#include "ke/ki.h"

/// Builds the first frame on the thread's empty kernel stack and sets KernelStack to it.
///
///     InitialStack ->  +----------------------+  highest address (not part of the stack)
///                      | StartContext         |
///                      | StartRoutine         |  KSTART_FRAME
///                      | SystemRoutine        |  <- ESP when KiThreadStartup begins
///                      +----------------------+
///                      | ReturnAddress        |  KiThreadStartup
///                      | Ebp Ebx Esi Edi      |  KSWITCH_FRAME
///                      | EFlags               |
///     KernelStack  ->  | ExceptionList        |
///                      +----------------------+  lower addresses: free
///
/// - The general registers of the frame are 0. Ebp == 0 ends the frame chain for routines that walk the stack.
/// - EFlags: interrupts on (EFLAGS_INTERRUPT_MASK) and EFLAGS_ALWAYS_ONE; all other flags are clear.
/// - The exception chain is empty: EXCEPTION_CHAIN_END, not 0.
/// - The words of the stack below the frame keep what they had.
///
/// The caller's part: InitialStack and StackLimit are set.
/// Callers rely on: of the thread, only KernelStack changes.
void NTAPI KiInitializeContextThread(PKTHREAD Thread, PKSYSTEM_ROUTINE SystemRoutine, PKSTART_ROUTINE StartRoutine,
                                     PVOID StartContext) {
    // LAB(1.2) begin
    auto* const startFrame = static_cast<KSTART_FRAME*>(Thread->InitialStack) - 1;
    auto* const switchFrame = reinterpret_cast<KSWITCH_FRAME*>(startFrame) - 1;
    NT_ASSERT(reinterpret_cast<ULONG_PTR>(switchFrame) > reinterpret_cast<ULONG_PTR>(Thread->StackLimit));

    startFrame->SystemRoutine = SystemRoutine;
    startFrame->StartRoutine = StartRoutine;
    startFrame->StartContext = StartContext;

    switchFrame->ReturnAddress = reinterpret_cast<ULONG_PTR>(&KiThreadStartup);
    switchFrame->Ebp = 0;
    switchFrame->Ebx = 0;
    switchFrame->Esi = 0;
    switchFrame->Edi = 0;
    switchFrame->EFlags = EFLAGS_INTERRUPT_MASK | EFLAGS_ALWAYS_ONE;
    switchFrame->ExceptionList = EXCEPTION_CHAIN_END;

    Thread->KernelStack = switchFrame;
    // LAB(1.2) else
    //| LAB_NOT_IMPLEMENTED("1.2");
    // LAB(1.2) end
}
