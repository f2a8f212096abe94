// Programs for user mode, copied into a process by process.h. All addresses in them are those of the copy: AT(label).
//
// They find their data at DATA, and end by an exception (int3), as long as nothing else ends a thread.
#include "services.h"

#define CODE 0x00400000
#define DATA 0x00500000
#define CALLS (DATA + 0x1000)
#define CONTEXT_EIP 0xB8
#define CONTEXT_EFLAGS 0xC0
#define AT(label) ((label) - _UserCode + CODE)

    .section .rdata, "dr"
    .p2align 4
    .globl _UserCode, _UserCodeEnd
_UserCode:

.macro PROGRAM name
    .globl _User\name
_User\name:
.endm

// Where am I: selectors, the TEB, the flags, the stack.
PROGRAM Where
    movw %cs, DATA
    movw %ss, DATA+4
    movw %ds, DATA+8
    movw %es, DATA+12
    movw %fs, DATA+16
    movl %fs:0x18, %eax
    movl %eax, DATA+20
    pushfl
    popl DATA+24
    movl %esp, DATA+28
    int3

PROGRAM Cli
    cli
PROGRAM Hlt
    hlt
PROGRAM In
    inb $0x60, %al
PROGRAM Out
    movw $0x3F8, %dx
    outb %al, %dx
PROGRAM ReadCr0
    movl %cr0, %eax
PROGRAM WriteCr3
    movl %eax, %cr3
PROGRAM Lgdt
    lgdt DATA
PROGRAM Rdmsr
    rdmsr
PROGRAM Divide
    xorl %ecx, %ecx
    divl %ecx
PROGRAM Undefined
    ud2
PROGRAM Gate
    int $0x41
PROGRAM PageFaultGate
    int $14
PROGRAM ReadNull
    movl 0, %eax
PROGRAM ReadKernel
    movl 0x80100000, %eax
PROGRAM WriteKernel
    movl %eax, 0x80100000
PROGRAM ReadPageTables
    movl 0xC0300000, %eax
PROGRAM WriteSharedData
    movl %eax, 0x7FFE0000
PROGRAM JumpToKernel
    movl $0x80101000, %eax
    jmp *%eax
PROGRAM FarJumpToRingZero
    ljmp $0x08, $CODE
PROGRAM LoadKernelStackSegment
    movl $0x10, %eax
    movw %ax, %ss
PROGRAM LoadPcr
    movl $0x30, %eax
    movw %ax, %fs
PROGRAM ReturnOfATask
    pushfl
    orl $0x4000, (%esp)                     // NT: iret would go back to another task
    popfl
    iretl
PROGRAM TrapFlag
    pushfl
    orl $0x100, (%esp)
    popfl
    nop
PROGRAM Overflow
    movb $0x7F, %al
    addb $1, %al
    into

// Goes down its stack for good: the guard page moves until there is no room.
PROGRAM EatStack
    pushl $0
    jmp _UserEatStack

// Uses %ecx pages of fresh memory from DATA+4096 on.
PROGRAM Touch
    movl $DATA+4096, %eax
1:  movl %eax, (%eax)
    addl $4096, %eax
    decl %ecx
    jnz 1b
    int3

// Counts %ecx rounds down, and looks in each whether everything is as it left it: registers, stack, TEB (its address in %edx).
PROGRAM Spin
    movl $0x11111111, %ebx
    movl $0x22222222, %esi
    movl $0x33333333, %edi
    pushl $0x44444444
    movl %esp, %ebp
1:  cmpl $0x11111111, %ebx
    jne 2f
    cmpl $0x22222222, %esi
    jne 2f
    cmpl $0x33333333, %edi
    jne 2f
    cmpl %esp, %ebp
    jne 2f
    cmpl $0x44444444, (%ebp)
    jne 2f
    cmpl %edx, %fs:0x18
    jne 2f
    decl %ecx
    jnz 1b
    int3
2:  ud2

// ---- floating-point and SSE registers

// As they are at the first use.
PROGRAM FreshNpx
    fnstcw DATA
    stmxcsr DATA+4
    fnstsw DATA+8
    int3
// Holds %ecx in x87 and SSE registers, and looks whether they are as they were, each time that others had the processor.
PROGRAM HoldNpx
    pushl %ecx
    movl %esp, %ebp
    fildl (%ebp)
    movd %ecx, %xmm0
    movd %ecx, %xmm7
    subl $4, %esp
    movl $600, %esi
1:  pushl %ecx
    call _NtYieldExecution@0
    popl %ecx
    fistl -4(%ebp)
    cmpl %ecx, -4(%ebp)
    jne 2f
    movd %xmm0, %eax
    cmpl %ecx, %eax
    jne 2f
    movd %xmm7, %eax
    cmpl %ecx, %eax
    jne 2f
    decl %esi
    jnz 1b
    int3
2:  ud2
// The same over an exception whose handler uses the registers itself, and changes nothing of them in the context.
PROGRAM KeepNpx
    pushl $12345
    fildl (%esp)
    movd (%esp), %xmm1
    movl $AT(KeptNpx), DATA+0x40
    movl $1, DATA+0x54
    ud2
KeptNpx:
    fistpl DATA
    movd %xmm1, DATA+4
    int3
PROGRAM DivideNpx
    pushl $0x033B                           // unmasked: division by zero
    fldcw (%esp)
    fld1
    fldz
    fdivrp
    fwait
    int3

// ---- what the system library has: entry points and stubs

PROGRAM FastSystemCall
    movl %esp, %edx
    sysenter
PROGRAM FastSystemCallRet
    ret
PROGRAM IntSystemCall
    leal 8(%esp), %edx
    int $0x2E
    ret
