// Where an application processor begins: real mode, at the first byte of a page below 1 MB.
//
// HalStartNextProcessor copies the code to that page, with the parameters behind it, and maps the page where it is. The
// code goes to protected mode with segments of its own, switches paging on and leaves for the kernel. It is where nobody
// linked it: data is found from CS, jumps are relative or through the parameters.
// In the books: "booting: application processors"; the processor manual, "multiple-processor initialization". HAL-02
#include "i386/trapframe.h"

#define OFFSET(label) (label - _HalpStartCode)

    .text
    .globl _HalpStartCode, _HalpStartParameters, _HalpStartCodeEnd
    .p2align 4
_HalpStartCode:
    .code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movzwl %ax, %ebx
    shll $4, %ebx                           // physical address of the page
    movl $1, OFFSET(Arrived)
    lgdtl OFFSET(GdtPointer)
    movl %cr0, %eax
    orb $1, %al                             // protected mode
    movl %eax, %cr0
    ljmpl *OFFSET(FlatEntry)

FlatCode:
    .code32
    movl $KGDT_R0_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl OFFSET(StartCr4)(%ebx), %eax
    movl %eax, %cr4
    movl OFFSET(StartCr3)(%ebx), %eax
    movl %eax, %cr3
    movl OFFSET(StartCr0)(%ebx), %eax
    movl %eax, %cr0                         // paging, and the page is mapped where it is
    movl OFFSET(StartEsp)(%ebx), %esp
    movl OFFSET(StartEip)(%ebx), %eax
    xorl %ebp, %ebp                         // the end of the frame chain
    jmp *%eax

// HALP_START_PARAMETERS (startap.cpp).
    .p2align 3
_HalpStartParameters:
Gdt:
    .quad 0
    .quad 0x00CF9A000000FFFF                // KGDT_R0_CODE: flat
    .quad 0x00CF92000000FFFF                // KGDT_R0_DATA: flat
GdtPointer:
    .word GdtPointer - Gdt - 1
    .long OFFSET(Gdt)                       // + page
    .word 0
FlatEntry:
    .long OFFSET(FlatCode)                  // + page
    .word KGDT_R0_CODE
    .word 0
StartCr0:
    .long 0
StartCr3:
    .long 0
StartCr4:
    .long 0
StartEsp:
    .long 0
StartEip:
    .long 0
Arrived:
    .long 0
_HalpStartCodeEnd:
