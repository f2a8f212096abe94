// System services: the ways in and out. The call in between is servicecall.S's.
//
// User mode comes by int 2Eh or, where the processor has it, by sysenter; a Zw stub of the kernel comes as if it were a gate. Each
// leaves a whole KTRAP_FRAME, so that a service may be stopped anywhere and go on with other registers:
//
//   in    eax the service's number: bits 0-11 its place in a table, bits 12-13 the table (KeServiceDescriptorTable)
//         edx the address of the arguments; by sysenter the stack, where they lie above two return addresses
//   out   eax the status; ecx, edx and the arithmetic flags are lost, as in any call
//
// Invariants: in user mode the thread's PreviousMode is UserMode and fs:[0] of the KPCR is the chain's end, so a service that user mode
// has called has both right from its first instruction. A Zw stub's frame keeps what the caller had: PreviousMode, the chain, TrapFrame.
// In the books: "system service dispatching". TRP-03, TRP-04, TRP-05, TRP-06
#include "ke/i386/asmoffsets.h"

    .text

// The rest of a frame: what lies below SegFs. On the stack: SegFs and all above it. \list, \mode: what ExceptionList and
// PreviousPreviousMode shall hold; %ecx: the selector of ds and es. Leaves %esp = %ebp = the frame.
.macro FINISH_FRAME list, mode
    pushl \list
    pushl \mode
    pushl %eax
    pushl %ecx
    pushl %edx
    pushl %ecx
    pushl %ecx
    pushl %gs
    subl $TF_SEG_GS, %esp
    movl TF_EIP(%esp), %ebx
    movl %ebp, TF_DBG_EBP(%esp)
    movl %ebx, TF_DBG_EIP(%esp)
    movl $TF_ARG_MARK, TF_DBG_ARG_MARK(%esp)
    movl $0, TF_TEMP_ESP(%esp)
    movl %esp, %ebp
.endm

// ---- sysenter -----------------------------------------------------------------------------------------------------

// The processor is in ring 0 with interrupts off, %esp at its TSS (KiInitializeFastCall), and has saved nothing. Flags are user mode's
// still: the trap flag's exception comes before the first instruction here, and KiTrap goes on at KiFastCallEntryStepped.
    .globl _KiFastCallEntry, _KiFastCallEntryStepped
_KiFastCallEntryStepped:
    movl TSS_ESP0(%esp), %esp
    pushl $(KGDT_R3_DATA | RPL_MASK)
    pushl %edx
    pushfl
    orl $EFLAGS_TRAP_BIT, (%esp)
    jmp KiFastCallFrame
_KiFastCallEntry:
    movl TSS_ESP0(%esp), %esp
    pushl $(KGDT_R3_DATA | RPL_MASK)
    pushl %edx
    pushfl
KiFastCallFrame:
    orl $EFLAGS_INTERRUPT_BIT, (%esp)
    pushl $EFLAGS_ALWAYS_ONE_BIT            // direction, nested task, alignment: what a gate clears
    popfl
    pushl $(KGDT_R3_CODE | RPL_MASK)
    pushl _KiFastSystemCallRet
    pushl $0                                // ErrCode
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl $(KGDT_R3_TEB | RPL_MASK)
    movl $KGDT_R0_PCR, %ecx
    movw %cx, %fs
    movl $(KGDT_R3_DATA | RPL_MASK), %ecx
    movw %cx, %ds
    movw %cx, %es
    FINISH_FRAME $-1, $USER_MODE
    movl %fs:PCR_CURRENT_THREAD, %esi
    movl %ebp, THREAD_TRAP_FRAME(%esi)
    addl $8, %edx
    sti
    call _KiCallService
    cli
    cmpb $0, THREAD_USER_APC_PENDING(%esi)
    jne _KiServiceExit
    testl $EFLAGS_TRAP_BIT, TF_EFLAGS(%ebp)
    jnz _KiServiceExit                      // the exception is to come in user mode: iret does that
    leal TF_SEG_FS(%ebp), %esp
    popl %fs
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    addl $4, %esp                           // ErrCode
    popl %edx                               // Eip
    andl $~EFLAGS_INTERRUPT_BIT, 4(%esp)
    addl $4, %esp                           // SegCs
    popfl
    popl %ecx                               // HardwareEsp
    sti                                     // interrupts come after the next instruction
    sysexit

// Out by the whole frame. %eax status, %ebp frame; nothing below it is needed.
    .globl _KiServiceExit
_KiServiceExit:
    movl %eax, TF_EAX(%ebp)
    movl %ebp, %esp
    jmp _KiTrapExit

// ---- int 2Eh and Zw -----------------------------------------------------------------------------------------------

// On the stack: Eip, SegCs, EFlags, and from user mode HardwareEsp, HardwareSegSs.
    .globl _KiSystemService
_KiSystemService:
    pushl $0                                // ErrCode
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %fs
    movl $KGDT_R0_PCR, %ecx
    movw %cx, %fs
    movl $(KGDT_R3_DATA | RPL_MASK), %ecx
    movw %cx, %ds
    movw %cx, %es
    movl %fs:PCR_CURRENT_THREAD, %esi
    movzbl THREAD_PREVIOUS_MODE(%esi), %edi
    cld
    FINISH_FRAME %fs:PCR_EXCEPTION_LIST, %edi
    jmp _KiCallServiceOfFrame