PROGRAM ApcDispatcher
    leal 16(%esp), %edi                     // the context
    popl %eax
    call *%eax
    pushl $1
    pushl %edi
    call _NtContinue@8
    ud2
// Notes code and address, counts, and goes on at the address in DATA+0x40; if that is 0, where it was, with DATA+0x44 for the flags.
// A breakpoint is the end: it is raised once more, for the second chance.
PROGRAM ExceptionDispatcher
    movl (%esp), %eax
    movl 4(%esp), %ecx
    movl (%eax), %edx
    cmpl $0x80000003, %edx
    jne 3f
    pushl $0
    pushl %ecx
    pushl %eax
    call _NtRaiseException@12
    ud2
3:
    movl %edx, DATA+0x48
    movl 12(%eax), %edx
    movl %edx, DATA+0x4C
    incl DATA+0x50
    cmpl $0, DATA+0x54
    je 4f
    fninit
    pxor %xmm1, %xmm1
4:  movl DATA+0x40, %edx
    testl %edx, %edx
    jz 1f
    movl %edx, CONTEXT_EIP(%ecx)
    jmp 2f
1:  movl DATA+0x44, %edx
    testl %edx, %edx
    jz 2f
    movl %edx, CONTEXT_EFLAGS(%ecx)
2:  pushl $0
    pushl %ecx
    call _NtContinue@8
    ud2

// Notes the code that the TEB has, and goes on behind the service.
PROGRAM RaiseDispatcher
    movl %fs:0x1A4, %edx
    movl %edx, DATA+0x58
    ret

#include "stubs.inc"

// ---- programs that call services

// Makes %ecx calls, as the records from CALLS on say (process.h: USER_CALL), and looks that registers and stack are as before each.
PROGRAM Calls
    movl $CALLS, %ebx
    movl %ecx, %edi
    movl $0x13572468, %esi
1:  movl %esp, %ebp
    movl (%ebx), %eax
    cmpl $0, 4(%ebx)
    jne 2f
    movl $16, %ecx
3:  pushl 12(%ebx, %ecx, 4)
    loop 3b
    pushl $0                                // where a stub's caller would go on
    call _UserFastSystemCall
    addl $68, %esp
    jmp 4f
2:  movl 8(%ebx), %edx
    int $0x2E
4:  movl %eax, 12(%ebx)
    cmpl $0x13572468, %esi
    jne 5f
    cmpl %esp, %ebp
    jne 5f
    addl $80, %ebx
    decl %edi
    jnz 1b
    int3
5:  ud2

// A call by sysenter with a stack that is not there.
PROGRAM LostStack
    movl $SERVICE_NtYieldExecution, %eax
    movl %ecx, %esp
    movl %esp, %edx
    sysenter

// A call with flags that a gate would clear: direction, nested task, alignment; the flags come back, and the two arguments are the
// service's. %ecx: the way.
PROGRAM OddFlags
    pushl $DATA+24
    pushl $DATA+16
    pushfl
    popl %eax
    orl $0x44400, %eax
    pushl %eax
    popfl
    movl $SERVICE_NtQueryPerformanceCounter, %eax
    testl %ecx, %ecx
    jz 1f
    movl %esp, %edx
    int $0x2E
    jmp 2f
1:  pushl $0
    call _UserFastSystemCall
2:  movl %eax, DATA
    pushfl
    popl DATA+4
    cld
    int3

// Steps through two calls: each instruction of user mode makes an exception, none of the kernel's.
PROGRAM Steps
    pushl $0x302
    popfl
    nop
    call _NtYieldExecution@0
    movl $SERVICE_NtYieldExecution, %eax
    int $0x2E
    movl %eax, DATA
    pushl $0x202
    popfl
    nop
    int3

// Sleeps alertably for good until an APC comes; %ecx: an address that holds the interval.
PROGRAM Sleep
    movl $DATA, %edi
    movl $-1, (%edi)                        // ready
    pushl %ecx
    pushl $1
    call _NtDelayExecution@8
    movl %eax, 4(%edi)
    int3
PROGRAM ApcRoutine                          // (context, argument, argument)
    movl 4(%esp), %eax
    addl 8(%esp), %eax
    addl 12(%esp), %eax
    addl %eax, DATA+8
    incl DATA+12
    ret $12

// Queues an APC to itself, alerts itself, and tests for both.
PROGRAM QueueToItself
    pushl $7
    pushl $30
    pushl $100
    pushl $AT(_UserApcRoutine)
    pushl $-2
    call _NtQueueApcThread@20
    movl %eax, DATA
    pushl $-2
    call _NtAlertThread@4
    call _NtTestAlert@0                     // the alert goes first
    movl %eax, DATA+4
    movl DATA+12, %eax
    movl %eax, DATA+16
    call _NtTestAlert@0
    movl %eax, DATA+20
    int3

// Writes %ecx to DATA+0x800 again and again: what another thread gives to a service changes all the time.
PROGRAM Change
    movl $DATA+0x800, %edx
1:  movl $0x600000, (%edx)
    movl $0x80100000, (%edx)
    movl $0x7FFEFFFE, (%edx)
    movl $0, (%edx)
    decl %ecx
    jnz 1b
    int3

// Calls the null service %ecx times by the stub, for measuring.
PROGRAM NullCalls
    movl %ecx, %esi
1:  call _NtYieldNothing
    decl %esi
    jnz 1b
    int3
_NtYieldNothing:
    movl $0x1000, %eax                      // the first service of the second table
    movl $0x7FFE0300, %edx
    call *(%edx)
    ret
PROGRAM NullIntCalls
    movl %ecx, %esi
1:  movl $0x1000, %eax
    movl %esp, %edx
    int $0x2E
    decl %esi
    jnz 1b
    int3
_UserCodeEnd:
    .long 0
