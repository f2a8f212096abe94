// The context switch: what a thread that does not run has on its stack.
//
// Invariant: a thread that does not run has KernelStack == &KSWITCH_FRAME on its own stack. KiSwapContext made the
// frame when the thread left the processor, or KiInitializeContextThread when the thread was made; KiSwapContext undoes
// it and cannot tell the two apart.
// In the books: "context switching". SCH-14
#pragma once

#include "ke.h"

/// Lowest address first: the order of the pops.
/// shared: no, it lies on the stack of a thread that does not run
struct KSWITCH_FRAME {
    ULONG_PTR ExceptionList; ///< fs:[0]: the chain belongs to the stack
    ULONG_PTR EFlags;
    ULONG_PTR Edi;
    ULONG_PTR Esi;
    ULONG_PTR Ebx;
    ULONG_PTR Ebp;
    ULONG_PTR ReturnAddress; ///< into KiSwapContext's caller; a new thread's: KiThreadStartup
};

/// Above a new thread's switch frame: what KiThreadStartup finds at its ESP.
/// shared: no, it lies on a new thread's stack
struct KSTART_FRAME {
    PKSYSTEM_ROUTINE SystemRoutine;
    PKSTART_ROUTINE StartRoutine; ///< the first argument of SystemRoutine ...
    PVOID StartContext;           ///< ... and the second
};

constexpr ULONG_PTR EXCEPTION_CHAIN_END = ~ULONG_PTR(0);
constexpr ULONG_PTR EFLAGS_ALWAYS_ONE = 0x002;
constexpr ULONG_PTR EFLAGS_INTERRUPT_MASK = 0x200;

#if !defined(MICA_HOST) // a 64-bit host has wider words
static_assert(sizeof(KSWITCH_FRAME) == 0x1C && sizeof(KSTART_FRAME) == 0x0C, "ctxswap.S relies on this layout");
#endif

extern "C" {
/// Makes a new thread's first frame. @irql any
void NTAPI KiInitializeContextThread(PKTHREAD Thread, PKSYSTEM_ROUTINE SystemRoutine, PKSTART_ROUTINE StartRoutine,
                                     PVOID StartContext);
/// Saves the current context in OldThread and goes on in NewThread; returns when OldThread runs again. @irql SYNCH_LEVEL
void FASTCALL KiSwapContext(PKTHREAD OldThread, PKTHREAD NewThread);
/// Where every thread begins; not called but returned to.
void KiThreadStartup();
}

/// Saves the floating-point registers of a thread that uses them into its NpxArea; user mode's stay there until they are used again.
/// @irql SYNCH_LEVEL
void KiSaveNpx(PKTHREAD Thread);
/// Loads those of a routine of the kernel that is between save and restore. @irql SYNCH_LEVEL
void KiLoadNpx(PVOID Area);
/// Makes this processor's floating-point unit ready, with SSE if there is SSE. Once a processor.
void KiInitializeNpx();

/// Part of KiInitializeDispatcher, once.
void KiInitializeProcessList();
/// KeInitializeThread without a first frame: all that an idle thread needs, which runs already.
void KiInitializeThreadObject(PKTHREAD Thread, PVOID KernelStack, PVOID StackLimit, PKPROCESS Process);
/// Loads a process's page directory. @irql >= DISPATCH_LEVEL
void KiLoadDirectoryTable(const KPROCESS* Process);
/// Makes the segment that fs selects in user mode begin at a thread's TEB, on this processor. @irql >= DISPATCH_LEVEL
void KiLoadTebSegment(PVOID Teb);
/// The idle loop looks for work with interrupts off, so that none is lost before it halts.
void KiDisableInterrupts();
void KiEnableInterrupts();
/// @returns whether the frame is of an interrupted user mode. @param TrapFrame nullptr: kernel mode
bool KiIsUserFrame(const KTRAP_FRAME* TrapFrame);
