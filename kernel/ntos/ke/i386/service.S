// System services: the ways in and out, and the call in between.
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
    call KiCallService
    cli
    cmpb $0, THREAD_USER_APC_PENDING(%esi)
    jne KiServiceExit
    testl $EFLAGS_TRAP_BIT, TF_EFLAGS(%ebp)
    jnz KiServiceExit                       // the exception is to come in user mode: iret does that
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
KiServiceExit:
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
    movl THREAD_TRAP_FRAME(%esi), %ebx
    movl %ebx, TF_TEMP_SEG_CS(%ebp)         // of the service around this one
    movl TF_SEG_CS(%ebp), %ebx
    andl $USER_MODE, %ebx
    movb %bl, THREAD_PREVIOUS_MODE(%esi)
    movl $-1, %fs:PCR_EXCEPTION_LIST        // an exception that the service does not handle is not the caller's: it cannot undo the frame
    movl %ebp, THREAD_TRAP_FRAME(%esi)
    sti
    call KiCallService
    movl TF_TEMP_SEG_CS(%ebp), %ecx
    movl %ecx, THREAD_TRAP_FRAME(%esi)
    movl TF_PREVIOUS_MODE(%ebp), %ecx
    movb %cl, THREAD_PREVIOUS_MODE(%esi)
    jmp KiServiceExit

// ---- the call -----------------------------------------------------------------------------------------------------

// %eax number, %edx arguments, %esi the current thread, %ebp its frame = %esp but for the return address. Interrupts are on.
// Returns the status in %eax; %esi, %ebp as they were.
KiCallService:
    movl %eax, %edi
    andl $SERVICE_NUMBER_MASK, %eax
    shrl $SERVICE_TABLE_SHIFT, %edi
    andl $SERVICE_TABLE_MASK, %edi
    addl $_KeServiceDescriptorTable, %edi
    cmpl SERVICE_LIMIT(%edi), %eax
    jae KiNoService
    movl SERVICE_NUMBERS(%edi), %ecx
    movzbl (%ecx, %eax), %ecx               // bytes of arguments
    movl SERVICE_BASE(%edi), %edi
    movl (%edi, %eax, 4), %ebx
    pushl %esi
    testb $RPL_MASK, TF_SEG_CS(%ebp)
    jz 1f                                   // the kernel's own arguments
    cmpl $USER_PROBE_ADDRESS, %edx          // they may end above: there is nothing for 64 KB, which faults
    jae KiBadArguments
1:  movl %edx, %esi
    subl %ecx, %esp
    movl %esp, %edi
    shrl $2, %ecx
    .globl _KiCopyArguments
_KiCopyArguments:                           // a fault of this instruction, from user mode, is KiServiceArgumentFault's
    rep movsl
    call *%ebx
    .globl _KiServiceReturn
_KiServiceReturn:
    leal -8(%ebp), %esp                     // whatever the service has taken off
    popl %esi
    testb $RPL_MASK, TF_SEG_CS(%ebp)
    jz 2f
    movl THREAD_COMBINED_APC_DISABLE(%esi), %ecx
    orb %fs:PCR_IRQL, %cl
    orb THREAD_APC_STATE_INDEX(%esi), %cl
    testl %ecx, %ecx
    jnz KiServiceLeftTraces
2:  ret

KiNoService:
    movl $STATUS_INVALID_SYSTEM_SERVICE_CODE, %eax
    ret
KiBadArguments:
    movl $STATUS_ACCESS_VIOLATION_CODE, %eax
    jmp _KiServiceReturn

// A service would go back to user mode at a raised IRQL, in a region, or attached to another process.
KiServiceLeftTraces:
    pushl %ebx                              // the service
    call _KiStopAfterService@4
    ud2
