// mbr.S - sector 0 of the disk: loads the second stage (sectors 1..n) at 0x40000 and jumps to it.
//
// The BIOS enters at 0000:7C00 in real mode with the boot drive in DL. mkdisk.py writes the number of sectors of the
// second stage at StageSectors and the partition table at 0x1BE. Reads use the extended int 13h (LBA) service.
// An error is written on the screen and on COM1, then the machine halts.

#define STAGE_SEGMENT 0x4000
#define STAGE_SIGNATURE 0x4143494d // "MICA", at offset 4 of the second stage
#define SECTORS_A_READ 64          // 32 KB: never crosses a 64 KB boundary from an aligned start

    .code16
    .section .text
    .globl MbrStart
MbrStart:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    ljmp $0, $Normalized // some firmware enters at 07C0:0000
Normalized:
    sti
    cld
    movb %dl, Drive

    movb $0x41, %ah // is the extended service there?
    movw $0x55aa, %bx
    int $0x13
    movw $NoExtendedRead, %si
    jc Stop
    cmpw $0xaa55, %bx
    jne Stop

ReadMore:
    movw StageSectors, %cx
    testw %cx, %cx
    jz Loaded
    cmpw $SECTORS_A_READ, %cx
    jbe 1f
    movw $SECTORS_A_READ, %cx
1:  movw %cx, PacketCount
    subw %cx, StageSectors
    pushw %cx
    movb $0x42, %ah
    movb Drive, %dl
    movw $Packet, %si
    int $0x13
    popw %cx
    movw $ReadError, %si
    jc Stop
    addw %cx, PacketLba
    shlw $5, %cx // sectors to paragraphs
    addw %cx, PacketSegment
    jmp ReadMore

Loaded:
    movw $STAGE_SEGMENT, %ax
    movw %ax, %es
    movw $BadStage, %si
    cmpl $STAGE_SIGNATURE, %es:4
    jne Stop
    movb Drive, %dl
    ljmp $STAGE_SEGMENT, $0

// SI: a message that ends with 0.
Stop:
    movw $0x00e3, %ax // COM1: 9600 8N1
    xorw %dx, %dx
    int $0x14
NextCharacter:
    xorw %bx, %bx
    lodsb
    testb %al, %al
    jz Halt
    movb $0x0e, %ah
    pushw %ax
    int $0x10
    popw %ax
    movw $0x3fd, %dx
    movw $0xffff, %cx // bounded: there may be no COM1
    xchgb %al, %bl
2:  inb %dx, %al
    testb $0x20, %al
    loopz 2b
    movb %bl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    jmp NextCharacter
Halt:
    movw $0xf4, %dx // ends QEMU when it has an isa-debug-exit device
    movb $0x7f, %al
    outb %al, %dx
3:  cli
    hlt
    jmp 3b

Drive:         .byte 0
    .balign 4
Packet:        .byte 16, 0
PacketCount:   .word 0
               .word 0
PacketSegment: .word STAGE_SEGMENT
PacketLba:     .word 1, 0, 0, 0

NoExtendedRead: .asciz "\r\nMica: this BIOS cannot read disks by block number.\r\nAttach the image as a hard disk, not a floppy.\r\n"
ReadError:      .asciz "\r\nMica: the disk cannot be read.\r\nRebuild the image: make kernel.\r\n"
BadStage:       .asciz "\r\nMica: no second stage.\r\nRebuild the image: make kernel.\r\n"

    .org 0x1b6
StageSectors: .word 0 // mkdisk.py
    .org 0x1be
    .fill 64, 1, 0 // the partition table, mkdisk.py
    .byte 0x55, 0xaa
