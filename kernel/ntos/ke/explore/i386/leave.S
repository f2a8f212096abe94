// KxCall and KxLeave: a call that can be left from any depth, for a run that has failed and cannot unwind.
//
// Only the conductor's processor uses them, and no call is inside another: one place remembers the stack.
// In the books: none. SYH-01
#include "i386/trapframe.h"

    .text

// bool CDECL KxCall(void (CDECL* Routine)(PVOID), PVOID Argument)
    .globl _KxCall
_KxCall:
    pushl %ebp
    movl %esp, %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %fs:PCR_EXCEPTION_LIST
    movl %esp, KxLanding
    pushl 12(%ebp)
    call *8(%ebp)
    addl $4, %esp
    xorl %eax, %eax
.Lreturn:
    popl %fs:PCR_EXCEPTION_LIST
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

// void CDECL KxLeave()
    .globl _KxLeave
_KxLeave:
    movl KxLanding, %esp
    leal 16(%esp), %ebp
    movl $1, %eax
    jmp .Lreturn

    .bss
    .p2align 2
KxLanding:
    .long 0
