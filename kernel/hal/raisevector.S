// void FASTCALL HalpRaiseVector(ULONG vector): `int vector`. The instruction carries its vector, so there is one for
// each. INT-02

    .text
    .globl "@HalpRaiseVector@4"
"@HalpRaiseVector@4":
    leal HalpSoftwareVectors(,%ecx,4), %eax
    jmp *%eax

    .p2align 2
HalpSoftwareVectors:
    .set n, 0
    .rept 256
    .byte 0xCD, n                           // int n
    ret
    .p2align 2
    .set n, n + 1
    .endr
