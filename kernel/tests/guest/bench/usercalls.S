// Code for user mode that calls a service again and again (services.cpp): %ecx times, then a breakpoint.
#define FIRST_OF_SECOND_TABLE 0x1000
#define SHARED_SYSTEM_CALL 0x7FFE0300

    .section .rdata, "dr"
    .globl _BenchUserCode, _BenchUserFastCalls, _BenchUserGateCalls, _BenchUserFastSystemCall, _BenchUserFastSystemCallRet
    .globl _BenchUserIntSystemCall, _BenchUserCodeEnd
_BenchUserCode:
_BenchUserFastCalls:
    movl %ecx, %esi
1:  call Stub
    decl %esi
    jnz 1b
    int3
_BenchUserGateCalls:
    movl %ecx, %esi
1:  call GateStub
    decl %esi
    jnz 1b
    int3
Stub:
    movl $FIRST_OF_SECOND_TABLE, %eax
    movl $SHARED_SYSTEM_CALL, %edx
    call *(%edx)
    ret
GateStub:
    movl $FIRST_OF_SECOND_TABLE, %eax
    call _BenchUserIntSystemCall
    ret
_BenchUserFastSystemCall:
    movl %esp, %edx
    sysenter
_BenchUserFastSystemCallRet:
    ret
_BenchUserIntSystemCall:
    leal 8(%esp), %edx
    int $0x2E
    ret
_BenchUserCodeEnd:
    .byte 0
