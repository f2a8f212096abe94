// Registers as data: RtlCaptureContext, RtlRestoreContext, and RtlRaiseException, which needs both.
//
// In the books: "exception dispatching: software exceptions", "thread context". EXC-01

#define CONTEXT_FULL 0x10007
#define CX_FLAGS 0x00
#define CX_SEG_GS 0x8C
#define CX_SEG_FS 0x90
#define CX_SEG_ES 0x94
#define CX_SEG_DS 0x98
#define CX_EDI 0x9C
#define CX_ESI 0xA0
#define CX_EBX 0xA4
#define CX_EDX 0xA8
#define CX_ECX 0xAC
#define CX_EAX 0xB0
#define CX_EBP 0xB4
#define CX_EIP 0xB8
#define CX_SEG_CS 0xBC
#define CX_EFLAGS 0xC0
#define CX_ESP 0xC4
#define CX_SEG_SS 0xC8
#define CX_LENGTH 0x2CC
#define ER_EXCEPTION_ADDRESS 0x0C

    .text

// void RtlCaptureContext(CONTEXT* Context): the caller's registers as they are when this returns.
    .globl _RtlCaptureContext@4
_RtlCaptureContext@4:
    pushfl
    pushl %eax
    movl 12(%esp), %eax
    movl %ecx, CX_ECX(%eax)
    movl %edx, CX_EDX(%eax)
    movl %ebx, CX_EBX(%eax)
    movl %esi, CX_ESI(%eax)
    movl %edi, CX_EDI(%eax)
    movl %ebp, CX_EBP(%eax)
    movl $CONTEXT_FULL, CX_FLAGS(%eax)
    popl CX_EAX(%eax)
    popl CX_EFLAGS(%eax)
    movl (%esp), %ecx
    movl %ecx, CX_EIP(%eax)
    leal 8(%esp), %ecx                  // above the return address and the argument
    movl %ecx, CX_ESP(%eax)
    movl %cs, %ecx
    movl %ecx, CX_SEG_CS(%eax)
    movl %ss, %ecx
    movl %ecx, CX_SEG_SS(%eax)
    movl %ds, %ecx
    movl %ecx, CX_SEG_DS(%eax)
    movl %es, %ecx
    movl %ecx, CX_SEG_ES(%eax)
    movl %fs, %ecx
    movl %ecx, CX_SEG_FS(%eax)
    movl %gs, %ecx
    movl %ecx, CX_SEG_GS(%eax)
    pushl CX_EFLAGS(%eax)
    movl CX_ECX(%eax), %ecx
    movl CX_EAX(%eax), %eax
    popfl
    ret $4

// void RtlRestoreContext(const CONTEXT* Context): goes on with these registers, in kernel mode, on the same or another
// kernel stack. Five words below Context->Esp are overwritten, so the context must not lie there.
    .globl _RtlRestoreContext@4
_RtlRestoreContext@4:
    movl 4(%esp), %edx
    movl CX_ESP(%edx), %eax
    movl CX_EFLAGS(%edx), %ecx
    movl %ecx, -4(%eax)
    movl %cs, %ecx
    movl %ecx, -8(%eax)
    movl CX_EIP(%edx), %ecx
    movl %ecx, -12(%eax)
    movl CX_EAX(%edx), %ecx
    movl %ecx, -16(%eax)
    movl CX_EDX(%edx), %ecx
    movl %ecx, -20(%eax)
    movl CX_EBX(%edx), %ebx
    movl CX_ESI(%edx), %esi
    movl CX_EDI(%edx), %edi
    movl CX_EBP(%edx), %ebp
    movl CX_ECX(%edx), %ecx
    leal -20(%eax), %esp
    popl %edx
    popl %eax
    iretl                               // Eip, Cs, EFlags; the same ring: Esp is where it shall be

// void RtlRaiseException(EXCEPTION_RECORD* Record): the exception happens at the caller, after the call.
    .globl _RtlRaiseException@4
_RtlRaiseException@4:
    pushl %ebp
    movl %esp, %ebp
    subl $CX_LENGTH, %esp
    pushl %esp
    call _RtlCaptureContext@4
    movl 4(%ebp), %eax                  // return address
    movl %eax, CX_EIP(%esp)
    movl (%ebp), %ecx
    movl %ecx, CX_EBP(%esp)
    leal 12(%ebp), %ecx                 // the argument gone
    movl %ecx, CX_ESP(%esp)
    movl 8(%ebp), %ecx
    movl %eax, ER_EXCEPTION_ADDRESS(%ecx)
    movl %esp, %eax
    pushl %eax                          // Context, for RtlRestoreContext
    pushl %eax
    pushl %ecx
    call _KiRaiseException@8            // returns if a handler wants to go on
    call _RtlRestoreContext@4
    ud2
