// Images for tests of processes, written by hand: a small ntdll.dll, and programs. Files and memory have the same layout: a page of headers,
// a page of code, a page of data.
#include "services.h"

#define PAGE 0x1000
#define IMAGE_SIZE 0x3000
#define NTDLL_BASE 0x7C900000
#define PROGRAM_BASE 0x00400000
#define IMAGE_FILE_EXECUTABLE 0x0002
#define IMAGE_FILE_DLL 0x2002
#define SUBSYSTEM_CONSOLE 3
#define CODE_SECTION 0x60000020
#define DATA_SECTION 0xC0000040
#define CURRENT -1
#define CONTEXT_EIP 0xB8

// Headers of an image. Directories: exports, and base relocations.
.macro HEADERS file, base, characteristics, entry, exports, exportbytes, relocations, relocationbytes
    .word 0x5A4D
    .fill 29, 2, 0
    .long 0x40
    .long 0x00004550
    .word 0x014C, 2
    .long 0, 0, 0
    .word 0xE0, \characteristics
    .word 0x10B
    .byte 0, 0
    .long PAGE, PAGE, 0, \entry, PAGE, 2 * PAGE
    .long \base, PAGE, PAGE
    .word 5, 1, 0, 0, 5, 1
    .long 0, IMAGE_SIZE, PAGE, 0
    .word SUBSYSTEM_CONSOLE, 0
    .long 0x40000, 0x2000, 0x100000, 0x1000, 0, 16
    .long \exports, \exportbytes
    .fill 4, 8, 0
    .long \relocations, \relocationbytes
    .fill 10, 8, 0
    .ascii ".text\0\0\0"
    .long PAGE, PAGE, PAGE, PAGE, 0, 0, 0, CODE_SECTION
    .ascii ".data\0\0\0"
    .long PAGE, 2 * PAGE, PAGE, 2 * PAGE, 0, 0, 0, DATA_SECTION
.endm

.macro STUB routine, number, bytes
\routine:
    movl $\number, %eax
    movl $0x7FFE0300, %edx
    call *(%edx)
    ret $\bytes
.endm

// ---- ntdll.dll
    .section .rdata, "dr"
    .p2align 4
    .globl _NtdllFile, _NtdllFileEnd, _NtdllThreadStart
_NtdllFile:
    HEADERS _NtdllFile, NTDLL_BASE, IMAGE_FILE_DLL, 0, (NtdllExports - _NtdllFile), (NtdllExportsEnd - NtdllExports), 0, 0
    .org _NtdllFile + PAGE

KiFastSystemCall:
    movl %esp, %edx
    sysenter
KiFastSystemCallRet:
    ret
KiIntSystemCall:
    leal 8(%esp), %edx
    int $0x2E
    ret
    STUB NtdllContinue, SERVICE_NtContinue, 8
    STUB NtdllTerminateThread, SERVICE_NtTerminateThread, 8

// ESP: routine, its context and two arguments, CONTEXT
KiUserApcDispatcher:
    leal 16(%esp), %edi
    popl %eax
    call *%eax
    pushl $1
    pushl %edi
    call NtdllContinue
    ud2

// Counts the calls in the first word of the data, and keeps: the context's address, the library's base, the context's Eip
LdrInitializeThunk:
    call 1f
1:  popl %ecx
    addl $(NtdllData - 1b), %ecx
    incl (%ecx)
    movl 4(%esp), %eax
    movl %eax, 4(%ecx)
    movl CONTEXT_EIP(%eax), %edx
    movl %edx, 12(%ecx)
    movl 8(%esp), %eax
    movl %eax, 8(%ecx)
    ret $12

// eax: the routine, ebx: its parameter. What it returns ends the thread.
_NtdllThreadStart:
RtlUserThreadStart:
    pushl %ebx
    call *%eax
    pushl %eax
    pushl $-2
    call NtdllTerminateThread
    ud2

NtdllExports:
    .long 0, 0, 0, NtdllName - _NtdllFile, 1, 6, 6
    .long NtdllAddresses - _NtdllFile, NtdllNames - _NtdllFile, NtdllOrdinals - _NtdllFile
NtdllAddresses:
    .long KiFastSystemCall - _NtdllFile, KiFastSystemCallRet - _NtdllFile, KiIntSystemCall - _NtdllFile
    .long KiUserApcDispatcher - _NtdllFile, LdrInitializeThunk - _NtdllFile, RtlUserThreadStart - _NtdllFile
NtdllNames:
    .long N1 - _NtdllFile, N2 - _NtdllFile, N3 - _NtdllFile, N4 - _NtdllFile, N5 - _NtdllFile, N6 - _NtdllFile
NtdllOrdinals:
    .word 0, 1, 2, 3, 4, 5
NtdllName: .asciz "ntdll.dll"
N1: .asciz "KiFastSystemCall"
N2: .asciz "KiFastSystemCallRet"
N3: .asciz "KiIntSystemCall"
N4: .asciz "KiUserApcDispatcher"
N5: .asciz "LdrInitializeThunk"
N6: .asciz "RtlUserThreadStart"
NtdllExportsEnd:
    .org _NtdllFile + 2 * PAGE
