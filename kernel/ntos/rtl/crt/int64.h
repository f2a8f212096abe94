// Division of 64-bit integers by 32-bit instructions: the algorithms behind the compiler's helper calls.
//
// A 32-bit processor has one instruction for it: 64 bits by 32 bits, if the quotient fits 32 bits. Everything else is
// built from that one. A divisor of 0 raises the processor's own divide fault, as for 32-bit integers.
// In the books: "run-time library: arithmetic". EXE-01
#pragma once

#if defined(MICA_HOST)
#include "dividewide_host.h"
#else
#include "i386/dividewide.h"
#endif

namespace nt {

/// Both results of a division.
struct Division {
    ULONGLONG Quotient;
    ULONGLONG Remainder;
};

/// Any 64-bit dividend by any 64-bit divisor.
inline Division DivideUnsigned(ULONGLONG dividend, ULONGLONG divisor) {
    const auto high = static_cast<ULONG>(divisor >> 32);
    const auto low = static_cast<ULONG>(divisor);
    ULONG remainder;
    if (high == 0) { // schoolbook: two digits of 32 bits, one after the other
        const ULONG first = DivideWide(dividend >> 32, low, &remainder);
        const ULONG second = DivideWide(ULONGLONG(remainder) << 32 | static_cast<ULONG>(dividend), low, &remainder);
        return {ULONGLONG(first) << 32 | second, remainder};
    }
    // The quotient has one digit. Estimate it from the divisor's 32 leading bits: the estimate is exact or one too
    // large; taking one off and correcting upwards avoids an overflow of the product.
    const int shift = __builtin_clz(high);
    const auto leading = static_cast<ULONG>((divisor << shift) >> 32);
    const ULONG estimate = DivideWide(dividend >> 1, leading, &remainder);
    ULONGLONG quotient = (ULONGLONG(estimate) << shift) >> 31;
    if (quotient) quotient--;
    ULONGLONG rest = dividend - quotient * divisor;
    if (rest >= divisor) {
        quotient++;
        rest -= divisor;
    }
    return {quotient, rest};
}

/// The magnitude, also of the most negative value.
constexpr ULONGLONG Magnitude(LONGLONG value) {
    return value < 0 ? 0 - static_cast<ULONGLONG>(value) : static_cast<ULONGLONG>(value);
}

/// Rounds towards 0; the remainder has the dividend's sign.
inline LONGLONG DivideSigned(LONGLONG dividend, LONGLONG divisor) {
    const ULONGLONG quotient = DivideUnsigned(Magnitude(dividend), Magnitude(divisor)).Quotient;
    return static_cast<LONGLONG>((dividend < 0) != (divisor < 0) ? 0 - quotient : quotient);
}

inline LONGLONG RemainderSigned(LONGLONG dividend, LONGLONG divisor) {
    const ULONGLONG remainder = DivideUnsigned(Magnitude(dividend), Magnitude(divisor)).Remainder;
    return static_cast<LONGLONG>(dividend < 0 ? 0 - remainder : remainder);
}

} // namespace nt
