// stage.S - the two ways in (real mode from the MBR, 32-bit from a multiboot loader), the way out (into the kernel),
// and calls back into the BIOS. Everything else of the loader is C++.
//
// The loader is linked at LOADER_BASE. Sixteen-bit code runs with CS = DS = LOADER_SEGMENT and names its data by
// offset from LoaderBase, so that the image may lie above 64 KB.

#include "layout.h"

#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define OFFSET(symbol) ((symbol) - LoaderBase)

    .section .text.start, "ax"
    .globl LoaderBase, LoaderMultibootEntry, BiosCallReal, EnterKernel

// ---- real mode, entered by the MBR at LOADER_SEGMENT:0 with the boot drive in DL
    .code16
LoaderBase:
    jmp RealStart
    .balign 4
    .ascii "MICA"

    .balign 4
// The multiboot header: the loader and its modules anywhere, page aligned, with a memory map.
MultibootHeader:
    .long MULTIBOOT_HEADER_MAGIC
    .long MULTIBOOT_HEADER_FLAGS
    .long -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)

RealStart:
    cli
    movw %cs, %ax
    movw %ax, %ds
    xorw %ax, %ax
    movw %ax, %ss
    movl $REAL_STACK_TOP, %esp // all of ESP: the upper half counts again in protected mode
    movb %dl, OFFSET(BootDrive)
    lgdtl OFFSET(GdtPointer)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $CODE32, $DiskStart32

    .code32
DiskStart32:
    call LoadFlatSegments
    movl $LoaderStackTop, %esp
    xorl %ebp, %ebp
    call ClearBss
    movzbl BootDrive, %eax
    pushl %eax
    call LoaderDiskMain // does not return

// ---- multiboot: runs where the image was put (its physical load address), copies it down to LOADER_BASE.
// EAX: magic, EBX: boot information. Segments are flat, interrupts off, A20 on.
LoaderMultibootEntry:
    cli
    cld
    movl $LoaderLoadAddress, %esi
    movl $LoaderBase, %edi
    movl $LoaderImageSize, %ecx
    movl %eax, %edx
    rep movsb
    lgdtl GdtPointer
    ljmpl $CODE32, $MultibootStart32
MultibootStart32:
    call LoadFlatSegments
    movl $LoaderStackTop, %esp
    xorl %ebp, %ebp
    call ClearBss
    pushl %ebx
    pushl %edx
    call LoaderMultibootMain // does not return

LoadFlatSegments:
    movw $DATA32, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    cld
    ret

ClearBss: // keeps EBX and EDX; the stack is outside the range
    movl $LoaderBssStart, %edi
    movl $LoaderBssEnd, %ecx
    subl %edi, %ecx
    xorl %eax, %eax
    rep stosb
    ret

// ---- void BiosCallReal(void): runs the real-mode interrupt of BiosFrame and stores the registers it returns there.
// Paging is off and interrupts are off in protected mode; the BIOS runs with interrupts on.
BiosCallReal:
    pushal
    movl %esp, SavedStack
    sidtl SavedIdt
    lidtl RealIdt
    ljmpl $CODE16, $OFFSET(ToReal)
    .code16
ToReal:
    movw $DATA16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl %cr0, %eax
    andl $~1, %eax
    movl %eax, %cr0
    ljmpl $LOADER_SEGMENT, $OFFSET(InReal)
InReal:
    movw %cs, %ax
    movw %ax, %ds
    xorw %ax, %ax
    movw %ax, %ss
    movl $REAL_STACK_TOP, %esp // all of ESP: the upper half counts again in protected mode
    movb OFFSET(BiosVector), %al
    movb %al, OFFSET(InterruptNumber)
    jmp 1f // the instruction below was just changed
1:  movw OFFSET(BiosEs), %es
    movl OFFSET(BiosEax), %eax
    movl OFFSET(BiosEbx), %ebx
    movl OFFSET(BiosEcx), %ecx
    movl OFFSET(BiosEdx), %edx
    movl OFFSET(BiosEsi), %esi
    movl OFFSET(BiosEdi), %edi
    movw OFFSET(BiosDs), %ds
    sti
    .byte 0xcd // int n
