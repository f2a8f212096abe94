// The call of a system service: whose it is, which one, with which arguments.
//
// In the books: "system service dispatching". TRP-03, TRP-04, TRP-05, TRP-06
#include "ke/i386/asmoffsets.h"

    .text

// Calls a service for a gate or for a Zw stub. In: the frame (%esp = %ebp), the current thread (%esi), the number (%eax), the address of the
// arguments (%edx); interrupts are off. The service gets what is its own, and its caller has its own again afterwards:
//
// - PreviousMode is the mode that called, by the frame's SegCs. The frame's PreviousPreviousMode holds what it was.
// - TrapFrame is the frame. The frame's TempSegCs, which nothing else uses in a service, has room for the frame of the service around this one.
// - fs:[0] is -1, the chain's end: an exception that the service does not handle is not the caller's, who cannot undo the frame. _KiServiceExit
//   restores it.
//
// _KiCallService calls the service, with interrupts on. Another service may run in it, called by a Zw stub. The way out is a jump to
// _KiServiceExit, with the status in %eax and the frame in %ebp; nothing below the frame is needed.
    .globl _KiCallServiceOfFrame
_KiCallServiceOfFrame:
    // LAB(1.7) begin
    movl THREAD_TRAP_FRAME(%esi), %ebx
    movl %ebx, TF_TEMP_SEG_CS(%ebp)         // of the service around this one
    movl TF_SEG_CS(%ebp), %ebx
    andl $USER_MODE, %ebx
    movb %bl, THREAD_PREVIOUS_MODE(%esi)
    movl $-1, %fs:PCR_EXCEPTION_LIST
    movl %ebp, THREAD_TRAP_FRAME(%esi)
    sti
    call _KiCallService
    movl TF_TEMP_SEG_CS(%ebp), %ecx
    movl %ecx, THREAD_TRAP_FRAME(%esi)
    movl TF_PREVIOUS_MODE(%ebp), %ecx
    movb %cl, THREAD_PREVIOUS_MODE(%esi)
    jmp _KiServiceExit
    // LAB(1.7) else
    //| LAB_NOT_IMPLEMENTED("1.7")
    // LAB(1.7) end

// Calls a service. In: %eax the number, %edx the address of the arguments, %esi the current thread, %ebp its frame = %esp but for the return
// address; interrupts are on. Out: %eax the status; %esi and %ebp as they were, %esp too, although the service may have taken its arguments
// off the stack or not.
//
// - The number: bits 0-11 are a place in the table that bits 12-13 choose; the others count for nothing. If there is no such service, the
//   status is STATUS_INVALID_SYSTEM_SERVICE, and the arguments are not looked at.
// - The arguments: Number[place] bytes, whole words, lie on the kernel stack above the return address when the service begins. They are copies,
//   each read once: what user mode writes afterwards changes nothing.
// - User mode's arguments (the frame's SegCs tells) begin below USER_PROBE_ADDRESS, or the status is STATUS_ACCESS_VIOLATION and none is read.
//   They may end above: there is nothing for 64 KB, which faults. The kernel's own may lie anywhere.
// - Faults: one instruction reads all arguments, _KiCopyArguments. If it faults, KiServiceArgumentFault (servicefault.cpp) goes on at
//   _KiServiceReturn with the fault's status in %eax, and no service is called. Both labels are public, whatever stands around them.
// - Traces: a service of user mode that leaves an IRQL above PASSIVE_LEVEL, APCs disabled (CombinedApcDisable) or its thread attached
//   (ApcStateIndex) is a mistake of the kernel. Then the way goes to _KiServiceLeftTraces, with the service in %ebx. A service of the kernel's
//   own may leave any of these.
    .globl _KiCallService
_KiCallService:
    // LAB(1.7) begin
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
    jz .LArguments                          // the kernel's own arguments
    cmpl $USER_PROBE_ADDRESS, %edx          // they may end above: there is nothing for 64 KB, which faults
    jae KiBadArguments
.LArguments:
    movl %edx, %esi
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
    jz .LDone
    movl THREAD_COMBINED_APC_DISABLE(%esi), %ecx
    orb %fs:PCR_IRQL, %cl
    orb THREAD_APC_STATE_INDEX(%esi), %cl
    testl %ecx, %ecx
    jnz _KiServiceLeftTraces
.LDone:
    ret

KiNoService:
    movl $STATUS_INVALID_SYSTEM_SERVICE_CODE, %eax
    ret
KiBadArguments:
    movl $STATUS_ACCESS_VIOLATION_CODE, %eax
    jmp _KiServiceReturn
    // LAB(1.7) else
    //| .globl _KiCopyArguments, _KiServiceReturn
    //| _KiCopyArguments:
    //| _KiServiceReturn:
    //| LAB_NOT_IMPLEMENTED("1.7")
    // LAB(1.7) end

// A service would go back to user mode at a raised IRQL, in a region, or attached to another process.
_KiServiceLeftTraces:
    pushl %ebx                              // the service
    call _KiStopAfterService@4
    ud2
