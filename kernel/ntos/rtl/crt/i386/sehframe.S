// Calls into the middle of a function: filters, termination handlers and exception handlers run in the frame of the
// function that they were written in, which they find through EBP.
//
// In the books: "exception dispatching: frame-based handlers". EXC-03

    .text

// LONG FASTCALL CrtpCallInFrame(PVOID routine, PVOID frameEnd): a filter (its value comes back) or a termination
// handler. It may use every register for itself.
    .globl @CrtpCallInFrame@8
@CrtpCallInFrame@8:
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl %edx, %ebp
    call *%ecx
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

// void FASTCALL CrtpContinueInFrame(PVOID handler, PVOID frameEnd): into an __except block, for good. The block loads
// the stack pointer that its function has saved beside the registration.
    .globl @CrtpContinueInFrame@8
@CrtpContinueInFrame@8:
    movl %edx, %ebp
    jmp *%ecx

// __CxxFrameHandler3: the compiler's handler thunk passes the function's unwind information in EAX.
    .globl ___CxxFrameHandler3
___CxxFrameHandler3:
    pushl %eax
    pushl 12(%esp)                      // establisher frame
    pushl 12(%esp)                      // exception record
    call _CrtpCleanupFrame@12
    ret