InterruptNumber:
    .byte 0
    cli
    cld
    pushfl
    pushw %ds
    pushw %cs
    popw %ds
    movl %eax, OFFSET(BiosEax)
    movl %ebx, OFFSET(BiosEbx)
    movl %ecx, OFFSET(BiosEcx)
    movl %edx, OFFSET(BiosEdx)
    movl %esi, OFFSET(BiosEsi)
    movl %edi, OFFSET(BiosEdi)
    movw %es, OFFSET(BiosEs)
    popw %ax
    movw %ax, OFFSET(BiosDs)
    popl %eax
    movl %eax, OFFSET(BiosEflags)
    lgdtl OFFSET(GdtPointer) // a BIOS may have changed it
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $CODE32, $BackInProtected
    .code32
BackInProtected:
    call LoadFlatSegments
    movl SavedStack, %esp
    lidtl SavedIdt
    popal
    ret

// ---- void EnterKernel(ULONG pageDirectory, ULONG stackTop, ULONG entry, ULONG block): paging on, and gone.
// The kernel sees KiSystemStartup(block) called from address 0 with EBP 0: a frame walk ends here.
EnterKernel:
    movl 4(%esp), %eax
    movl 8(%esp), %ecx
    movl 12(%esp), %edx
    movl 16(%esp), %ebx
    movl %eax, %cr3
    pushl %ebx
    pushl %ecx
    pushl %edx
    movl $1, %eax
    cpuid
    shrl $6, %edx
    andl $0x80, %edx // bit 13 of the features is bit 7 of CR4, PGE: global pages stay in the TLB
    movl %cr4, %eax
    orl %edx, %eax
    orl $0x10, %eax // PSE: 4 MB pages
    movl %eax, %cr4
    popl %edx
    popl %ecx
    popl %ebx
    movl %cr0, %eax
    andl $0x9fffffff, %eax // caches on (CD, NW clear)
    orl $0x80010000, %eax  // paging; WP: read-only pages are so for the kernel too
    movl %eax, %cr0
    jmp 1f
1:  movl %ecx, %esp
    pushl %ebx
    pushl $0
    xorl %ebp, %ebp
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %esi, %esi
    xorl %edi, %edi
    jmp *%edx

// ---- exceptions inside the loader (or in the kernel before it has its own IDT): one stub a vector.
    .globl LoaderExceptionStubs
    .balign 16
LoaderExceptionStubs: // 16 bytes each: push a zero where the processor pushes no error code, push the vector, go on
    .set vector, 0
    .rept 32
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
    .else
    pushl $0
    .endif
    pushl $vector
    jmp ExceptionHop
    .set vector, vector + 1
    .endr
ExceptionHop:
    movl %cr2, %eax
    pushl %eax
    call LoaderException // (cr2, vector, error, eip, ...), does not return

// ---- data of the sixteen-bit code
    .balign 8
Gdt:
    .quad 0
    .quad 0x00cf9b000000ffff                     // 08: flat code
    .quad 0x00cf93000000ffff                     // 10: flat data
    .word 0xffff, LOADER_BASE & 0xffff           // 18: 16-bit code at LOADER_BASE
    .byte LOADER_BASE >> 16, 0x9b, 0, 0
    .quad 0x000093000000ffff                     // 20: 16-bit data
GdtEnd:
    .balign 4
GdtPointer: .word GdtEnd - Gdt - 1
            .long Gdt
    .balign 4
RealIdt:    .word 0x3ff
            .long 0
    .balign 4
SavedIdt:   .word 0
            .long 0
    .balign 4
SavedStack: .long 0

    .globl BiosFrame
BiosFrame: // struct BiosRegisters, bios.h
BiosEax:    .long 0
BiosEbx:    .long 0
BiosEcx:    .long 0
BiosEdx:    .long 0
BiosEsi:    .long 0
BiosEdi:    .long 0
BiosEflags: .long 0
BiosDs:     .word 0
BiosEs:     .word 0
BiosVector: .byte 0
BootDrive:  .byte 0

    .section .bss.stack, "aw", @nobits
    .balign 16
    .skip LOADER_STACK_SIZE
LoaderStackTop:
