// The context switch itself, and the first instructions of every thread.
//
// In the books: "context switching". SCH-14
#include "ke/i386/asmoffsets.h"

    .text

// void FASTCALL KiSwapContext(PKTHREAD OldThread, PKTHREAD NewThread)
//
// Leaves OldThread (ecx), which runs now, and goes on with NewThread (edx). Called at SYNCH_LEVEL with no lock held. The call
// "returns" in NewThread: behind the call with which that thread left. OldThread's call returns when a processor goes on with
// OldThread.
//
// For the C++ caller this is a call that took long. The thread's own stack keeps what the caller must find unchanged: a
// KSWITCH_FRAME (ki/context.h). While a thread is away, KernelStack is the address of this frame.
//
//   in the frame         EBX ESI EDI EBP, EFLAGS (with the interrupt flag), fs:[0] (the exception chain is on the stack)
//   not kept             EAX ECX EDX, which a call may change; segment registers and CR0, which all threads share
//   per thread           ESP; KPCR StackBase and StackLimit; TSS Esp0 (= InitialStack): where traps from user mode begin
//   per process          CR3; a load throws away the TLB, so only a thread of another process (ApcState.Process) loads it
//   counted              ContextSwitches of NewThread and of the processor: one more each
//
// Two others watch. An interrupt must find ESP, the bounds, Esp0, CR3 and fs:[0] of one thread: interrupts are off from the
// first change of these to the last, and EFLAGS comes after them. Another processor may go on with OldThread as soon as its
// SwapBusy is clear: SwapBusy is cleared when OldThread and its stack are not needed any more, and from then on neither is
// read or written.
    .globl "@KiSwapContext@8"
"@KiSwapContext@8":
    // LAB(1.2) begin
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    pushfl
    pushl %fs:0
    cli

    movl %esp, THREAD_KERNEL_STACK(%ecx)
    movl THREAD_KERNEL_STACK(%edx), %esp        // from here on this is NewThread's stack

    movl THREAD_INITIAL_STACK(%edx), %eax
    movl %eax, %fs:PCR_STACK_BASE
    movl %fs:PCR_TSS, %ebx
    movl %eax, TSS_ESP0(%ebx)
    movl THREAD_STACK_LIMIT(%edx), %eax
    movl %eax, %fs:PCR_STACK_LIMIT

    movl THREAD_PROCESS(%edx), %eax
    cmpl THREAD_PROCESS(%ecx), %eax
    je .LsameProcess
    movl PROCESS_DIRECTORY_TABLE(%eax), %eax
    movl %eax, %cr3                             // kernel stacks are mapped in every process
.LsameProcess:
    movl %fs:PCR_PRCB, %eax
    incl PRCB_CONTEXT_SWITCHES(%eax)
    incl THREAD_CONTEXT_SWITCHES(%edx)
    movb $0, THREAD_SWAP_BUSY(%ecx)

    popl %fs:0
    popfl
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret
    // LAB(1.2) else
    //| LAB_NOT_IMPLEMENTED("1.2")
    // LAB(1.2) end

// KiThreadStartup: where a new thread begins, because KiInitializeContextThread put its address into the first frame.
//
// Entered at SYNCH_LEVEL with ESP at the thread's KSTART_FRAME. SystemRoutine(StartRoutine, StartContext), __stdcall, runs at
// APC_LEVEL; @KfLowerIrql@4 lowers the IRQL (__fastcall: the new IRQL in ecx). A system routine ends the thread itself: one
// that returns is bugcheck MICA_THREAD_RETURNED, parameter 1 the thread.
    .globl _KiThreadStartup
_KiThreadStartup:
    // LAB(1.2) begin
    movl $APC_LEVEL_NUMBER, %ecx
    call "@KfLowerIrql@4"
    popl %eax
    call *%eax

    movl %fs:PCR_PRCB, %eax
    pushl $0
    pushl $0
    pushl $0
    pushl PRCB_CURRENT_THREAD(%eax)
    pushl $MICA_THREAD_RETURNED_CODE
    call "_KeBugCheckEx@20"
    // LAB(1.2) else
    //| LAB_NOT_IMPLEMENTED("1.2")
    // LAB(1.2) end
