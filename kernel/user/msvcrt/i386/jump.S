// _setjmp3, longjmp: back to a place further up in the stack.
//
// The buffer keeps the registers that a routine must keep, and the head of the list of exception frames: those that were added since then are
// unwound first, so their termination handlers run. The buffer's layout is documented.
// Simplified: the optional arguments, a compiler's try level among them, are not looked at. mingw-w64 passes none.
// In the books: "exception dispatching: unwinding". EXC-03

#define JB_EBP 0x00
#define JB_EBX 0x04
#define JB_EDI 0x08
#define JB_ESI 0x0C
#define JB_ESP 0x10
#define JB_EIP 0x14
#define JB_REGISTRATION 0x18
#define TEB_EXCEPTION_LIST %fs:0

    .text

// int _setjmp3(buffer, count, ...): returns 0, and later once more what longjmp is given.
    .globl __setjmp3
__setjmp3:
    movl 4(%esp), %edx
    movl %ebp, JB_EBP(%edx)
    movl %ebx, JB_EBX(%edx)
    movl %edi, JB_EDI(%edx)
    movl %esi, JB_ESI(%edx)
    leal 4(%esp), %eax                      // the stack as the caller finds it again
    movl %eax, JB_ESP(%edx)
    movl (%esp), %eax
    movl %eax, JB_EIP(%edx)
    movl TEB_EXCEPTION_LIST, %eax
    movl %eax, JB_REGISTRATION(%edx)
    xorl %eax, %eax
    ret

// void longjmp(buffer, value): a value of 0 becomes 1.
    .globl _longjmp
_longjmp:
    movl 4(%esp), %esi
    movl 8(%esp), %edi
    movl JB_REGISTRATION(%esi), %eax
    cmpl %eax, TEB_EXCEPTION_LIST
    je 1f
    pushl $0
    pushl $0
    pushl $0
    pushl %eax
    call _RtlUnwind@16                      // keeps esi and edi
1:  movl %esi, %edx
    movl %edi, %eax
    testl %eax, %eax
    jnz 2f
    incl %eax
2:  movl JB_EBP(%edx), %ebp
    movl JB_EBX(%edx), %ebx
    movl JB_EDI(%edx), %edi
    movl JB_ESI(%edx), %esi
    movl JB_ESP(%edx), %esp
    jmp *JB_EIP(%edx)
