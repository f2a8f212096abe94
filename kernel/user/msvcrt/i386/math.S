// The part of mathematics that mingw-w64's own library leaves to msvcrt.dll: each routine is an instruction of the x87 or two.
//
// An argument and a result are doubles; in between, 64 bits of mantissa. An argument that a function is not defined for gives a NaN.
// In the books: none; the processor's manual, "x87 FPU programming".

#define X 4(%esp)
#define OUT_OF_RANGE 4      // C2, of a status word's high byte

    .text

// Pushes sqrt(1 - x * x), as sqrt((1 - x) * (1 + x)): nothing is lost near 1.
    .macro PUSH_COSINE
    fld1
    fsubl X
    fld1
    faddl X
    fmulp %st, %st(1)
    fsqrt
    .endm

    .globl _asin
_asin:
    fldl X
    PUSH_COSINE
    fpatan
    ret

    .globl _acos
_acos:
    PUSH_COSINE
    fldl X
    fpatan
    ret

    .globl _atan
_atan:
    fldl X
    fld1
    fpatan
    ret

// An angle of 2^63 and more is brought into one circle first.
    .globl _tan
_tan:
    fldl X
    fptan
    fnstsw %ax
    testb $OUT_OF_RANGE, %ah
    jz 2f
    fldpi
    fadd %st(0), %st
    fxch
1:  fprem1
    fnstsw %ax
    testb $OUT_OF_RANGE, %ah
    jnz 1b
    fstp %st(1)
    fptan
2:  fstp %st(0)             // fptan has pushed a 1
    ret

    .globl _log10
_log10:
    fldlg2
    fldl X
    fyl2x
    ret
