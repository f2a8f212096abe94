// KxRandom: the random numbers of one run, from its seed and nothing else.
//
// A seed is mixed first, so that neighbouring seeds give unrelated runs. 32 bits of state: good enough for schedules,
// and the same on every machine.
// Locks: none, it belongs to the baton's holder. IRQL: any.
// In the books: none. SYH-01
#pragma once

#include "nt/types.h"

/// A small generator of random numbers: the same seed gives the same schedule.
class KxRandom {
public:
    void Seed(ULONG seed) {
        ULONG x = seed + 0x9E3779B9u; // the finalizer of MurmurHash3 (public domain, Austin Appleby)
        x = (x ^ x >> 16) * 0x85EBCA6Bu;
        x = (x ^ x >> 13) * 0xC2B2AE35u;
        m_state = (x ^ x >> 16) | 1; // xorshift never leaves 0
    }
    ULONG Next() { // xorshift32 (Marsaglia 2003), its output scrambled by a multiplication
        m_state ^= m_state << 13;
        m_state ^= m_state >> 17;
        m_state ^= m_state << 5;
        return m_state * 0x9E3779BBu;
    }
    /// 0..bound-1; bound at least 1.
    ULONG Below(ULONG bound) { return ULONG(ULONGLONG(Next()) * bound >> 32); }
    /// One of the bits of `set`, which has at least one.
    ULONG OneOf(ULONG set) {
        ULONG skip = Below(ULONG(__builtin_popcount(set)));
        while (skip-- > 0)
            set &= set - 1;
        return ULONG(__builtin_ctz(set));
    }

private:
    ULONG m_state = 1;
};
