// Programs for user mode, copied into a process by process.h. All addresses in them are those of the copy: AT(label).
//
// They find their data at DATA, and end by an exception (int3), as long as nothing else ends a thread.
#define CODE 0x00400000
#define DATA 0x00500000
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
_UserCodeEnd:
    .long 0
