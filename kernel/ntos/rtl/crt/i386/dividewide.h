// The processor's widest division: 64 bits by 32 bits.
#pragma once

#include "nt/assert.h"
#include "nt/types.h"

namespace nt {

/// Needs high(dividend) < divisor: the quotient must fit 32 bits. Otherwise, and for a divisor of 0, the processor
/// faults.
inline ULONG DivideWide(ULONGLONG dividend, ULONG divisor, ULONG* remainder) {
    NT_ASSERT(divisor == 0 || (dividend >> 32) < divisor);
    ULONG quotient;
    __asm__("divl %4"
            : "=a"(quotient), "=d"(*remainder)
            : "a"(static_cast<ULONG>(dividend)), "d"(static_cast<ULONG>(dividend >> 32)), "rm"(divisor)
            : "cc");
    return quotient;
}

} // namespace nt
