// Arithmetic on 64-bit numbers by its Rtl names.
//
// Sums, differences and products wrap, so they are made of unsigned numbers. A divisor of 0 faults as the instruction does.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/largeinteger.h"

namespace {

constexpr CHAR SHIFT_MASK = 63;
constexpr ULONG WORD_BITS = 32;

LARGE_INTEGER Large(ULONGLONG value) { return {.QuadPart = static_cast<LONGLONG>(value)}; }
ULONGLONG Bits(LARGE_INTEGER value) { return static_cast<ULONGLONG>(value.QuadPart); }

/// The high half of a product of 128 bits, from four products of 32 bits.
ULONGLONG HighProduct(ULONGLONG left, ULONGLONG right) {
    const ULONGLONG leftLow = static_cast<ULONG>(left);
    const ULONGLONG leftHigh = left >> WORD_BITS;
    const ULONGLONG rightLow = static_cast<ULONG>(right);
    const ULONGLONG rightHigh = right >> WORD_BITS;
    const ULONGLONG low = leftLow * rightLow;
    const ULONGLONG middle = leftHigh * rightLow + (low >> WORD_BITS); // at most (2^32 - 1)^2 + 2^32 - 1: fits
    const ULONGLONG other = leftLow * rightHigh + static_cast<ULONG>(middle);
    return leftHigh * rightHigh + (middle >> WORD_BITS) + (other >> WORD_BITS);
}

} // namespace

extern "C" {

LARGE_INTEGER NTAPI RtlConvertLongToLargeInteger(LONG SignedInteger) { return {.QuadPart = SignedInteger}; }

LARGE_INTEGER NTAPI RtlConvertUlongToLargeInteger(ULONG UnsignedInteger) { return Large(UnsignedInteger); }

LARGE_INTEGER NTAPI RtlLargeIntegerAdd(LARGE_INTEGER Addend1, LARGE_INTEGER Addend2) {
    return Large(Bits(Addend1) + Bits(Addend2));
}

LARGE_INTEGER NTAPI RtlLargeIntegerSubtract(LARGE_INTEGER Minuend, LARGE_INTEGER Subtrahend) {
    return Large(Bits(Minuend) - Bits(Subtrahend));
}

LARGE_INTEGER NTAPI RtlLargeIntegerNegate(LARGE_INTEGER Subtrahend) { return Large(0 - Bits(Subtrahend)); }

LARGE_INTEGER NTAPI RtlLargeIntegerShiftLeft(LARGE_INTEGER LargeInteger, CHAR ShiftCount) {
    return Large(Bits(LargeInteger) << (ShiftCount & SHIFT_MASK));
}

LARGE_INTEGER NTAPI RtlLargeIntegerShiftRight(LARGE_INTEGER LargeInteger, CHAR ShiftCount) {
    return Large(Bits(LargeInteger) >> (ShiftCount & SHIFT_MASK));
}

LARGE_INTEGER NTAPI RtlLargeIntegerArithmeticShift(LARGE_INTEGER LargeInteger, CHAR ShiftCount) {
    return {.QuadPart = LargeInteger.QuadPart >> (ShiftCount & SHIFT_MASK)};
}

LARGE_INTEGER NTAPI RtlEnlargedIntegerMultiply(LONG Multiplicand, LONG Multiplier) {
    return {.QuadPart = LONGLONG(Multiplicand) * Multiplier};
}

LARGE_INTEGER NTAPI RtlEnlargedUnsignedMultiply(ULONG Multiplicand, ULONG Multiplier) {
    return Large(ULONGLONG(Multiplicand) * Multiplier);
}

LARGE_INTEGER NTAPI RtlExtendedIntegerMultiply(LARGE_INTEGER Multiplicand, LONG Multiplier) {
    return Large(Bits(Multiplicand) * static_cast<ULONGLONG>(LONGLONG(Multiplier)));
}

ULONG NTAPI RtlEnlargedUnsignedDivide(ULARGE_INTEGER Dividend, ULONG Divisor, ULONG* Remainder) {
    if (Remainder) *Remainder = static_cast<ULONG>(Dividend.QuadPart % Divisor);
    return static_cast<ULONG>(Dividend.QuadPart / Divisor);
}

LARGE_INTEGER NTAPI RtlExtendedLargeIntegerDivide(LARGE_INTEGER Dividend, ULONG Divisor, ULONG* Remainder) {
    if (Remainder) *Remainder = static_cast<ULONG>(Bits(Dividend) % Divisor);
    return Large(Bits(Dividend) / Divisor);
}

LARGE_INTEGER NTAPI RtlLargeIntegerDivide(LARGE_INTEGER Dividend, LARGE_INTEGER Divisor, PLARGE_INTEGER Remainder) {
    if (Remainder) Remainder->QuadPart = Dividend.QuadPart % Divisor.QuadPart;
    return {.QuadPart = Dividend.QuadPart / Divisor.QuadPart};
}

LARGE_INTEGER NTAPI RtlExtendedMagicDivide(LARGE_INTEGER Dividend, LARGE_INTEGER MagicDivisor, CHAR ShiftCount) {
    const bool negative = Dividend.QuadPart < 0;
    const ULONGLONG magnitude = negative ? 0 - Bits(Dividend) : Bits(Dividend);
    const ULONGLONG quotient = HighProduct(magnitude, Bits(MagicDivisor)) >> (ShiftCount & SHIFT_MASK);
    return Large(negative ? 0 - quotient : quotient);
}
}
