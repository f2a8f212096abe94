// Private to fuzz.exe: what its calls are made of.
#pragma once

#include "nt/types.h"

/// Random numbers that a seed decides (xorshift).
class RANDOM {
public:
    explicit constexpr RANDOM(ULONG seed) : m_state(seed * 2654435761u + 1) {
        if (m_state == 0) m_state = 1;
    }
    ULONG Next() {
        m_state ^= m_state << 13;
        m_state ^= m_state >> 17;
        m_state ^= m_state << 5;
        return m_state;
    }
    ULONG Below(ULONG limit) { return ULONG(ULONGLONG(Next()) * limit >> 32); }
    bool OneIn(ULONG chances) { return Below(chances) == 0; }
    template <typename T, ULONG COUNT> T Of(const T (&choices)[COUNT]) { return choices[Below(COUNT)]; }

private:
    ULONG m_state;
};

// Memory whose places are known. The arena's pages: four to read and write, then reserved, read-only, guard, reserved.
constexpr ULONG FUZZ_ARENA = 0x20000000, FUZZ_ARENA_END = FUZZ_ARENA + 0x4000;
constexpr ULONG FUZZ_BLOCKS = FUZZ_ARENA + 0x3000; ///< the last writable page: blocks of arguments
constexpr ULONG FUZZ_CROWDED = 0x600; ///< bytes at the arena's start that most pointers lead to: they overlap
constexpr ULONG FUZZ_TIDY = FUZZ_ARENA + FUZZ_CROWDED, FUZZ_TIDY_BYTES = 0x1400; ///< of each caller
constexpr ULONG FUZZ_PLAY = 0x30000000;  ///< addresses to allocate and to map at
constexpr ULONG FUZZ_STACK = 0x38000000; ///< where contexts have their stack
constexpr ULONG FUZZ_STACK_BYTES = 0x10000;

/// Fills addresses and makes the first handles.
void FuzzPrepare();
/// Makes the arguments of a call up. @param kinds a letter each (services/generate.py). @param gives type of the handle that it gives. @param tidy the caller's own memory, where what
/// they point to may lie apart
void FuzzArguments(RANDOM& random, const char* kinds, ULONG gives, ULONG tidy, ULONG* words);
/// A call returned a handle of that type there.
void FuzzLearn(RANDOM& random, ULONG type, ULONG address);
/// A word of any kind, for memory that arguments lead to.
ULONG FuzzWord(RANDOM& random);
/// A pointer that no service may follow.
ULONG FuzzBadPointer(RANDOM& random);
/// Where a thread goes on whose registers a call has replaced. @returns its address
ULONG FuzzResumeAddress();
