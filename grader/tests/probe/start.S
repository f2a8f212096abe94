// The probe's first instructions: multiboot entry, paging (identity + 2 GB direct map with 4 MB pages), a boot stack.
    .section .mboot,"ax"
    .p2align 2
    .globl _ProbeHeader
_ProbeHeader:
    .long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)
    .long _ProbeHeader - 0x80000000, 0x00100000, 0, 0, _ProbeEntry - 0x80000000
    .globl _ProbeEntry
_ProbeEntry:
    movl $(_PageDirectory - 0x80000000), %edi
    movl $0x83, %eax
    movl $16, %ecx
1:  movl %eax, (%edi)
    movl %eax, 2048(%edi)
    addl $0x400000, %eax
    addl $4, %edi
    loop 1b
    movl $(_PageDirectory - 0x80000000), %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    movl $_High, %eax
    jmp *%eax
    .text
_High:
    movl $(_BootStack + 16384), %esp
    lgdt _GdtPointer
    ljmp $0x08, $2f
2:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    call _ProbeLoad
3:  jmp 3b

// Interrupt stubs: int 32 is the timer, int 2 the host's watchdog.
    .globl _ProbeTimerEntry
_ProbeTimerEntry:
    pushal
    cld
    call _ProbeTimer
    popal
    iretl
    .globl _ProbeNmiEntry
_ProbeNmiEntry:
    iretl
    .globl _ProbeFaultEntry
_ProbeFaultEntry:
    call _ProbeFault

    .data
    .p2align 3
_Gdt:
    .quad 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF
_GdtPointer:
    .word 23
    .long _Gdt
    .bss
    .p2align 12
    .globl _PageDirectory
_PageDirectory:
    .space 4096
_BootStack:
    .space 16384

// Where the host's calls return to, with a frame description that ends every backtrace (kernel/ntos/kd/i386/hostcall.S).
    .cfi_sections .debug_frame
    .text
    .globl _KdHostCall
    .def _KdHostCall; .scl 2; .type 32; .endef
_KdHostCall:
    .cfi_startproc
    .cfi_undefined eip
    nop
1:  jmp 1b
    .cfi_endproc
