// DPCs on a stack of their own: an interrupted thread's kernel stack need not have room for them.
//
// In the books: "DPCs: the DPC stack". INT-05
#include "ke/i386/asmoffsets.h"

    .text

// void NTAPI KiRetireDpcListOnStack(PKPRCB Prcb, PVOID Stack)
//
// Calls KiRetireDpcList(Prcb) with ESP at Stack, the highest address of DPC_STACK_SIZE bytes. At DISPATCH_LEVEL, interrupts
// on; nothing that is called switches threads, so the way back is on this thread's stack still. The exception chain and
// the limits belong to a stack and change with it; interrupts are off while they do not match.
    .globl _KiRetireDpcListOnStack@8
_KiRetireDpcListOnStack@8:
    pushl %ebp
    movl %esp, %ebp
    pushl %fs:PCR_EXCEPTION_LIST
    pushl %fs:PCR_STACK_BASE
    pushl %fs:PCR_STACK_LIMIT
    movl 8(%ebp), %ecx                  // Prcb
    movl 12(%ebp), %eax                 // Stack
    leal -DPC_STACK_BYTES(%eax), %edx

    cli
    movl $-1, %fs:PCR_EXCEPTION_LIST    // the end of the chain: no handler of the thread sees a DPC's exception
    movl %eax, %fs:PCR_STACK_BASE
    movl %edx, %fs:PCR_STACK_LIMIT
    movl %eax, %esp
    sti

    pushl %ecx
    call _KiRetireDpcList@4

    cli
    leal -12(%ebp), %esp
    popl %fs:PCR_STACK_LIMIT
    popl %fs:PCR_STACK_BASE
    popl %fs:PCR_EXCEPTION_LIST
    sti
    popl %ebp
    ret $8
