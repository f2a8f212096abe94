// User mode: how a thread gets there, and what becomes of its exceptions.
//
// A thread of user mode has a KUSER_STACK_TOP at the top of its kernel stack; InitialStack is the end of the frame in it. Each way from
// user mode into the kernel begins there, so this frame holds the registers that the thread goes on with in user mode.
//
//     StackBase    ->  +--------------------------+
//                      | floating-point registers |  KUSER_STACK_TOP
//     InitialStack ->  | V86: not used            |  = ESP of the TSS
//                      | Ss Esp EFlags Cs Eip ... |  KTRAP_FRAME of user mode
//                      +--------------------------+
//                      | the kernel's work        |
//     StackLimit   ->  +--------------------------+
//
// Invariants: while a thread is in user mode nothing else is on its kernel stack. It goes there at PASSIVE_LEVEL, in its own process,
// with the flags and selectors of user mode, whatever the frame was asked to hold.
// In the books: "processor modes", "thread creation", "trap frames". TRP-01, TRP-03, EXC-04
#pragma once

#include "i386/trap.h"
#include "ke/thread.h"

constexpr ULONG KNPX_BYTES = 512; ///< of fxsave

/// The top of the kernel stack of a thread that runs in user mode.
/// shared: no, the thread's own
struct KUSER_STACK_TOP {
    KTRAP_FRAME Frame;
    ULONG NpxUsed;                     ///< whether Npx holds something, or did
    alignas(16) UCHAR Npx[KNPX_BYTES]; ///< its floating-point registers, while no processor has them
};

/// What happens to a thread whose exception in user mode nobody handles. Called at PASSIVE_LEVEL; does not return.
using KUNHANDLED_USER_EXCEPTION = void NTAPI(const EXCEPTION_RECORD* Record);
/// Asks the debugger of the calling thread's process about an exception. Called at PASSIVE_LEVEL; the debugger may change the thread's
/// registers. @returns whether there is a debugger, and it has handled the exception
using KUSER_DEBUGGER = BOOLEAN NTAPI(const EXCEPTION_RECORD* Record, BOOLEAN FirstChance);

extern "C" {
/// KeInitializeThread for a thread that will go to user mode. @param SystemRoutine runs first, in the kernel; at its end it calls
/// KeEnterUserMode. @param Context the first registers of user mode. @param Teb where fs leads; nullptr: nowhere. @irql <= DISPATCH_LEVEL
void NTAPI KeInitializeUserThread(PKTHREAD Thread, PVOID KernelStack, PVOID StackLimit, PKSYSTEM_ROUTINE SystemRoutine,
                                  PKSTART_ROUTINE StartRoutine, PVOID StartContext, CONTEXT* Context, PVOID Teb,
                                  PKPROCESS Process);
/// The calling thread goes to user mode, with the registers of its frame. @irql PASSIVE_LEVEL
[[noreturn]] void NTAPI KeEnterUserMode();
/// The calling thread's registers of user mode: the parts that Context->ContextFlags names, and the flags of those that were there.
/// KeSetUserContext is the way back; flags and selectors stay those of user mode. Pre: KeInitializeUserThread. @irql <= APC_LEVEL
void NTAPI KeGetUserContext(CONTEXT* Context);
void NTAPI KeSetUserContext(CONTEXT* Context);
/// Puts a user APC of the calling thread before all others; the thread's next way to user mode delivers it. Not while the thread is
/// attached. @param Apc a user APC that is not queued. @irql <= APC_LEVEL
void NTAPI KeForceUserApc(PKAPC Apc, PVOID SystemArgument1);
/// Says what ends a thread after its exception; once, when the system starts.
void NTAPI KeSetUnhandledUserException(KUNHANDLED_USER_EXCEPTION* Routine);
/// Says who asks the debuggers of processes; once, when the system starts.
void NTAPI KeSetUserDebugger(KUSER_DEBUGGER* Routine);
}

/// The frame of user mode of a thread that KeInitializeUserThread has made.
inline KTRAP_FRAME* KeUserFrame(const KTHREAD* thread) {
    return reinterpret_cast<KTRAP_FRAME*>(static_cast<UCHAR*>(thread->InitialStack) - offsetof(KTRAP_FRAME, V86Es));
}
