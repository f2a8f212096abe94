// The helper calls that the compiler makes for 64-bit division: _alldiv, _allrem, _aulldiv, _aullrem, _allmul.
//
// Arguments on the stack, removed by the callee; result in edx:eax. The names carry no @16, hence the asm labels.
// Shifts and most products are expanded in line and need no help.
// EXE-01
#include "../int64.h"

#define HELPER(name) __asm__("__" #name)

extern "C" {
LONGLONG NTAPI SignedQuotient(LONGLONG dividend, LONGLONG divisor) HELPER(alldiv);
LONGLONG NTAPI SignedRemainder(LONGLONG dividend, LONGLONG divisor) HELPER(allrem);
ULONGLONG NTAPI UnsignedQuotient(ULONGLONG dividend, ULONGLONG divisor) HELPER(aulldiv);
ULONGLONG NTAPI UnsignedRemainder(ULONGLONG dividend, ULONGLONG divisor) HELPER(aullrem);
ULONGLONG NTAPI Product(ULONGLONG left, ULONGLONG right) HELPER(allmul);

LONGLONG NTAPI SignedQuotient(LONGLONG dividend, LONGLONG divisor) { return nt::DivideSigned(dividend, divisor); }
LONGLONG NTAPI SignedRemainder(LONGLONG dividend, LONGLONG divisor) { return nt::RemainderSigned(dividend, divisor); }

ULONGLONG NTAPI UnsignedQuotient(ULONGLONG dividend, ULONGLONG divisor) {
    return nt::DivideUnsigned(dividend, divisor).Quotient;
}

ULONGLONG NTAPI UnsignedRemainder(ULONGLONG dividend, ULONGLONG divisor) {
    return nt::DivideUnsigned(dividend, divisor).Remainder;
}

ULONGLONG NTAPI Product(ULONGLONG left, ULONGLONG right) {
    const auto leftLow = static_cast<ULONG>(left);
    const auto rightLow = static_cast<ULONG>(right);
    const ULONG high = static_cast<ULONG>(left >> 32) * rightLow + leftLow * static_cast<ULONG>(right >> 32);
    return ULONGLONG(leftLow) * rightLow + (ULONGLONG(high) << 32);
}
}