NtdllData:
    .org _NtdllFile + IMAGE_SIZE
_NtdllFileEnd:

// ---- a program: at its entry point the parameter is the PEB. The first word of the command line says what it does.
    .globl _ProgramFile, _ProgramFileEnd, _ProgramReturn, _ProgramSpin
_ProgramFile:
    HEADERS _ProgramFile, PROGRAM_BASE, IMAGE_FILE_EXECUTABLE, (Entry - _ProgramFile), 0, 0, (Relocations - _ProgramFile), 12
    .org _ProgramFile + PAGE
#define AT(label) ((label) - _ProgramFile + PROGRAM_BASE)
    STUB NtTerminateProcess, SERVICE_NtTerminateProcess, 8
    STUB NtTerminateThread, SERVICE_NtTerminateThread, 8
    STUB NtWaitForSingleObject, SERVICE_NtWaitForSingleObject, 12
    STUB NtDelayExecution, SERVICE_NtDelayExecution, 8
    STUB NtCreateEvent, SERVICE_NtCreateEvent, 20

Entry:
    movl 4(%esp), %ebx                      // the PEB
    call 1f
1:  popl %ebp
    addl $(Data - 1b), %ebp
    movl 0x10(%ebx), %eax                   // ProcessParameters
    movl 0x44(%eax), %eax                   // CommandLine.Buffer
    movzwl (%eax), %eax
    cmpl $'r', %eax
    je Return
    cmpl $'t', %eax
    je Terminate
    cmpl $'f', %eax
    je Fault
    cmpl $'w', %eax
    je Wait
    cmpl $'s', %eax
    je Spin
    cmpl $'l', %eax
    je Look
    cmpl $'d', %eax
    je Deep
    ud2

// The thread returns: if it was the only one, the process ends.
_ProgramReturn:
Return:
    movl $0x1234, %eax
    ret $4
Terminate:
    pushl $0x4321
    pushl $CURRENT
    call NtTerminateProcess
    ud2
Fault:
    movl 0, %eax
    ud2
// Waits for an event that nobody signals.
Wait:
    movl $1, (%ebp)
    pushl $0
    pushl $1
    pushl $0
    pushl $0x1F0003
    leal 8(%ebp), %eax
    pushl %eax
    call NtCreateEvent
    pushl $0
    pushl $0
    pushl 8(%ebp)
    call NtWaitForSingleObject
    ud2
_ProgramSpin:
Spin:
    incl (%ebp)
    pause                                   // QEMU runs processors one after the other: it goes to the next one here
    jmp Spin
// Goes down its stack by 30 pages, and looks each time whether the TEB knows.
Deep:
    movl $30, %esi
1:  subl $PAGE, %esp
    movl %esi, (%esp)
    cmpl %fs:8, %esp
    jb Wrong
    decl %esi
    jnz 1b
    movl $0x6000, %esi
    jmp Wrong
// Is everything where it belongs? The exit status is 0x5000, or the number of what is not.
Look:
    movl $1, %esi
    cmpl %ebx, %fs:0x30                     // TEB: PEB
    jne Wrong
    incl %esi                               // 2
    movl %fs:0x18, %eax                     // TEB: itself
    cmpl %eax, %fs:0x18
    jne Wrong
    incl %esi                               // 3
    leal (Relocated - Data)(%ebp), %eax
    movl (%eax), %eax                       // an address that the image relocation has changed
    leal (Entry - Data)(%ebp), %ecx
    cmpl %ecx, %eax
    jne Wrong
    incl %esi                               // 4: PEB: ImageBaseAddress
    leal (_ProgramFile - Data)(%ebp), %ecx
    cmpl %ecx, 8(%ebx)
    jne Wrong
    incl %esi                               // 5: the stack lies where the TEB says
    cmpl %fs:4, %esp
    jae Wrong
    incl %esi                               // 6
    cmpl %fs:8, %esp
    jb Wrong
    incl %esi                               // 7: the loader has run once
    cmpl $1, NTDLL_BASE + 2 * PAGE
    jne Wrong
    incl %esi                               // 8: with the library's base
    cmpl $NTDLL_BASE, NTDLL_BASE + 2 * PAGE + 8
    jne Wrong
    incl %esi                               // 9: and with the context
    cmpl $(NTDLL_BASE + (RtlUserThreadStart - _NtdllFile)), NTDLL_BASE + 2 * PAGE + 12
    jne Wrong
    incl %esi                               // 10: processors
    cmpl $0, 0x64(%ebx)
    je Wrong
    incl %esi                               // 11: IDs in the TEB
    cmpl $0, %fs:0x20
    je Wrong
    incl %esi                               // 12
    cmpl $0, %fs:0x24
    je Wrong
    movl $0x5000, %esi
Wrong:
    pushl %esi
    pushl $CURRENT
    call NtTerminateProcess
    ud2
    .org _ProgramFile + 2 * PAGE
Data:
    .fill 8, 4, 0
Relocated:
    .long AT(Entry)
Relocations:
    .long 2 * PAGE, 12
    .word 0x3000 + (Relocated - Data), 0
    .org _ProgramFile + IMAGE_SIZE
_ProgramFileEnd:
