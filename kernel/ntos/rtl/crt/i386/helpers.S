// Helpers that other compilers call: shifts and division with remainder of 64 bits, large local variables.
//
// _allshl, _allshr, _aullshr: edx:eax is shifted by cl. _alldvrm, _aulldvrm: dividend and divisor on the stack, removed by the
// callee; the quotient in edx:eax, the remainder in ebx:ecx. _alloca_probe: makes room for eax bytes and touches each page of
// it, from above; _alloca_probe_8 and _16 align the place too. Mica's own compiler does all of this in line, in the kernel.
// EXE-01

    .text

// ---- shifts --------------------------------------------------------------------------------------------------------
    .globl __allshl
__allshl:
    cmpb $64, %cl
    jae 2f
    cmpb $32, %cl
    jae 1f
    shldl %cl, %eax, %edx
    shll %cl, %eax
    ret
1:  movl %eax, %edx             // the processor takes cl modulo 32
    xorl %eax, %eax
    shll %cl, %edx
    ret
2:  xorl %eax, %eax
    xorl %edx, %edx
    ret

    .globl __allshr
__allshr:
    cmpb $64, %cl
    jae 2f
    cmpb $32, %cl
    jae 1f
    shrdl %cl, %edx, %eax
    sarl %cl, %edx
    ret
1:  movl %edx, %eax
    sarl $31, %edx
    sarl %cl, %eax
    ret
2:  sarl $31, %edx
    movl %edx, %eax
    ret

    .globl __aullshr
__aullshr:
    cmpb $64, %cl
    jae 2f
    cmpb $32, %cl
    jae 1f
    shrdl %cl, %edx, %eax
    shrl %cl, %edx
    ret
1:  movl %edx, %eax
    xorl %edx, %edx
    shrl %cl, %eax
    ret
2:  xorl %eax, %eax
    xorl %edx, %edx
    ret

// ---- quotient and remainder ------------------------------------------------------------------------------------------
// remainder = dividend - quotient * divisor. On the stack behind the return address: dividend, divisor, 8 bytes each.
.macro DIVIDE name, quotient
    .globl \name
\name:
    .rept 4
    pushl 16(%esp)              // the arguments again: each push moves the next one to the same place
    .endr
    call \quotient              // removes its own
    pushl %edx
    pushl %eax
    pushl 24(%esp)              // the divisor: behind the quotient, the return address and the dividend
    pushl 24(%esp)
    pushl %edx
    pushl %eax
    call __allmul
    movl 12(%esp), %ecx         // the dividend
    movl 16(%esp), %ebx
    subl %eax, %ecx
    sbbl %edx, %ebx
    popl %eax
    popl %edx
    ret $16
.endm

DIVIDE __alldvrm, __alldiv
DIVIDE __aulldvrm, __aulldiv

// ---- large local variables -------------------------------------------------------------------------------------------
// In: eax, the bytes. Out: esp lower by as many than before the call, or by up to `align - 1` more. Every register is kept but eax.
.macro PROBE name, align
    .globl \name
\name:
    pushl %ecx
    leal 8(%esp), %ecx          // the caller's esp
    subl %eax, %ecx
    sbbl %eax, %eax             // a wrap gives 0: the touch below faults
    notl %eax
    andl %eax, %ecx
    andl $-\align, %ecx
    movl %esp, %eax
    andl $-4096, %eax
1:  cmpl %ecx, %eax
    jbe 2f
    subl $4096, %eax
    testl %eax, (%eax)
    jmp 1b
2:  movl %esp, %eax
    movl %ecx, %esp
    movl (%eax), %ecx
    movl 4(%eax), %eax          // the return address
    pushl %eax
    ret
.endm

    .globl __chkstk             // the name that Mica's compiler calls, in images of user mode
__chkstk:
PROBE __alloca_probe, 4
PROBE __alloca_probe_8, 8
PROBE __alloca_probe_16, 16
