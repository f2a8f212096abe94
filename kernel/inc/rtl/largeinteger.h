// Arithmetic on 64-bit numbers, for drivers that were written before compilers knew such numbers.
//
// Any IRQL. In the books: "executive support: run-time library". EXE-01
#pragma once

#include "nt/types.h"

/// An unsigned 64-bit value.
union ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    ULONGLONG QuadPart;
};
using PULARGE_INTEGER = ULARGE_INTEGER*;

extern "C" {
NTKERNELAPI LARGE_INTEGER NTAPI RtlConvertLongToLargeInteger(LONG SignedInteger);
NTKERNELAPI LARGE_INTEGER NTAPI RtlConvertUlongToLargeInteger(ULONG UnsignedInteger);
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerAdd(LARGE_INTEGER Addend1, LARGE_INTEGER Addend2);
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerSubtract(LARGE_INTEGER Minuend, LARGE_INTEGER Subtrahend);
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerNegate(LARGE_INTEGER Subtrahend);
/// Shift by 0..63 bits (of a larger count the low six bits).
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerShiftLeft(LARGE_INTEGER LargeInteger, CHAR ShiftCount);
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerShiftRight(LARGE_INTEGER LargeInteger, CHAR ShiftCount);
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerArithmeticShift(LARGE_INTEGER LargeInteger, CHAR ShiftCount);
/// 32 bits by 32 bits, the whole product.
NTKERNELAPI LARGE_INTEGER NTAPI RtlEnlargedIntegerMultiply(LONG Multiplicand, LONG Multiplier);
NTKERNELAPI LARGE_INTEGER NTAPI RtlEnlargedUnsignedMultiply(ULONG Multiplicand, ULONG Multiplier);
/// 64 bits by 32 bits, the low 64 bits of the product.
NTKERNELAPI LARGE_INTEGER NTAPI RtlExtendedIntegerMultiply(LARGE_INTEGER Multiplicand, LONG Multiplier);
/// Unsigned. A quotient of more than 32 bits is cut. @param Remainder may be nullptr
NTKERNELAPI ULONG NTAPI RtlEnlargedUnsignedDivide(ULARGE_INTEGER Dividend, ULONG Divisor, ULONG* Remainder);
/// Unsigned. @param Remainder may be nullptr
NTKERNELAPI LARGE_INTEGER NTAPI RtlExtendedLargeIntegerDivide(LARGE_INTEGER Dividend, ULONG Divisor, ULONG* Remainder);
/// Signed, rounded towards 0. @param Remainder has the dividend's sign; may be nullptr
NTKERNELAPI LARGE_INTEGER NTAPI RtlLargeIntegerDivide(LARGE_INTEGER Dividend, LARGE_INTEGER Divisor,
                                                      PLARGE_INTEGER Remainder);
/// Division by a constant as a multiplication by its reciprocal. @param MagicDivisor 2^(64 + ShiftCount) / divisor, unsigned
NTKERNELAPI LARGE_INTEGER NTAPI RtlExtendedMagicDivide(LARGE_INTEGER Dividend, LARGE_INTEGER MagicDivisor,
                                                       CHAR ShiftCount);
}
