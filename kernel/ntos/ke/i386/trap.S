// The way into the kernel and out of it: 256 entry points, one frame, one exit.
//
// An interrupt gate has cleared the interrupt flag. Every entry point leaves (vector, error code) above what the
// processor pushed; KiTrapEntry builds a KTRAP_FRAME (inc/i386/trap.h) around it and calls KiTrap(frame, vector).
// fs:[0] is saved in the frame and set to "no handlers", so that an interrupt routine's exception does not search the
// frames of whatever it interrupted; KiDispatchException puts the saved chain back for an exception of this code.
// A trap from user mode begins at the thread's InitialStack, which the processor finds in the TSS: its frame fills the place that
// KUSER_STACK_TOP (inc/ke/usermode.h) keeps for it.
// In the books: "trap dispatching: trap frames". TRP-03, EXC-01

#include "ke/i386/asmoffsets.h"

    .cfi_sections .debug_frame
    .text

// For debuggers: the registers of the interrupted routine lie in the frame at %ebp.  `above`: what lies between the frame
// and that routine's stack.
.macro FRAME_AT_EBP above
    .cfi_def_cfa ebp, TF_HARDWARE_ESP + \above
    .cfi_offset eip, TF_EIP - TF_HARDWARE_ESP - \above
    .cfi_offset ebp, TF_EBP - TF_HARDWARE_ESP - \above
    .cfi_offset ebx, TF_EDI + 8 - TF_HARDWARE_ESP - \above
    .cfi_offset esi, TF_EDI + 4 - TF_HARDWARE_ESP - \above
    .cfi_offset edi, TF_EDI - TF_HARDWARE_ESP - \above
.endm

// Everything of a KTRAP_FRAME below Eip. On the stack: Ebp (where the vector was), ErrCode, Eip, SegCs, EFlags.
// Leaves %esp = %ebp = the frame; %ebx, %eax are lost.
.macro SAVE_FRAME
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %fs
    movl $KGDT_R0_PCR, %ebx
    movw %bx, %fs
    pushl %fs:PCR_EXCEPTION_LIST
    pushl $0                                // PreviousPreviousMode
    pushl %eax
    pushl %ecx
    pushl %edx
    pushl %ds
    pushl %es
    pushl %gs
    subl $TF_SEG_GS, %esp
    movl $(KGDT_R3_DATA | RPL_MASK), %ebx   // flat data, good for both rings
    movw %bx, %ds
    movw %bx, %es
    movl TF_EBP(%esp), %eax
    movl %eax, TF_DBG_EBP(%esp)
    movl TF_EIP(%esp), %eax
    movl %eax, TF_DBG_EIP(%esp)
    movl $TF_ARG_MARK, TF_DBG_ARG_MARK(%esp)
    movl $0, TF_TEMP_ESP(%esp)
    cld
.endm

KiTrapEntry:
    xchgl %ebp, (%esp)                      // the interrupted Ebp gets its place, %ebp the vector
    SAVE_FRAME
    movl $-1, %fs:PCR_EXCEPTION_LIST
    movl %ebp, %esi
    movl %esp, %ebp                         // the frame is a link of the frame chain
    .cfi_startproc
    .cfi_signal_frame                       // not a call: the saved Eip is the interrupted instruction itself
    FRAME_AT_EBP 0
    pushl %esi
    pushl %ebp
    call _KiTrap@8
    .cfi_endproc

// %esp = the frame to leave through.
    .globl _KiTrapExit
_KiTrapExit:
    cli
    testb $RPL_MASK, TF_SEG_CS(%esp)
    jnz KiUserExit
    cmpl $0, TF_TEMP_ESP(%esp)
    jne KiEditedStack
KiRestoreFrame:
    addl $TF_SEG_GS, %esp
    popl %gs
    popl %es
    popl %ds
    popl %edx
    popl %ecx
    popl %eax
    addl $4, %esp                           // PreviousPreviousMode
    popl %fs:PCR_EXCEPTION_LIST
    popl %fs
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    addl $4, %esp                           // ErrCode
    iretl

// The way to user mode. User APCs that are pending come first: they change the frame.
KiUserExit:
    movl %fs:PCR_CURRENT_THREAD, %ebx
    cmpb $0, THREAD_USER_APC_PENDING(%ebx)
    je KiRestoreFrame
    movl %esp, %ebp
    pushl %ebp
    call _KiDeliverUserApcs@4               // interrupts are off when it returns
    jmp KiUserExit

// void KiLeaveThroughFrame(KTRAP_FRAME*): goes on with what the frame says; what lies below it on the stack is gone.
    .globl _KiLeaveThroughFrame@4
_KiLeaveThroughFrame@4:
    movl 4(%esp), %esp
    jmp _KiTrapExit

// A handler changed the interrupted kernel stack pointer: it moved up to TempEsp. Eip, SegCs and EFlags are copied to
// below it, from the top down because the places may overlap.
KiEditedStack:
    movl TF_TEMP_ESP(%esp), %eax
    movl TF_EFLAGS(%esp), %ecx
    movl %ecx, -4(%eax)
    movl TF_SEG_CS(%esp), %ecx
    movl %ecx, -8(%eax)
    movl TF_EIP(%esp), %ecx
    movl %ecx, -12(%eax)
    subl $12, %eax
    movl %eax, TF_ERR_CODE(%esp)
    addl $TF_SEG_GS, %esp
    popl %gs
    popl %es
    popl %ds
    popl %edx
    popl %ecx
    popl %eax
    addl $4, %esp
    popl %fs:PCR_EXCEPTION_LIST
    popl %fs
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    movl (%esp), %esp                       // ErrCode holds where the copy is
    iretl

// void KeBugCheckEx(code, p1, p2, p3, p4): saves the caller's registers as a trap would, before any code changes them.
    .globl _KeBugCheckEx@20
_KeBugCheckEx@20:
    pushfl
    pushl %cs
    pushl 8(%esp)                           // Eip: the return address
    pushl $0                                // ErrCode
    pushl %ebp
    SAVE_FRAME
    leal TF_HARDWARE_ESP+4(%esp), %eax
    movl %eax, TF_TEMP_ESP(%esp)            // the caller's stack pointer, arguments included
    movl %esp, %ebp
    .cfi_startproc
    FRAME_AT_EBP 4
    cli
    pushl %ebp
    pushl TF_HARDWARE_ESP+20(%ebp)
    pushl TF_HARDWARE_ESP+16(%ebp)
    pushl TF_HARDWARE_ESP+12(%ebp)
    pushl TF_HARDWARE_ESP+8(%ebp)
    pushl TF_HARDWARE_ESP+4(%ebp)
    call _KeBugCheck2@24
    ud2
    .cfi_endproc

// The entry points. Vectors 8, 10-14 and 17 come with an error code from the processor.
.macro VECTOR number
KiVector\number:
    .if !(\number == 8 || (\number >= 10 && \number <= 14) || \number == 17)
    pushl $0
    .endif
    pushl $\number
    jmp KiTrapEntry
.endm

    .altmacro
    .set n, 0
    .rept 256
    VECTOR %n
    .set n, n + 1
    .endr

// Addresses of the entry points, for the IDT.
.macro VECTOR_ADDRESS number
    .long KiVector\number
.endm
    .section .rdata, "dr"
    .globl _KiVectorEntry
    .p2align 2
_KiVectorEntry:
    .set n, 0
    .rept 256
    VECTOR_ADDRESS %n
    .set n, n + 1
    .endr
