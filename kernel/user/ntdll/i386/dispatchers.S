// Where the kernel enters user mode: an APC, an exception, an exception that a service asked for, a thread's first instruction.
//
// None of these routines is called by a program. What each finds on its stack the kernel has put there (ke/i386/userapc.cpp,
// userexceptn.cpp). Those that end with NtContinue hand the registers back that the kernel has saved.
// In the books: "user-mode APCs", "exception dispatching", "thread creation". INT-12, EXC-04

#define EXCEPTION_RECORD_LENGTH 0x50
#define ER_CODE 0x00
#define ER_FLAGS 0x04
#define ER_RECORD 0x08
#define ER_PARAMETERS 0x10
#define TEB_SELF %fs:0x18
#define TEB_EXCEPTION_CODE 0x1A4

    .text

// Stack: NormalRoutine, NormalContext, SystemArgument1, SystemArgument2, CONTEXT. NtContinue asks for the next APC.
    .globl _KiUserApcDispatcher
_KiUserApcDispatcher:
    leal 16(%esp), %edi                     // the CONTEXT; a routine keeps edi
    popl %eax
    call *%eax                              // takes its three arguments off the stack
    pushl $1                                // TestAlert
    pushl %edi
    call _NtContinue@8
    pushl %eax                              // it returned: the context cannot be used
    call _RtlRaiseStatus@4

// Stack: the addresses of EXCEPTION_RECORD and CONTEXT, then both.
    .globl _KiUserExceptionDispatcher
_KiUserExceptionDispatcher:
    movl (%esp), %esi
    movl 4(%esp), %edi
    pushl %edi
    pushl %esi
    call _RtlpDispatchUserException@8
    testb %al, %al
    jz 1f
    pushl $0
    pushl %edi
    call _NtContinue@8
    jmp 2f
1:  pushl $0                                // not its first chance: the kernel asks a debugger, and ends the thread
    pushl %edi
    pushl %esi
    call _NtRaiseException@12
2:  pushl %eax                              // it returned: record or context cannot be used
    call _RtlRaiseStatus@4

// A service returns here instead of to its stub. Stack: where the stub's call returns to. TEB::ExceptionCode says which exception.
    .globl _KiRaiseUserExceptionDispatcher
_KiRaiseUserExceptionDispatcher:
    pushl %ebp
    movl %esp, %ebp
    subl $EXCEPTION_RECORD_LENGTH, %esp
    movl TEB_SELF, %eax
    movl TEB_EXCEPTION_CODE(%eax), %eax
    movl %eax, ER_CODE(%esp)
    movl $0, ER_FLAGS(%esp)
    movl $0, ER_RECORD(%esp)
    movl $0, ER_PARAMETERS(%esp)
    pushl %esp
    call _RtlRaiseException@4
    movl ER_CODE(%esp), %eax                // a handler went on: the service's status
    leave
    ret

// A thread's first registers in user mode: eax the routine, ebx its parameter. No frame lies above this one.
    .globl _RtlUserThreadStart@0
_RtlUserThreadStart@0:
    xorl %ebp, %ebp
    pushl %ebx
    pushl %eax
    pushl $0                                // no return address
    jmp _RtlpRunThread@8
