// Host tests: the processor's widest division, with the same contract as i386/dividewide.h.
#pragma once

#include "nt/assert.h"
#include "nt/types.h"

namespace nt {

inline ULONG DivideWide(ULONGLONG dividend, ULONG divisor, ULONG* remainder) {
    NT_ASSERT((dividend >> 32) < divisor);
    *remainder = static_cast<ULONG>(dividend % divisor);
    return static_cast<ULONG>(dividend / divisor);
}

} // namespace nt
