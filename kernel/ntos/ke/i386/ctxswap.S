// The context switch itself, and the first instructions of every thread.
//
// In the books: "context switching". SCH-14
#include "ke/i386/asmoffsets.h"

    .text

// void FASTCALL KiSwapContext(PKTHREAD OldThread, PKTHREAD NewThread)
//
// ecx: the thread that runs now; edx: the thread that shall go on. Called at SYNCH_LEVEL with no lock held. Saves what
// the C++ caller expects to find again as a KSWITCH_FRAME (ki/context.h) on OldThread's stack, leaves its address in
// OldThread->KernelStack, and undoes NewThread's frame. It "returns" in NewThread; OldThread's call returns when somebody
// switches back.
//
//   saved and restored   ebx esi edi ebp, EFLAGS (with the interrupt flag), fs:[0] (the exception chain is on the stack)
//   not saved            eax ecx edx, which a call may change; segment registers and CR0, which are the same for all
//   follows the thread   ESP; KPCR StackBase and StackLimit; TSS Esp0 (= InitialStack): where traps from user mode begin
//   follows the process  CR3, only if ApcState.Process differs: loading it throws away the TLB
//   counted              ContextSwitches of NewThread and of the processor
//
// OldThread->SwapBusy is cleared when nothing of it and its stack is used any more, and not before: another processor may
// go on with the thread at that moment, so nothing of it is read or written afterwards. Interrupts are off from the first to the last change of ESP, the bounds, Esp0, CR3 and
// fs:[0]: an interrupt in between would find the stack of one thread with the limits of the other. EFLAGS comes after them.
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
// Entered at SYNCH_LEVEL with ESP at the thread's KSTART_FRAME. Lowers the IRQL to APC_LEVEL (@KfLowerIrql@4: __fastcall, the
// new IRQL in ecx) and calls SystemRoutine(StartRoutine, StartContext), __stdcall; the two arguments are already where the call
// needs them. A system routine ends the thread itself; if it returns: bugcheck MICA_THREAD_RETURNED, parameter 1 the thread.
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
